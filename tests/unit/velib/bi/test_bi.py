"""Superset's bundle without Superset: it is whole, fits the models' contracts and the exposures, and holds nothing private."""

from __future__ import annotations

import ast
import re
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from velib.bi import environment
from velib.bi.inside import prepare, private
from velib.core import settings
from velib.core.errors import VelibError
from velib.simulator import fleet

MODELS = settings.dbt_project() / "models"
EXPOSURES = MODELS / "exposures.yml"
URL = "http://127.0.0.1:8088/superset/dashboard/{slug}/"

# Where a chart's parameters name columns, metrics, or either.
NAMES = {
    *(
        "x_axis",
        "groupby",
        "all_columns",
        "dimension",
        "source",
        "target",
        "column",
        "x_axis_sort",
        "metric",
        "metrics",
    ),
    *("timeseries_limit_metric", "tooltip_contents"),
}
NOT_A_NAME = {"x_axis_sort": {"x"}}  # heatmaps sort by their axis


@cache
def bundle(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by uuid."""
    found = [content for _, content in prepare.objects(kind)]
    by_uuid = {each["uuid"]: each for each in found}
    assert len(by_uuid) == len(found), f"two {kind} have one uuid"
    return by_uuid


@cache
def contract(model: str) -> dict[str, str]:
    """A mart model's columns and types."""
    page = next((MODELS / "mart").rglob(f"{model}.yml"), None)
    assert page is not None, f"no model {model} in the mart"
    (described,) = [
        each for each in yaml.safe_load(page.read_text(encoding="utf-8"))["models"] if each["name"] == model
    ]
    return {each["name"]: each["data_type"] for each in described["columns"]}


def models(dataset: dict[str, Any]) -> set[str]:
    """The mart models that a dataset reads."""
    if not dataset["sql"]:
        return {dataset["table_name"]}
    return {
        table.name
        for table in sqlglot.parse_one(dataset["sql"], dialect="postgres").find_all(exp.Table)
        if table.db == "mart"
    }


def names(dataset: dict[str, Any]) -> set[str]:
    return {each["column_name"] for each in dataset["columns"]}


def in_expression(expression: str) -> set[str]:
    """The columns that an expression or a condition reads."""
    parsed = sqlglot.parse_one(f"select {expression}", dialect="postgres")
    return {column.name for column in parsed.find_all(exp.Column)}


def used(chart: dict[str, Any]) -> set[str]:
    """The columns and metrics that a chart names."""
    found: set[str] = set()
    params = chart["params"]
    for key, value in params.items():
        if key in NAMES:
            found |= {each for each in (value if isinstance(value, list) else [value]) if each}
            found -= NOT_A_NAME.get(key, set())
        elif key == "order_by_cols":
            found |= {yaml.safe_load(each)[0] for each in value}
        elif key == "adhoc_filters":
            for each in value:
                found |= {each["subject"]} if "subject" in each else in_expression(each["sqlExpression"])
        elif key == "spatial":
            found |= {value["latCol"], value["lonCol"]}
        elif key == "column_config":
            found |= set(value)
        elif key == "point_radius_fixed" and value["type"] == "metric":
            found.add(value["value"])
    return found


def charts_of(dashboard: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for each in dashboard["position"].values():
        if isinstance(each, dict) and each["type"] == "CHART":
            yield each["meta"]["chartId"], bundle("charts")[each["meta"]["uuid"]]


def filters_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return list(dashboard["metadata"]["native_filter_configuration"])


def dataset_of(chart: dict[str, Any]) -> dict[str, Any]:
    return bundle("datasets")[chart["dataset_uuid"]]


def titled(objects: dict[str, dict[str, Any]], key: str) -> list[Any]:
    return [pytest.param(each, id=each[key]) for each in objects.values()]


DATASETS = titled(bundle("datasets"), "table_name")
CHARTS = titled(bundle("charts"), "slice_name")
DASHBOARDS = titled(bundle("dashboards"), "slug")


def test_there_are_five_dashboards_and_each_chart_is_on_one() -> None:
    assert len(bundle("dashboards")) == 5
    placed = [chart["uuid"] for dashboard in bundle("dashboards").values() for _, chart in charts_of(dashboard)]
    assert sorted(placed) == sorted(bundle("charts"))
    read = {chart["dataset_uuid"] for chart in bundle("charts").values()} | {
        target["datasetUuid"]
        for dashboard in bundle("dashboards").values()
        for each in filters_of(dashboard)
        for target in each["targets"]
        if target
    }
    assert read == set(bundle("datasets"))


def test_the_bundle_names_no_host_port_or_password() -> None:
    (database,) = bundle("databases").values()
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://velib_reader@localhost/velib"
    assert not database["allow_dml"]
    assert {dataset["database_uuid"] for dataset in bundle("datasets").values()} == {database["uuid"]}
    for path in prepare.BUNDLE.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace(database["sqlalchemy_uri"], "")
        assert not re.search(r"https?:|//|password|127\.0\.0\.1", text), path.name


@pytest.mark.parametrize("dataset", DATASETS)
def test_datasets_are_what_the_contracts_say(dataset: dict[str, Any]) -> None:
    assert dataset["schema"] == "mart"
    plain = {each["column_name"]: each["type"] for each in dataset["columns"] if not each["expression"]}
    if dataset["sql"]:
        schema = {"mart": {model: contract(model) for model in models(dataset)}}
        # Raises where a column is in none of the models.
        query = qualify(sqlglot.parse_one(dataset["sql"], dialect="postgres"), schema=schema, dialect="postgres")
        given = set(query.named_selects)
        types = {name: kind for model in models(dataset) for name, kind in contract(model).items()}
    else:
        types = contract(dataset["table_name"])
        given = set(types)
    assert set(plain) <= given
    assert {name: kind for name, kind in plain.items() if name in types} == {
        name: types[name].upper() for name in plain if name in types
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_expressions_read_columns_of_their_dataset(dataset: dict[str, Any]) -> None:
    plain = {each["column_name"] for each in dataset["columns"] if not each["expression"]}
    for each in [*dataset["columns"], *dataset["metrics"]]:
        if each["expression"]:
            assert in_expression(each["expression"]) <= plain, each
        assert each["verbose_name"], each


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_name_what_their_dataset_has(chart: dict[str, Any]) -> None:
    dataset = dataset_of(chart)
    there = names(dataset) | {each["metric_name"] for each in dataset["metrics"]}
    assert used(chart), "found to name nothing"
    assert used(chart) <= there
    # A list ordered by what is a metric's name too is grouped by all its columns first.
    ordered = {yaml.safe_load(each)[0] for each in chart["params"].get("order_by_cols", [])}
    assert not ordered & {each["metric_name"] for each in dataset["metrics"]}


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_filters_reach_charts_that_have_their_column(dashboard: dict[str, Any]) -> None:
    charts = dict(charts_of(dashboard))
    for each in filters_of(dashboard):
        excluded = set(each["scope"]["excluded"])
        assert excluded <= set(charts), each["name"]
        reached = [chart for number, chart in charts.items() if number not in excluded]
        assert reached, each["name"]
        (target,) = each["targets"]
        for chart in reached:
            if target:
                assert target["column"]["name"] in names(bundle("datasets")[target["datasetUuid"]])
                may_miss = {"feed"}  # a bike's health and the calendar are of no feed
                assert target["column"]["name"] in names(dataset_of(chart)) | may_miss, (
                    each["name"],
                    chart["slice_name"],
                )
            else:
                assert any(one.get("operator") == "TEMPORAL_RANGE" for one in chart["params"]["adhoc_filters"]), (
                    each["name"],
                    chart["slice_name"],
                )


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_feeds_figures_are_not_added_to_anothers(dashboard: dict[str, Any]) -> None:
    """Where a warehouse has two feeds, each has its own view of the same city."""
    (feed,) = [each for each in filters_of(dashboard) if each["name"] == "Feed"]
    assert feed["controlValues"]["defaultToFirstItem"]
    assert not feed["controlValues"]["multiSelect"]
    excluded = set(feed["scope"]["excluded"])
    left_out = {
        chart["slice_name"]
        for number, chart in charts_of(dashboard)
        if number in excluded and "feed" in names(dataset_of(chart))
    }
    assert left_out == set()


# -- values that do not mislead ---------------------------------------------------------------------------------------------


def formats(params: Any) -> Iterator[str]:
    """All texts among a chart's parameters."""
    if isinstance(params, dict):
        params = list(params.values())
    if isinstance(params, list):
        for each in params:
            yield from formats(each)
    elif isinstance(params, str):
        yield params


@pytest.mark.parametrize("chart", CHARTS)
def test_days_are_shown_with_their_year(chart: dict[str, Any]) -> None:
    """An archive of two years ago looks like now otherwise."""
    assert [each for each in formats(chart["params"]) if "%d" in each and "%Y" not in each] == []


@pytest.mark.parametrize("chart", CHARTS)
def test_scales_of_shares_do_not_stretch(chart: dict[str, Any]) -> None:
    """A scale from 26 to 31 % makes deserts and floods of what is the same all day."""
    params = chart["params"]
    of_dataset = {each["metric_name"]: each["d3format"] for each in dataset_of(chart)["metrics"]}
    metrics = [params.get("metric"), *params.get("metrics", [])]
    if params["viz_type"] == "heatmap_v2":
        low, high = params["value_bounds"]
        assert low == 0
        assert high is not None
    elif params["viz_type"].startswith("echarts") and any(
        (of_dataset.get(each) or "").endswith("%") for each in metrics
    ):
        assert params["y_axis_bounds"][0] == 0
        assert params["truncateYAxis"]


@pytest.mark.parametrize("chart", CHARTS)
def test_a_part_is_called_one(chart: dict[str, Any]) -> None:
    """A chart of the first so many says how many in its title; all others show all."""
    params = chart["params"]
    words = {3: "three", 5: "five", 10: "ten"}
    for limit in (params.get("row_limit", 10_000), params.get("limit") or 10_000):
        ranked = {"rank"} & used(chart)  # the mart's own first ten
        if limit < 10_000 and not ranked and "note" not in used(chart):
            assert str(limit) in chart["slice_name"] or words.get(limit, "-") in chart["slice_name"], chart[
                "slice_name"
            ]


@pytest.mark.parametrize("chart", CHARTS)
def test_nobody_has_to_know_codes_or_count_seconds(chart: dict[str, Any]) -> None:
    codes = {"trip_type", "severity", "reasons", "block_cause", "state", "current_status", "snapshot_format"}
    params = chart["params"]
    shown = used({**chart, "params": {key: value for key, value in params.items() if key != "adhoc_filters"}})
    shown -= {yaml.safe_load(each)[0] for each in params.get("order_by_cols", [])} - set(params.get("all_columns", []))
    assert shown & codes == set()
    assert [each for each in shown if re.search(r"_seconds|_m$|_code$", each)] == []


def labels(table: str, column: str) -> str:
    (dataset,) = [each for each in bundle("datasets").values() if each["table_name"] == table]
    (found,) = [each["expression"] for each in dataset["columns"] if each["column_name"] == column]
    return str(found)


def test_every_code_has_its_words() -> None:
    page = yaml.safe_load(next(MODELS.rglob("fct_trips.yml")).read_text(encoding="utf-8"))
    (types,) = [
        each["accepted_values"]["arguments"]["values"]
        for each in page["models"][0]["data_tests"]
        if each.get("accepted_values", {}).get("arguments", {}).get("column_name") == "trip_type"
    ]
    for each in types:
        assert f"when '{each}' then" in labels("kpi_trips_daily", "movement"), each
    for cause in (*fleet.TO_FIX_CAUSES, *fleet.TO_COLLECT_CAUSES, fleet.FLAT_BATTERY):
        assert f"when '{cause}' then" in labels("kpi_bike_health", "cause"), cause
    for severity in range(4):
        assert f"when {severity} then" in labels("kpi_bike_health", "urgency"), severity


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_nobody_knows_is_not_zero(dataset: dict[str, Any]) -> None:
    """No row counted is no row known: a feed without bikes has not 0 missing ones."""
    for each in [*dataset["columns"], *dataset["metrics"]]:
        if not each["expression"]:
            continue
        parsed = sqlglot.parse_one(f"select {each['expression']}", dialect="postgres")
        zeros = [
            *(one for one in parsed.find_all(exp.Coalesce) if one.expressions[-1].sql() == "0"),
            *(one for one in parsed.find_all(exp.Filter) if one.find(exp.Count)),
        ]
        assert [one.sql() for one in zeros if not one.find_ancestor(exp.Case)] == [], each


@pytest.mark.parametrize("chart", CHARTS)
def test_tooltips_tell_a_zero(chart: dict[str, Any]) -> None:
    """Superset leaves a 0 out of a map's tooltip, so what may be 0 is told as a text."""
    types = {each["column_name"]: each["type"] for each in dataset_of(chart)["columns"]}
    told = chart["params"].get("tooltip_contents", [])
    assert {types[each] for each in told} <= {"TEXT"}
    assert not [each for each in told if "_" in each], "a tooltip shows a column's name as it is"


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_chart_without_data_says_why(dashboard: dict[str, Any]) -> None:
    for key, each in dashboard["position"].items():
        if isinstance(each, dict) and each["type"] == "CHART":
            chart = bundle("charts")[each["meta"]["uuid"]]
            assert each["meta"]["sliceName"] == chart["slice_name"]
            if "note" in used(chart):
                assert f":has(#{key} + .chart-slice td)" in dashboard["css"], key
            elif chart["viz_type"] != "big_number_total":  # which says "No data"
                assert re.search(rf'#{key} \+ [^{{]*::after {{ content: "[^"]+"', dashboard["css"]), key


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_there_is_a_filter_of_stations(dashboard: dict[str, Any]) -> None:
    found = [each for each in filters_of(dashboard) if each["name"] == "Station"]
    assert len(found) == (dashboard["slug"] != "pipeline")
    assert all(each["controlValues"]["searchAllOptions"] for each in found), "a thousand are listed, and any is found"


def test_what_may_be_empty_is_in_the_bundle() -> None:
    source = (prepare.BUNDLE.parent / "inside" / "check.py").read_text(encoding="utf-8")
    (listed,) = re.findall(r"_MAY_BE_EMPTY = ({.*?^})", source, re.S | re.M)
    assert set(ast.literal_eval(listed)) <= {each["slice_name"] for each in bundle("charts").values()}


def test_exposures_are_the_dashboards() -> None:
    exposures = {
        each["url"]: each
        for each in yaml.safe_load(EXPOSURES.read_text(encoding="utf-8"))["exposures"]
        if "url" in each
    }
    assert set(exposures) == {URL.format(slug=each["slug"]) for each in bundle("dashboards").values()}
    for dashboard in bundle("dashboards").values():
        exposure = exposures[URL.format(slug=dashboard["slug"])]
        assert exposure["type"] == "dashboard"
        assert exposure["label"] == dashboard["dashboard_title"]
        assert exposure["owner"]["name"]
        assert exposure["description"].strip() == dashboard["description"]
        datasets = [dataset_of(chart) for _, chart in charts_of(dashboard)] + [
            bundle("datasets")[target["datasetUuid"]]
            for each in filters_of(dashboard)
            for target in each["targets"]
            if target
        ]
        read = {model for dataset in datasets for model in models(dataset)}
        assert set(exposure["depends_on"]) == {f"ref('{model}')" for model in read}, exposure["name"]


# -- setting it up --------------------------------------------------------------------------------------------------------


def test_secrets_are_kept_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(private.HOME, str(tmp_path / "superset"))
    first = private.secret_key(), private.password(private.ADMINISTRATOR), private.password(private.VIEWER)
    assert (private.secret_key(), private.password(private.ADMINISTRATOR), private.password(private.VIEWER)) == first
    assert len(set(first)) == 3
    for path in (tmp_path / "superset").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE((tmp_path / "superset").stat().st_mode) == 0o700


def test_on_a_server_of_ones_own_the_url_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.DATABASE_URL, "postgresql://owner:secret@db.example.org/velib")
    with pytest.raises(VelibError, match=private.DATABASE_URL) as refused:
        environment.variables()
    assert "secret" not in str(refused.value)
    monkeypatch.setenv(private.DATABASE_URL, "postgresql://velib_reader:r@db.example.org/velib")
    assert environment.variables()[private.DATABASE_URL] == "postgresql://velib_reader:r@db.example.org/velib"


def test_the_bundles_time_zone_is_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(private.DATABASE_URL, "postgresql://velib_reader:r@db.example.org/velib")
    project = (settings.dbt_project() / "dbt_project.yml").read_text(encoding="utf-8")
    assert f"time_zone: {environment.variables()[private.TIME_ZONE]}\n" in project
