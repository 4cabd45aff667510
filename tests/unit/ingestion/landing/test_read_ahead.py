"""Reading ahead: only objects, only a few, each in its turn, with what goes wrong."""

from __future__ import annotations

import threading

import pytest

from ingestion.landing import landing_zone
from ingestion.landing.files import LandingFile, UnreadableFile
from ingestion.landing.read_ahead import _AHEAD, _LARGEST, ReadAhead


def test_a_few_objects_are_asked_for_before_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, first_ones, threads = [], threading.Barrier(_AHEAD + 1), threading.active_count()

    def stored(file: LandingFile, max_bytes: int) -> bytes:
        asked.append(file.path)
        if len(asked) <= _AHEAD:
            first_ones.wait(10)  # they are under way at the same time
        if file.size == 3:
            raise UnreadableFile("unreadable", "no such object")
        return file.path.encode()

    monkeypatch.setattr(landing_zone, "stored", stored)
    files = [LandingFile(f"s3://b/{number}.json", number, 1) for number in range(20)]
    here, large = LandingFile("/here.json", 1, 1), LandingFile("s3://b/large.json", _LARGEST + 1, 1)
    with ReadAhead([here, large, *files], 100) as ahead:
        first_ones.wait(10)
        assert sorted(asked) == [file.path for file in files[:_AHEAD]]
        assert ahead.take(here) is ahead.take(large) is None
        for number, file in enumerate(files):
            if file.size == 3:
                with pytest.raises(UnreadableFile, match="no such object"):
                    ahead.take(file)
            else:
                taken = ahead.take(file)
                assert taken is not None
                assert taken[1] == file.path.encode()
            assert len(asked) <= number + 1 + _AHEAD
            assert ahead.take(file) is None
    assert sorted(asked) == sorted(file.path for file in files), "each once"
    assert threading.active_count() == threads
