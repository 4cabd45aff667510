"""The dbt project's conventions, read from its manifest: documented, tested, layered, and in step with the loader. No database."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dbt_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from dbt_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator

from ingestion.capture.arrow_tables import CHANGE_SETS, TABLES
from ingestion.retention.pruning import READERS
from velib.core import settings

PROJECT = settings.project_root() / "dbt_project"
LAYERS = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "mart": ("fct_", "dim_", "kpi_"),
    "compat": ("",),
}  # the first generation has names of its own
MAY_READ = {
    "staging": {"source"},
    "intermediate": {"source", "seed", "staging", "intermediate", "mart"},  # a scope reads the fact it is a scope of
    "mart": {"seed", "staging", "intermediate", "mart"},
    "compat": {"intermediate", "mart"},
}
# int_snapshots asks raw.snapshots itself whether an earlier load had a change set, complete or not in staging's sense.
SOURCE_READERS = {"int_snapshots"}
TYPES = {
    pa.string(): "character varying",
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
}
UNIQUENESS = {"unique", "unique_columns"}
SQL_WORDS = {*("case", "when", "then", "else", "end", "date_part", "cast", "as", "timestamp", "at", "time", "zone")}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, str]:
    """The manifest, what dbt said while parsing, and the semantic manifest; its profile names a server that is not there."""
    folder = tmp_path_factory.mktemp("dbt")
    output = {"type": "postgres", "host": "127.0.0.1", "port": 1, "user": "x", "password": "x", "dbname": "x"}
    profile = {"velib": {"target": "none", "outputs": {"none": {**output, "schema": "staging"}}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "dbt"), "parse", "--no-partial-parse", "--show-all-deprecations"),
            *(
                "--profiles-dir",
                str(folder),
                "--target-path",
                str(folder / "target"),
                "--log-path",
                str(folder / "logs"),
            ),
        ],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("VELIB_", "DBT_"))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest, semantic = (folder / "target" / f"{name}.json" for name in ("manifest", "semantic_manifest"))
    return json.loads(manifest.read_text()), done.stdout, semantic.read_text()


@pytest.fixture(scope="module")
def manifest(parsed: tuple[dict[str, Any], str, str]) -> dict[str, Any]:
    return parsed[0]


@pytest.fixture(scope="module")
def semantic_manifest(parsed: tuple[dict[str, Any], str, str]) -> PydanticSemanticManifest:
    return PydanticSemanticManifest.parse_raw(parsed[2])


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def _layer(node: dict[str, Any]) -> str:
    return str(node["fqn"][1])


def test_parsing_says_nothing_of_deprecations_or_warnings(parsed: tuple[dict[str, Any], str, str]) -> None:
    assert not re.search(r"deprecat|warning", parsed[1], re.IGNORECASE), parsed[1]


def test_everything_has_a_description(manifest: dict[str, Any]) -> None:
    documented = [
        *(node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")),
        *manifest["sources"].values(),
        *manifest["exposures"].values(),
        *manifest["unit_tests"].values(),
        *(
            macro
            for macro in manifest["macros"].values()
            if macro["package_name"] == "velib"
            and not re.match(r"(default__|test_)", macro["name"])  # described as what they are dispatched from; below
        ),
    ]
    missing = [each["unique_id"] for each in documented if not each["description"].strip()]
    missing += [
        f"{node['unique_id']}.{column['name']}"
        for node in documented
        for column in (node.get("columns") or {}).values()
        if not column["description"].strip()
    ]
    assert not missing


def test_every_data_test_says_what_it_catches(manifest: dict[str, Any]) -> None:
    silent = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("test_metadata")
        and not node["description"].startswith("Catches")
    ]
    files = [*(PROJECT / "tests" / "generic").glob("*.sql"), *(PROJECT / "tests" / "singular").glob("*.sql")]
    silent += [
        file.name for file in files if not re.search(r"^(-- |\{#- |    )Catches ", file.read_text(), re.MULTILINE)
    ]
    assert files
    assert not silent


def test_semantic_models_and_metrics_are_valid(semantic_manifest: PydanticSemanticManifest) -> None:
    assert semantic_manifest.metrics
    assert (
        SemanticManifestValidator[PydanticSemanticManifest]().validate_semantic_manifest(semantic_manifest).all_issues
        == ()
    )


def test_semantic_models_read_columns_that_there_are(
    semantic_manifest: PydanticSemanticManifest, models: dict[str, dict[str, Any]]
) -> None:
    """Neither dbt nor its validation looks into an expression."""
    missing = {
        f"{model.name}.{element.name}: {word}"
        for model in semantic_manifest.semantic_models
        for element in (*model.entities, *model.dimensions, *model.measures)
        for word in re.findall(r"[a-z]\w*", re.sub(r"'[^']*'", "", element.expr or element.name))
        if word not in {*models[model.node_relation.alias]["columns"], *SQL_WORDS}
    }
    assert not missing


def test_metrics_read_models_that_a_bi_tool_sees(manifest: dict[str, Any]) -> None:
    """What a metric says has to be to be seen in the mart too, and each has its words."""
    assert {
        node["schema_name"] for node in (each["node_relation"] for each in manifest["semantic_models"].values())
    } == {"mart"}
    described = [*manifest["semantic_models"].values(), *manifest["metrics"].values()]
    described += [
        element
        for node in manifest["semantic_models"].values()
        for element in (*node["entities"], *node["dimensions"], *node["measures"])
    ]
    assert [each["name"] for each in described if not (each["description"] or "").strip()] == []


def test_every_column_has_a_type(models: dict[str, dict[str, Any]], manifest: dict[str, Any]) -> None:
    for node in [*models.values(), *manifest["sources"].values()]:
        assert node["columns"], node["name"]
        assert all(column["data_type"] for column in node["columns"].values()), node["name"]


def test_every_mart_model_has_a_contract_a_file_and_a_key(
    models: dict[str, dict[str, Any]], manifest: dict[str, Any]
) -> None:
    unique = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and (node.get("test_metadata") or {}).get("name") in UNIQUENESS
    }
    mart = {name: node for name, node in models.items() if _layer(node) == "mart"}
    assert mart
    for name, node in mart.items():
        assert node["config"]["contract"]["enforced"], name
        assert node["patch_path"].endswith(node["original_file_path"].replace(f"{name}.sql", f"{name}.yml")), name
        assert node["unique_id"] in unique, f"{name} has no test that its key is one"
        assert node["config"]["grants"] == {"select": ["velib_reader"]}, name


def test_what_reads_a_whole_fact_is_tagged_full(manifest: dict[str, Any]) -> None:
    """`velib build` leaves these out: an hour's build must not read a year."""
    large = {
        "fct_trips",
        "fct_bike_locations",
        "fct_station_status",
        "fct_snapshots",
        "fct_refresh",
        "int_trips",
        "int_bike_locations",
        "int_station_status",
        "int_station_absences",
        "int_snapshots",
        "int_trip_durations_daily",
        "int_routes_monthly",
        "int_movement_sums",
        "kpi_trip_duration_histogram",
        "kpi_routes_daily",
        "kpi_routes_monthly",
        "int_station_hourly",
        "int_station_daily",
        "int_station_fill",
        "kpi_station_hourly",
        "kpi_station_daily",
        "kpi_fill_heatmap",
        "kpi_district_fill_heatmap",
        "kpi_station_weekly",
        "kpi_station_monthly",
        "kpi_station_flow_daily",
        "kpi_district_hourly",
        "kpi_district_daily",
        "kpi_district_weekly",
        "kpi_district_monthly",
        "int_bike_usage",
        "kpi_bike_usage",
        "kpi_collection_daily",
    }
    untagged = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("attached_node") or "").rpartition(".")[2] in large
        and "full" not in node["tags"]
    ]
    assert not untagged


