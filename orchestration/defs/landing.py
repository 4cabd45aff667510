"""The landing zone as an asset: files that others write. This code location observes them and never makes them."""

import dagster as dg

from orchestration.lib.layers import OWNERS, layer_tags

POLL = dg.AssetKey(["landing", "poll"])

snapshots = dg.AssetSpec(
    ["landing", "snapshots"],
    deps=[POLL],
    group_name="landing",
    description="The snapshot files of the landing zone ($VELIB_LANDING): the source of truth, all else can be rebuilt from them.",
    kinds={"file", "json"},
    tags=layer_tags("landing"),
    owners=OWNERS,
)
