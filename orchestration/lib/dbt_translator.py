"""How a dbt node becomes an asset: its group is its layer. Everything else is dagster-dbt's own way."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from orchestration.lib.layers import OWNERS, layer_tags

# Below dbt_project/models there is a folder for each of these; seeds are staged with the sources.
LAYERS = ("staging", "intermediate", "mart", "compat")

# What a check that reads all of history begins with.
NIGHTLY = "Runs at night, and once soon after the first build (job full_data_tests): it reads all of history."

# What tells best whether the marts are up to date: of a live feed each build makes it anew.
LIVE = ("fct_refresh",)
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=1), fail_window=timedelta(hours=24))


class LayerTranslator(DagsterDbtTranslator):
    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        layer = layer_of(node)
        return spec.replace_attributes(
            group_name=layer,
            owners=spec.owners or OWNERS,
            tags={**spec.tags, **layer_tags(layer)},
            kinds={"dbt", "postgres", *materialization_kind(node)},
            freshness_policy=FRESH if node["name"] in LIVE else None,
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """One that builds leave out says when it runs: what has no result yet must not look forgotten."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None or "full" not in manifest["nodes"][unique_id]["tags"]:
            return spec
        said = f" {spec.description}" if spec.description else ""
        return spec._replace(description=f"{NIGHTLY}{said}")


def layer_of(node: Mapping[str, Any]) -> str:
    """The layer of a source, seed or model."""
    if node["resource_type"] == "source":
        return str(node["source_name"])
    folder = node["fqn"][1] if len(node["fqn"]) > 2 else ""
    return folder if folder in LAYERS else "staging"


def materialization_kind(node: Mapping[str, Any]) -> set[str]:
    """Views and seeds are marked as such; a table is what one expects."""
    kind = "seed" if node["resource_type"] == "seed" else node.get("config", {}).get("materialized")
    return {kind} if kind in ("view", "seed") else set()
