"""`python -m velib.bi.inside.export`: the dashboards as they are in Superset now, written back into the bundle.

What has not changed gives the file that is there, byte for byte: a file is only written where what it says is another. Numbers
that only this Superset knows (of charts and datasets) become those of the bundle.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from velib.bi.inside import prepare

# What Superset writes into a chart's parameters for itself.
_OF_A_SESSION = {
    "datasource",
    "slice_id",
    "dashboards",
    "dashboardId",
    "url_params",
    "extra_form_data",
    "annotation_layers",
}
# What it computes from the scopes of filters.
_DERIVED = {"chartsInScope", "tabsInScope"}
# The same of a dashboard; and what a browser notes when it shows one, nobody's change.
_DERIVED_OF_A_DASHBOARD = {
    *("chart_configuration", "global_chart_configuration", "default_filters"),
    *("map_label_colors", "shared_label_colors", "color_scheme_domain", "color_namespace"),
}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def write(path: Path, content: dict[str, Any]) -> bool:
    """Whether the file had to be written."""
    if path.exists() and yaml.safe_load(path.read_text()) == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))
    return True


def exported() -> dict[str, dict[str, dict[str, Any]]]:
    """The bundle's dashboards and all that they stand on, as Superset exports them: by kind and uuid."""
    from superset import db
    from superset.commands.dashboard.export import ExportDashboardsCommand
    from superset.models.dashboard import Dashboard

    ours = {dashboard["uuid"] for _, dashboard in prepare.objects("dashboards")}
    numbers = [each.id for each in db.session.query(Dashboard).filter(Dashboard.uuid.in_(ours))]
    found: dict[str, dict[str, dict[str, Any]]] = {"datasets": {}, "charts": {}, "dashboards": {}}
    for name, content in ExportDashboardsCommand(numbers).run():
        kind = name.partition("/")[0]
        if kind in found:
            read = yaml.safe_load(content())
            found[kind][read["uuid"]] = read
    return found


def cleaned(kind: str, content: dict[str, Any], was: dict[str, Any] | None) -> dict[str, Any]:
    """An exported object as the bundle has it: in its order of keys, without what is empty and not there before."""
    if kind == "charts":
        params = {key: value for key, value in content["params"].items() if key not in _OF_A_SESSION}
        content = {**content, "params": params, "query_context": None}
    if kind == "datasets":
        names = [each["column_name"] for each in (was or {}).get("columns", [])]
        content = {**content, "columns": _in_order(content["columns"], "column_name", names)}
        names = [each["metric_name"] for each in (was or {}).get("metrics", [])]
        content = {**content, "metrics": _in_order(content["metrics"], "metric_name", names)}
    return dict(_like(content, was))


def _in_order(entries: list[dict[str, Any]], key: str, names: list[str]) -> list[dict[str, Any]]:
    """Those that were there in the order they had, then the new ones by name."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(entries, key=lambda each: (place.get(each[key], len(place)), each[key]))


def _like(content: Any, was: Any) -> Any:
    if isinstance(content, dict):
        known = was if isinstance(was, dict) else {}
        keys = [key for key in known if key in content]
        keys += [key for key, value in content.items() if key not in known and not _says_nothing(key, value)]
        return {key: _like(content[key], known.get(key)) for key in keys}
    if isinstance(content, list):
        before = was if isinstance(was, list) else []
        return [_like(each, before[number] if number < len(before) else None) for number, each in enumerate(content)]
    return content


def _says_nothing(key: str, value: Any) -> bool:
    return value in (None, "", [], {}) or (key == "is_active" and value is True)


def with_our_numbers(dashboard: dict[str, Any], was: dict[str, Any] | None, datasets: dict[int, str]) -> dict[str, Any]:
    """A dashboard whose charts and datasets are named as in the bundle."""
    before = {
        each["meta"]["uuid"]: each["meta"]["chartId"]
        for each in (was or {}).get("position", {}).values()
        if isinstance(each, dict) and each["type"] == "CHART"
    }
    free = max(before.values(), default=0) + 1
    numbers: dict[int, int] = {}
    for each in dashboard["position"].values():
        if isinstance(each, dict) and each["type"] == "CHART":
            if each["meta"]["uuid"] not in before:
                before[each["meta"]["uuid"]] = free
                free += 1
            numbers[each["meta"]["chartId"]] = each["meta"]["chartId"] = before[each["meta"]["uuid"]]
    metadata = {key: value for key, value in dashboard["metadata"].items() if key not in _DERIVED_OF_A_DASHBOARD}
    for one in metadata.get("native_filter_configuration", []):
        for key in _DERIVED:
            one.pop(key, None)
        one["scope"]["excluded"] = sorted(numbers[number] for number in one["scope"]["excluded"] if number in numbers)
        for target in one["targets"]:
            if "datasetId" in target:
                target["datasetUuid"] = datasets[target.pop("datasetId")]
    return {**dashboard, "metadata": metadata}


def main() -> None:
    argparse.ArgumentParser(prog="python -m velib.bi.inside.export", description=__doc__).parse_args()
    application = prepare.application()
    with application.app_context():
        from flask import g
        from superset import db, security_manager
        from superset.connectors.sqla.models import SqlaTable

        from velib.bi.inside import private

        g.user = security_manager.find_user(private.ADMINISTRATOR)
        datasets = {each.id: str(each.uuid) for each in db.session.query(SqlaTable)}
        found = exported()
    written = 0
    for kind, objects in found.items():
        files = {content["uuid"]: (path, content) for path, content in prepare.objects(kind)}
        for uuid, content in objects.items():
            path, was = files.get(uuid, (None, None))
            if kind == "dashboards":
                content = with_our_numbers(content, was, datasets)
            if path is None:
                title = content.get("slug") or content.get("slice_name") or content["table_name"]
                folder = prepare.BUNDLE / kind / ("mart" if kind == "datasets" else "")
                path = folder / (re.sub(r"\W+", "_", title.lower()).strip("_") + ".yaml")
            if write(path, cleaned(kind, content, was)):
                written += 1
                print(f"written: {path.relative_to(prepare.BUNDLE.parent.parent)}")  # noqa: T201
    print(f"{written} files differ from what they were" if written else "nothing has changed")  # noqa: T201
    sys.exit(0)


if __name__ == "__main__":
    main()
