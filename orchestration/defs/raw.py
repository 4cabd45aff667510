"""The raw schema as assets: calls of the loader, which fills all of its tables at once, and of what cleans them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from orchestration.defs import landing
from orchestration.lib.archive import first_day, paths_of_days
from orchestration.lib.feed_checks import CHECKS, feed_checks
from orchestration.lib.landing_zone import LandingZone
from orchestration.lib.layers import OWNERS, layer_tags
from orchestration.lib.load_report import ProgressLog, metadata_by_table, quarantine_check
from orchestration.lib.plots import snapshots_by_day
from orchestration.lib.resources import Warehouse
from orchestration.lib.runs import RETRIES
from orchestration.lib.table_metadata import describe

GROUP = "raw"
SNAPSHOTS = dg.AssetKey([GROUP, "snapshots"])

# Collectors run every 15 minutes or oftener, and files that land are loaded within a minute.
_FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=1), fail_window=timedelta(hours=24))

_TABLES = {
    "snapshots": "One row a snapshot and load.",
    "station_change_sets": "One row a change set: the stations whose status differs from the snapshot before.",
    "station_attribute_changes": "Stations whose attributes differ from the snapshot before.",
    "bike_change_sets": "One row a change set: the bikes elsewhere or in another condition than before, or that have left.",
    "quarantined_files": "Files that cannot count, and why.",
    "loads": "The loads that were begun: what one of them wrote counts once it is complete.",
    "duplicate_files": "Files with the content of the snapshot that counts for their capture time.",
}


def _spec(table: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        [GROUP, table],
        deps=[
            landing.snapshots.key,
            landing.POLL,
        ],  # of the latter too: within a run, the order follows from direct ones
        description=_TABLES[table],
        group_name=GROUP,
        kinds={"postgres"} if table in ("quarantined_files", "duplicate_files", "loads") else {"dlt", "postgres"},
        tags=layer_tags(GROUP),
        owners=OWNERS,
        # For a live feed. Of an archive it says, rightly, that nothing has come since.
        freshness_policy=_FRESH if table == "snapshots" else None,
    )


@dg.multi_asset(
    name="load",
    specs=[_spec(table) for table in _TABLES],
    check_specs=[
        dg.AssetCheckSpec(
            "quarantine_not_growing",
            asset=[GROUP, "quarantined_files"],
            description="This load sent no file to quarantine. A warning: the files that can be read count all the same.",
        ),
        *(dg.AssetCheckSpec(name, asset=SNAPSHOTS, description=what) for name, what in CHECKS.items()),
    ],
    retry_policy=RETRIES,
)
def tables(context: dg.AssetExecutionContext, landing_zone: LandingZone, warehouse: Warehouse) -> Iterator[Any]:
    from ingestion.loading.load import LoadSummary, load

    paths = landing_zone.paths_with_files()
    progress = ProgressLog(context.log.info)
    summary = load(paths, on_listed=progress.listed, on_progress=progress.settled) if paths else LoadSummary()
    reported = metadata_by_table(summary)
    with warehouse.connect() as connection:
        checks = list(feed_checks(connection, SNAPSHOTS))
        reported["snapshots"] |= snapshots_by_day(connection)
        for table in _TABLES:
            metadata = {**describe(connection, GROUP, table), **reported.get(table, {})}
            yield dg.MaterializeResult([GROUP, table], metadata=metadata)
    yield quarantine_check(summary)
    yield from checks


def _days() -> dg.DailyPartitionsDefinition | None:
    """From the first day of the files that are there as the code is loaded. Without any there is nothing to be backfilled."""
    first = first_day(LandingZone().archive())
    return dg.DailyPartitionsDefinition(start_date=first, timezone="UTC") if first else None


DAYS = _days()


@dg.asset(
    key=[GROUP, "archive"],
    deps=[landing.snapshots.key],
    partitions_def=DAYS,
    description=(
        "The days of an archive ($VELIB_ARCHIVE, else the landing zone), to be loaded a day a run: by the date= folder of a file,"
        " else by the day in its name. What it loads goes into the tables of raw; the next build builds it. Its days begin with the"
        " first file that is there; when older ones have come, reload the code location."
    ),
    group_name=GROUP,
    kinds={"dlt", "postgres"},
    tags=layer_tags(GROUP),
    owners=OWNERS,
    retry_policy=RETRIES,
)
def archive(context: dg.AssetExecutionContext, landing_zone: LandingZone) -> dg.MaterializeResult[None]:
    from ingestion.loading.load import LoadSummary, load

    paths = paths_of_days(landing_zone.archive(), list(context.partition_keys)) if DAYS else []
    progress = ProgressLog(context.log.info)
    summary = load(paths, on_listed=progress.listed, on_progress=progress.settled) if paths else LoadSummary()
    reported = metadata_by_table(summary)
    return dg.MaterializeResult(metadata=reported["snapshots"] | reported["quarantined_files"])


@dg.asset(
    key=[GROUP, "dead_rows"],
    deps=[[GROUP, table] for table in ("snapshots", "loads")],
    description="What killed loads left in the tables: rows that count for nothing. Making this asset removes them.",
    group_name=GROUP,
    kinds={"postgres"},
    tags=layer_tags(GROUP),
    owners=OWNERS,
    retry_policy=RETRIES,
)
def dead_rows(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    from ingestion.loading.catalog import errors_in_one_line
    from ingestion.retention.cleaning import clean

    with errors_in_one_line(), warehouse.connect() as connection:
        removed = clean(connection, lambda: context.log.info("a load is running: waiting for it"))
    by_table = {f"rows_removed/{table}": rows for table, rows in removed.rows.items()}
    return dg.MaterializeResult(
        metadata={"loads_cleaned": removed.loads, "rows_removed": sum(removed.rows.values()), **by_table}
    )
