"""The dbt project as assets, its data tests as asset checks: one `dbt build` for whatever is selected."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration.lib.dbt_arguments import build_arguments
from orchestration.lib.dbt_manifest import checks_tagged, load_manifest
from orchestration.lib.dbt_translator import LayerTranslator
from orchestration.lib.resources import Dbt, Warehouse
from orchestration.lib.runs import RETRIES
from orchestration.lib.table_metadata import with_table_metadata

_project, _manifest = load_manifest()


class DbtBuildConfig(dg.Config):
    """What may be asked of a build, as `velib build` has it. Which tests it runs, the selection of checks says."""

    full_refresh: bool = False


@dbt_assets(
    manifest=_manifest,
    project=_project,
    dagster_dbt_translator=LayerTranslator(),
    name="dbt_build",
    retry_policy=RETRIES,
)
def models(context: dg.AssetExecutionContext, config: DbtBuildConfig, dbt: Dbt, warehouse: Warehouse) -> Iterator[Any]:
    arguments = build_arguments(full_refresh=config.full_refresh)
    with warehouse.connect() as connection, dbt.stream(arguments, context, connection) as events:
        yield from with_table_metadata(events, connection, _manifest)


data_tests = [spec.key for spec in models.check_specs]
full_data_tests = checks_tagged("full", models.check_specs, _manifest)
