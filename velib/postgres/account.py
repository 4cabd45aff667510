"""As whom the server runs. PostgreSQL refuses to run as root, so root has to lend it another face.

An ordinary user runs it as themselves. Root runs it as `nobody`, when that user can reach the programs and the data. When it
cannot (everything under a /root of mode 0700), root runs it in a user namespace in which it only looks like another user.
The owner of the data folder remembers which of these it was.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from velib.core.errors import VelibError
from velib.postgres import binaries

_NOBODY = 65534


class Account(NamedTuple):
    """How to start a program of PostgreSQL: as which user, behind which words."""

    uid: int | None = None  # None: as we are
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    @property
    def popen(self) -> dict[str, object]:
        """The keyword arguments for subprocess.Popen and run."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give `path` to the server's user."""
        if self.uid is not None:
            assert self.gid is not None
            os.chown(path, self.uid, self.gid)


def choose_new(parent: Path) -> Account:
    """The account for a server whose data folder is yet to be made in `parent`."""
    if os.geteuid() != 0:
        return Account()
    account = _nobody()
    if account is not None and _works(account, parent):
        return account
    return _namespace(parent)


def choose_existing(data: Path) -> Account:
    """The account for a server that has its data folder: it stays with the folder's owner."""
    owner = data.stat().st_uid
    us = os.geteuid()
    if us != 0:
        if owner != us:
            raise VelibError(f"{data} belongs to another user; set VELIB_HOME to a folder of your own")
        return Account()
    if owner == 0:
        return _namespace(data)
    account = Account(owner, data.stat().st_gid)
    if not _works(account, data):
        raise VelibError(
            f"PostgreSQL cannot run as root, and user {_name(owner)}, who owns {data}, cannot reach it or the programs in "
            f"{binaries.directory()}"
        )
    return account


def _nobody() -> Account | None:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _namespace(folder: Path) -> Account:
    """A user namespace in which root's own files appear to be another user's: no rights over them are lost."""
    unshare = shutil.which("unshare")
    if unshare is not None:
        words = (unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
        account = Account(prefix=words)
        if _works(account, folder):
            return account
    raise VelibError(
        "PostgreSQL cannot run as root, user `nobody` cannot reach the project or VELIB_HOME, and this machine allows no user "
        "namespace: run as an ordinary user, or move both out of root's home"
    )


def _works(account: Account, folder: Path) -> bool:
    """Whether the account can run the programs and get into `folder`. Tried, not computed: mounts and ACLs have their say."""
    test = 'cd "$1" && exec "$0" --version'
    try:
        done = subprocess.run(
            [*account.prefix, "/bin/sh", "-c", test, binaries.program("postgres"), str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            **account.popen,  # type: ignore[call-overload]
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(done.returncode == 0)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
