"""Collecting as an asset: one tick of `velib poll`, which writes files into the landing zone and does nothing else."""

import dagster as dg

from orchestration.lib.collecting import tick
from orchestration.lib.layers import OWNERS, layer_tags


@dg.asset(
    key=["landing", "poll"],
    description="The feeds of poll.toml, asked once: what they answer goes into the landing zone. Making this asset asks them.",
    group_name="landing",
    kinds={"http", "file"},
    tags=layer_tags("landing"),
    owners=OWNERS,
)
def poll(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    found = tick(context.log.info)
    if found.failure is not None:
        # No retry: the verb has retried within the tick, and the next tick is another snapshot.
        raise dg.Failure(found.failure, allow_retries=False)
    return dg.MaterializeResult(metadata=found.metadata())
