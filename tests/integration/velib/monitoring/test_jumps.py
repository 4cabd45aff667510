"""Feeds whose newest snapshot is of another size than those before it."""

from __future__ import annotations

from pathlib import Path

import tiny
from raw import ONE, Raw

from ingestion.loading.load import load
from velib.monitoring.size_jumps import jumps


def test_a_feed_whose_size_jumps(raw: Raw, folder: Path) -> None:
    whole = {f"{1000 + number}": [f"b{number}"] for number in range(10)}
    for number in range(12):
        tiny.write(folder, number, tiny.app(whole))
    load([str(folder)], ONE)
    assert jumps(raw.connection) == []
    fewer = {code: bikes if code < "1005" else [] for code, bikes in whole.items() if code < "1009"}
    tiny.write(folder, 12, tiny.app(fewer))
    load([str(folder)], ONE)
    assert [each.said for each in jumps(raw.connection)] == ["velib_app: 5 bikes, usually 10"]
    tiny.write(folder, 13, tiny.app({code: whole[code] for code in list(whole)[:7]}))
    load([str(folder)], ONE)
    assert [each.what for each in jumps(raw.connection)] == ["stations"]
