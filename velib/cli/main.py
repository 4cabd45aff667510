"""The `velib` command. It knows no verb: each is found in the entry-point group `velib.commands` and loaded when needed."""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from velib.core import settings
from velib.core.errors import VelibError, refused_by_the_system

GROUP = "velib.commands"


class _Shown(click.ClickException):
    """A VelibError on its way to the user: one line, no traceback."""

    def __init__(self, error: VelibError) -> None:
        # A file's name may hold what a terminal would obey.
        line = " ".join(str(error).split())
        super().__init__("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click sets it on instances too

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", file=file or sys.stderr)


class VerbGroup(click.Group):
    """A click group whose commands are the entry points of the installed packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = _verbs().get(cmd_name)
        if verb is None:
            return None
        try:
            command = verb.load()
        except (ImportError, AttributeError) as error:
            return _broken(cmd_name, error)
        assert isinstance(command, click.Command), f"{verb.value} is no click command"
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VelibError as error:
            raise _Shown(error) from error
        except OSError as error:
            raise _Shown(refused_by_the_system(error)) from error
        except MemoryError as error:
            raise _Shown(VelibError("there is not enough memory")) from error


def _verbs() -> dict[str, EntryPoint]:
    return {verb.name: verb for verb in entry_points(group=GROUP)}


def _broken(name: str, error: Exception) -> click.Command:
    """What stands for a verb that cannot be loaded: out of --help, and saying why when it is called."""

    @click.command(name, hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def broken(arguments: Sequence[str]) -> None:
        raise VelibError(f"`velib {name}` cannot be loaded: {error}") from error

    return broken


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="velib-warehouse", prog_name="velib")
def velib() -> None:
    """Bike-share snapshots into a PostgreSQL warehouse.

    Start with `velib demo`, or load your own files: `velib load PATH`, then `velib build`.
    """


def main() -> None:
    settings.set_encoding()
    velib(prog_name="velib")


if __name__ == "__main__":
    main()