def test_names_and_layers(models: dict[str, dict[str, Any]], manifest: dict[str, Any]) -> None:
    for name, node in models.items():
        layer = _layer(node)
        assert name.startswith(LAYERS[layer]), f"{name} lies in {layer}"
        assert node["schema"] == layer, name
        for parent in node["depends_on"]["nodes"]:
            kind = parent.partition(".")[0]
            read = _layer(manifest["nodes"][parent]) if kind == "model" else kind
            assert read in MAY_READ[layer], f"{name} ({layer}) reads {parent}"
            assert read != "source" or layer == "staging" or name in SOURCE_READERS, f"{name} reads {parent}"


def test_nothing_is_pruned_before_who_reads_it_has_applied_it(models: dict[str, dict[str, Any]]) -> None:
    """A model that reads change sets and is not among pruning's readers would lack what goes before it looks."""
    parents = {name: [each.rpartition(".")[2] for each in node["depends_on"]["nodes"]] for name, node in models.items()}

    def reads_change_sets(name: str) -> bool:
        if name in {*CHANGE_SETS, "station_attribute_changes"}:
            return True
        # Through what is not stored. A scope is watched by the model that it is a scope of.
        stored = models.get(name, {}).get("config", {}).get("materialized") not in ("view", "ephemeral")
        return not stored and any(map(reads_change_sets, parents.get(name, ())))

    readers = {
        name.removesuffix("_scope")
        for name, node in models.items()
        if node["config"]["materialized"] not in ("view", "ephemeral") and any(map(reads_change_sets, parents[name]))
    }
    assert {"int_bike_locations", "int_station_status", "int_station_attributes", "int_trips"} <= readers
    assert readers <= set(READERS)


def _written(arrow_type: pa.DataType) -> str:
    return f"{TYPES[arrow_type.value_type]}[]" if pa.types.is_list(arrow_type) else TYPES[arrow_type]


def test_sources_are_what_the_loader_writes(manifest: dict[str, Any]) -> None:
    sources = {node["name"]: node for node in manifest["sources"].values()}
    assert set(sources) == {*TABLES, "loads", "duplicate_files", "quarantined_files"}
    for table, schema in TABLES.items():
        declared = {column["name"]: column["data_type"] for column in sources[table]["columns"].values()}
        written = {field.name: _written(field.type) for field in schema}
        if table == "snapshots":
            written["_dlt_load_id"] = "character varying"
        assert declared == written, table


def test_every_trip_rule_has_a_unit_test(manifest: dict[str, Any]) -> None:
    """A rule that no unit test expects is a rule that nobody would miss."""
    values = next(
        node["test_metadata"]["kwargs"]["values"]
        for node in manifest["nodes"].values()
        if node["name"].startswith("accepted_values_fct_trips_trip_type")
    )
    expected = {
        row.get("trip_type")
        for test in manifest["unit_tests"].values()
        if test["model"] == "int_trips" and test["config"]["enabled"]
        for row in test["expect"]["rows"]
    }
    assert set(values) <= expected


def test_incremental_models_have_a_unit_test_of_that_mode(manifest: dict[str, Any]) -> None:
    tested = {
        test["model"]
        for test in manifest["unit_tests"].values()
        if ((test["overrides"] or {}).get("macros") or {}).get("is_incremental")
    }
    assert {
        "int_trips",
        "int_bike_locations",
        "int_station_status",
        "int_station_history",
        "int_snapshots",
        "int_station_hourly",
        "int_station_daily",
        "int_station_fill",
        "int_trip_durations_daily",
        "int_routes_monthly",
        "kpi_trips_daily",
        "kpi_rebalancing_daily",
        "int_bike_usage",
        "int_movement_sums",
    } <= tested
