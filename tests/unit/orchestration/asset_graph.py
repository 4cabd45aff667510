"""The asset graph of the code location as JSON: what tests/unit/orchestration/snapshots/asset_graph.json pins.

After a wanted change: `python tests/unit/orchestration/asset_graph.py --write`, and look at the diff.
"""

import json
import sys
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parent / "snapshots" / "asset_graph.json"


def asset_graph() -> dict[str, Any]:
    from orchestration.definitions import defs

    repository = defs.get_repository_def()
    graph = repository.asset_graph
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=lambda each: each.to_user_string()):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "deps": sorted(each.to_user_string() for each in node.parent_keys),
            "checks": sorted(each.name for each in node.check_keys),
        }
    return {
        "jobs": sorted(each.name for each in repository.get_all_jobs() if not each.name.startswith("__")),
        "schedules": {each.name: each.default_status.value for each in repository.schedule_defs},
        "sensors": {each.name: each.default_status.value for each in repository.sensor_defs},
        "assets": assets,
    }


if __name__ == "__main__":
    text = json.dumps(asset_graph(), indent=1, ensure_ascii=False) + "\n"
    if "--write" in sys.argv:
        SNAPSHOT.write_text(text)
    else:
        sys.stdout.write(text)
