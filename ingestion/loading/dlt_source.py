"""The dlt side: a pipeline into the raw schema, and one load of Arrow tables through it.

Each process that loads has a working folder of its own, so a killed load leaves no pending package that a later one
might finish: its rows stay without a completed load and count for nothing. The caller holds the load lock.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from velib.core.errors import VelibError
from velib.core.imports import uncollected
from velib.core.settings import velib_home

PIPELINE = "velib"
DATASET = "raw"

# `psycopg2.OperationalError: what happened`, as a traceback ends.
_RAISED = re.compile(r"^[\w.]*(?:Error|Exception): *(.*\S)", re.MULTILINE)


def load_tables(
    tables: Iterator[tuple[str, pa.Table]], database_url: str, work_folder: Path, on_begin: Callable[[str], None]
) -> str:
    """Append (table name, rows) pairs to the raw schema in one dlt load and return its load id.

    `on_begin` gets that id before anything is written. Nothing of it counts until the caller says so
    (`catalog.complete_load`). Raises VelibError when the database does not take it; an error of `tables` or `on_begin`
    itself passes through.
    """
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    # Never a second COPY of the same rows: where a connection breaks, nobody knows whether the first was committed.
    os.environ["LOAD__RAISE_ON_MAX_RETRIES"] = "1"
    # A folder lives for one process, and the tables are there: no state to bring back, or to hand on. No trace to write either.
    os.environ["RESTORE_FROM_DESTINATION"] = "false"
    os.environ["ENABLE_RUNTIME_TRACE"] = "false"
    # dlt takes half a second to import: only a load that has something to write pays for it.
    with uncollected():
        import dlt
        from dlt.common.storages import data_item_storage
        from dlt.common.storages.load_package import load_package_state
        from dlt.pipeline.exceptions import PipelineStepFailed

        from ingestion.loading.credentials import Address

    data_item_storage.BufferedDataWriter = _writer_in_any_folder()  # type: ignore[attr-defined]
    failure: list[BaseException] = []

    def change_sets() -> Iterator[Any]:
        load_id = load_package_state()["load_id"]
        try:
            on_begin(load_id)
            for name, table in tables:
                if name == "snapshots":
                    table = table.append_column("_dlt_load_id", pa.array([load_id] * len(table), pa.string()))
                yield dlt.mark.with_table_name(table, name)
        except Exception as error:
            failure.append(error)
            raise

    try:
        pipeline = dlt.pipeline(
            PIPELINE,
            destination=dlt.destinations.postgres(credentials=Address.of(database_url)),
            dataset_name=DATASET,
            pipelines_dir=str(work_folder),
        )
        info = pipeline.run(
            dlt.resource(change_sets, name="snapshots", write_disposition="append"), loader_file_format="parquet"
        )
        info.raise_on_failed_jobs()
    except PipelineStepFailed as error:
        if failure:
            raise failure[0] from None
        if error.step != "load" and (refused := _refused_by_the_system(error)):
            raise _cannot_write(work_folder.parent, refused) from error
        raise VelibError(
            f"the database did not take the load (step {error.step}): {_cause(error.exception)}; "
            "nothing of this batch counts, load again"
        ) from error
    except OSError as error:  # before its first step dlt writes down its state
        raise _cannot_write(work_folder.parent, error) from error
    return str(info.loads_ids[0])


@cache
def _writer_in_any_folder() -> type[Any]:
    """dlt puts a file's number into its whole path with Python's `%`, so that a folder's own `%` has to be doubled."""
    from dlt.common.data_writers.buffered import BufferedDataWriter

    class Writer(BufferedDataWriter[Any]):
        def __init__(self, writer_spec: Any, file_name_template: str, **options: Any) -> None:
            folder, name = os.path.split(file_name_template)
            super().__init__(writer_spec, os.path.join(folder.replace("%", "%%"), name), **options)

    return Writer


def _refused_by_the_system(error: BaseException | None) -> OSError | None:
    """The error of the operating system that an error of dlt comes from, if it does: a full disk, for instance."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error
        error = error.__cause__ or error.__context__
    return None


def _cannot_write(folder: Path, error: OSError) -> VelibError:
    why = error.strerror or str(error)
    return VelibError(f"cannot write to {folder}: {why}; nothing of this batch counts, load again")


def _cause(error: BaseException) -> str:
    """The line of dlt's message that says why: where it quotes a whole traceback, the error at that one's end."""
    raised = _RAISED.findall(str(error))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return str(raised[-1]) if raised else lines[0]


@contextmanager
def work_folder() -> Iterator[Path]:
    """A working folder for this process's loads, gone afterwards. Folders of dead processes are cleared away.

    A lock on the folder itself says that its process lives: a process id would say nothing to another container.
    """
    root = velib_home() / "dlt"
    held = ExitStack()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):  # nobody sweeps away a folder that is made but not yet locked
            for left in root.iterdir():
                with suppress(OSError), _locked(left, wait=False):
                    shutil.rmtree(left, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
            held.enter_context(_locked(folder))
    except OSError as error:
        raise _cannot_write(root, error) from error
    with held:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Hold a folder's lock; it ends with the process, however that ends. Raises OSError when another holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
