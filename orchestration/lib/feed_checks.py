"""What is checked of the feeds after each load: what `velib status` says of them, and whether their size jumps."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

CHECKS = {
    "live_feeds_speak": "Each live feed has a snapshot of late. Live is one whose newest was loaded soon after its capture.",
    "no_gap_of_late": "No collection gap (longer than dbt's var gap_seconds) ended in the last 24 hours.",
    "as_large_as_usual": "The newest snapshot of each feed lists about as many stations and bikes as those before it.",
}


def feed_checks(connection: "Connection", asset: dg.AssetKey) -> Iterator[dg.AssetCheckResult]:
    """All are warnings: what was loaded counts all the same."""
    from velib.monitoring import health, size_jumps

    seen = health.look(connection)
    lines = health.judge(seen)
    silent = [line.said for line in lines if line.what == "feed" and not line.is_well]
    gaps = [line.said for line in lines if line.what == "gaps"]
    found = size_jumps.jumps(connection)
    results = (
        ("live_feeds_speak", silent, not silent),
        ("no_gap_of_late", gaps, not health.gaps_of_late(seen)),
        ("as_large_as_usual", [each.said for each in found], not found),
    )
    for name, said, passed in results:
        yield dg.AssetCheckResult(
            passed=passed,
            check_name=name,
            asset_key=asset,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"said": "; ".join(said)} if said else {},
        )
