"""Small file systems of a test's own, and a view of the machine in which one folder is read-only. Root alone may have them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A tmpfs at `folder` with these options; the test is skipped where none is to be had."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    refusal = quietly("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if refusal:
        pytest.skip(f"no small file system to be had: {refusal}")
    try:
        yield
    finally:
        assert not quietly("umount", str(folder))


def seen_read_only(folder: Path) -> list[str]:
    """The words before a command for which `folder` is read-only: for no other process is it so."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root, with unshare, sees a folder as read-only that others write to")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    words = ["unshare", "--mount", "--propagation=private", "sh", "-c", script, str(folder)]
    refusal = quietly(*words, "true")
    if refusal:
        pytest.skip(f"no read-only view of a folder to be had: {refusal}")
    return words


def as_somebody_else() -> list[str]:
    """The words before a command that runs as another user: who may read all files, since Python may lie in root's home."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root, with setpriv, runs a command as another user")
    words = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    words += [f"--{which}=-all,+dac_read_search" for which in ("bounding-set", "inh-caps", "ambient-caps")]
    refusal = quietly(*words, "true")
    if refusal:
        pytest.skip(f"no other user to be had: {refusal}")
    return words


def quietly(*command: str) -> str:
    """Run a command of the system; what it had to complain about."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        return str(error)
