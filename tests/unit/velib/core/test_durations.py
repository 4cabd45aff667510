"""Lengths of time in words."""

from datetime import timedelta

import pytest

from velib.core.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (90, "90 s"),
        (119.6, "2 min"),
        (2700, "45 min"),
        (3600, "1 h"),
        (4500, "75 min"),
        (7190, "2 h"),
        (7200, "2 h"),
        (7210, "2 h"),
        (9000, "2.5 h"),
        (18000, "5 h"),
        (86400, "24 h"),
        (172799, "2 days"),
        (172800, "2 days"),
        (7 * 86400, "7 days"),
        (2.5 * 86400, "2.5 days"),
        (27000 * 86400, "73.9 years"),
        (-7200, "-2 h"),
    ],
)
def test_in_words(seconds: float, said: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == said
