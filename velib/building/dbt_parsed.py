"""The project as dbt has read it, kept in a file: to read it takes dbt some five seconds, and the file a tenth of one.

What dbt makes of a project's files follows from them, its version and the database's name, which is in each relation's. So that is
what a file is known by; what a command line or the environment may say besides is for whoever asks (dbt_process.py) to rule out.
"""

import contextlib
import hashlib
import pickle
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from velib.building import unchanged_models
from velib.core.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "parsed.bin"


def read(folder: "Path", database: str) -> Any:
    """The manifest of the project as it is now; None where none is kept. dbt has to be imported."""
    from dbt.contracts.graph.manifest import Manifest

    try:
        known_by, _, content = (folder / _NAME).read_bytes().partition(b"\n")
        if known_by.decode() != _known_by(database):
            return None
        manifest = Manifest()
        vars(manifest).update(pickle.loads(content))  # noqa: S301 (our own, as Python's .pyc)
    except Exception:  # noqa: BLE001 (whatever is wrong with what is kept, dbt reads the project)
        return None
    return manifest


def keep(manifest: Any, folder: "Path", database: str, fingerprint: str) -> None:
    """For the next process, unless a variable of the environment had a say in it. `fingerprint` is from before dbt read it."""
    if manifest.env_vars or fingerprint != unchanged_models.fingerprint():
        return
    # Of dbt's own way to pickle one some fields come back in the place of others. What begins with _ is made when it is missing.
    content = {name: value for name, value in vars(manifest).items() if not name.startswith("_")}
    with contextlib.suppress(OSError, pickle.PickleError):
        write_atomically(
            (folder / _NAME), _known_by(database).encode() + b"\n" + pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
        )


def _known_by(database: str) -> str:
    """standing.fingerprint() has dbt's versions and the project's files."""
    versions = f"{sys.version} {version('dbt-common')} {version('dbt-adapters')}"
    return hashlib.sha256(f"{versions}\0{database}\0{unchanged_models.fingerprint()}".encode()).hexdigest()
