"""The errors a user can mend. The command line shows their message as one line, without a traceback."""


class VelibError(Exception):
    """Something the user can mend; the message is the one line that is shown. Exit code 1."""

    exit_code = 1


class UsageError(VelibError):
    """The command was called wrongly. Exit code 2."""

    exit_code = 2
