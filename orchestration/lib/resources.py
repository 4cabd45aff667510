"""The database and dbt as Dagster resources. Nothing is looked for, started or connected before a run asks for it."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DbtCliResource
from dagster_dbt.compat import DBT_PYTHON_VERSION
from dagster_dbt.errors import DagsterDbtError

from velib.building import dbt_process
from velib.core import settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


class Warehouse(dg.ConfigurableResource):
    """The warehouse's database, by the rule of `velib.postgres.connections`: the embedded server is started when it is needed."""

    @contextlib.contextmanager
    def connect(self) -> "Iterator[Connection]":
        from velib.postgres.database import connect

        with contextlib.closing(connect("velib dagster", autocommit=True)) as connection:
            yield connection


class Dbt(dg.ConfigurableResource):
    """dbt on the warehouse, with the files and the lock of `velib build`: of the two, one runs at a time."""

    @contextlib.contextmanager
    def stream(
        self, arguments: Sequence[str], context: dg.AssetExecutionContext, connection: "Connection"
    ) -> Iterator[Iterator[Any]]:
        """The events of a dbt run on what the context selects. Leaving it early ends dbt."""
        from velib.postgres import dbt_profile

        profiles = dbt_profile.require()
        os.environ.update(settings.child_environment())  # dbt runs in its own folder: the home must be absolute
        # It is dbt's process that waits; what that says stands in the run's raw output only.
        if (pid := dbt_process.holder(connection)) is not None:
            context.log.info(f"waiting for another build to end (pid {pid})")
        program, *options = dbt_process.command()
        client = _DbtCli(
            project_dir=str(settings.dbt_project()),
            profiles_dir=str(profiles),
            dbt_executable=program,
            global_config_flags=options,
        )
        # The target folder of `velib build`: dbt then parses only what has changed since either ran.
        invocation = client.cli(arguments, context=context, target_path=dbt_process.folder() / "target")
        try:
            yield invocation.stream()
        except DagsterDbtError as error:
            if refusal := dbt_process.refusal(str(error)):
                raise dg.Failure(refusal, allow_retries=dbt_process.may_pass(refusal)) from None
            if dbt_process.may_pass(str(error)):
                raise
            # A model or a data test: the same again would come to the same.
            raise dg.Failure(str(error), allow_retries=False) from None
        finally:
            if invocation.process.poll() is None:
                invocation.process.terminate()
                invocation.process.wait()


class _DbtCli(DbtCliResource):
    """dagster-dbt's own, without what it does before each run for row counts that we do not ask it for: 6 s on this project.

    Both are private there; its version is pinned, and should they go, nothing breaks but the time.
    """

    @cached_property
    def _cli_version(self) -> Any:  # there: `dbt --version` in a process of its own
        return DBT_PYTHON_VERSION

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # there: dbt imported, its macros parsed
        return None


def dbt_executable() -> str:
    """The dbt beside our Python, whatever the PATH says."""
    return str(Path(sys.executable).parent / "dbt")
