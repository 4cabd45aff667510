"""The dlt side: a pipeline into the raw schema, and one load of Arrow tables through it.

Each load has a working folder of its own, so a killed load leaves no pending package that a later one might finish: its
rows stay without a completed load and count for nothing. The caller holds the load lock.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.errors import VelibError
from warehouse.settings import velib_home

PIPELINE = "velib"
DATASET = "raw"


def load_tables(tables: Iterator[tuple[str, pa.Table]], database_url: str, work_folder: Path) -> str:
    """Append (table name, rows) pairs to the raw schema in one dlt load and return its load id.

    Nothing of it counts before this returns. Raises VelibError when the database does not take it; an error of `tables`
    itself passes through.
    """
    # dlt takes more than a second to import: only a load that has something to write pays for it.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    import dlt
    from dlt.common.storages.load_package import load_package_state
    from dlt.pipeline.exceptions import PipelineStepFailed

    failure: list[BaseException] = []

    def change_sets() -> Iterator[Any]:
        load_id = load_package_state()["load_id"]
        try:
            for name, table in tables:
                if name == "snapshots":
                    table = table.append_column("_dlt_load_id", pa.array([load_id] * len(table), pa.string()))
                yield dlt.mark.with_table_name(table, name)
        except Exception as error:
            failure.append(error)
            raise

    pipeline = dlt.pipeline(
        PIPELINE,
        destination=dlt.destinations.postgres(credentials=database_url),
        dataset_name=DATASET,
        pipelines_dir=str(work_folder),
    )
    try:
        info = pipeline.run(
            dlt.resource(change_sets, name="snapshots", write_disposition="append"), loader_file_format="parquet"
        )
        info.raise_on_failed_jobs()
    except PipelineStepFailed as error:
        if failure:
            raise failure[0] from None
        cause = str(error.exception).strip().splitlines()
        raise VelibError(
            f"the database did not take the load (step {error.step}): {cause[0] if cause else error}; "
            "nothing of this batch counts, load again"
        ) from error
    return str(info.loads_ids[0])


@contextmanager
def work_folder() -> Iterator[Path]:
    """A working folder for this process's loads, gone afterwards. Folders of dead processes are cleared away."""
    root = velib_home() / "dlt"
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        pid = left.name.partition("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
