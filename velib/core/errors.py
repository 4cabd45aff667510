"""The errors a user can mend. The command line shows their message as one line, without a traceback."""

import errno


class VelibError(Exception):
    """Something the user can mend; the message is the one line that is shown. Exit code 1."""

    exit_code = 1


class UsageError(VelibError):
    """The command was called wrongly. Exit code 2."""

    exit_code = 2


# What a machine refuses: a right, a disk that is full or read-only, a limit. Nothing of it is a mistake of the code.
_OF_THE_MACHINE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR),
}


def refused_by_the_system(error: OSError) -> VelibError:
    """The one line for what the machine refuses. Raises the error again where that is not what it is."""
    if error.errno not in _OF_THE_MACHINE:
        raise error
    what = f"cannot use {error.filename}" if error.filename else "the machine refuses"
    return VelibError(f"{what}: {error.strerror}")
