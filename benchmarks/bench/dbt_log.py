"""What the last build took, node by node, from dbt's own log in the warehouse's home."""

from __future__ import annotations

import re
from dataclasses import dataclass

from velib.building import dbt_process

# `3 of 67 OK created sql table model mart.dim_date .... [INSERT 0 8035 in 0.86s]`, colours taken out
_NODE = re.compile(r"\d+ of \d+ (?P<outcome>OK|PASS|WARN|FAIL\S*) (?P<name>.*?) \.*\s*\[.* in (?P<seconds>[\d.]+)s\]")
_END = re.compile(r"Finished running .* \((?P<seconds>[\d.]+)s\)")
_COLOUR = re.compile(r"\x1b\[\d*m")


@dataclass(frozen=True)
class Build:
    """Seconds by node, and of dbt's run from its first connection to its end."""

    models: dict[str, float]
    tests: dict[str, float]
    seconds: float

    def slowest(self, count: int = 12) -> dict[str, float]:
        nodes = self.models | self.tests
        return dict(sorted(nodes.items(), key=lambda item: -item[1])[:count])


def last_build() -> Build:
    """Of the warehouse at hand."""
    text = _COLOUR.sub("", (dbt_process.folder() / "logs" / "dbt.log").read_text(encoding="utf-8"))
    models, tests = dict[str, float](), dict[str, float]()
    last = text[text.rindex("Running with dbt=") :]
    for found in _NODE.finditer(last):
        nodes = models if found["outcome"] == "OK" else tests
        nodes[found["name"].split()[-1]] = float(found["seconds"])
    end = _END.search(last)
    assert end is not None, "the build came to its end"
    return Build(models, tests, float(end["seconds"]))
