"""The invariant: for one set of files the mart is the same, whatever the order and batching, whatever was killed on the way.

Random cases, each a feed of its own, through one random history: see tests/prove. `make prove` runs thousands.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from prove.proof import prove

from velib.core import settings
from velib.postgres.server import Server

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("VELIB_SEED", "21"))
CASES = 300


def test_the_mart_depends_on_the_files_alone(
    new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = new_home()
    monkeypatch.setenv(settings.HOME, str(home))
    Server(home).start()
    result = prove(SEED, range(CASES), home, tmp_path / "landing", print)
    assert not result.faults, f"make prove SEED={SEED} CASE=…\n" + "\n".join(result.faults)
    # A history in which nothing happens proves nothing.
    for what in ("killed loads", "killed builds", "restart", "crash", "files away", "pruned feeds", "corrections"):
        assert result.counts[what] > 0, what
    assert result.counts["trips"] > 1000
