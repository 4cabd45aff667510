"""What the API is asked: like those who use it, each time about another station, bike, moment or day."""

from __future__ import annotations

import json
import random
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

KINDS = (
    "a station's status",
    "the network now",
    "a bike's trips",
    "a page of trips",
    "a key figure",
    "the network then",
)
# These are the goal's; the network at a past moment, each time another, is what no kept answer helps with.
MIXED = KINDS[:5]


class Questions:
    """Draws questions of one warehouse. The same seed draws the same."""

    def __init__(self, url: str, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._url = url
        self._stations = [row["station_code"] for row in self._get("/v1/stations?limit=1000")["data"]]
        self._bikes = [row["bike_id"] for row in self._get("/v1/bikes?limit=1000")["data"]]
        feeds = self._get("/v1/pipeline/status")["feeds"]
        self._begin = min(datetime.fromisoformat(feed["first_snapshot_at"]) for feed in feeds)
        self._end = max(datetime.fromisoformat(feed["newest_snapshot_at"]) for feed in feeds)

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self._url + path, timeout=60) as answer:
            return json.load(answer)

    def _moment(self) -> datetime:
        return self._begin + timedelta(seconds=self._chance.randrange(int((self._end - self._begin).total_seconds())))

    def draw(self, kinds: tuple[str, ...]) -> tuple[str, str]:
        """A kind of those, and a path."""
        kind = self._chance.choice(kinds)
        return kind, self._path(kind)

    def _path(self, kind: str) -> str:
        makers: dict[str, Callable[[], str]] = {
            "a station's status": lambda: (
                f"/v1/stations/{self._station()}/status{self._chance.choice(['', '?' + _at(self._moment())])}"
            ),
            "the network now": lambda: "/v1/network",
            "the network then": lambda: f"/v1/network?{_at(self._moment())}",
            "a bike's trips": lambda: f"/v1/bikes/{urllib.parse.quote(self._chance.choice(self._bikes))}/trips",
            "a page of trips": self._trips,
            "a key figure": lambda: (
                f"/v1/kpis/kpi_station_daily?station_code={self._station()}&from={self._month_before()}"
            ),
        }
        return makers[kind]()

    def _trips(self) -> str:
        begin = self._moment()
        period = {"from": begin.isoformat(), "to": (begin + timedelta(hours=1)).isoformat(), "is_customer_trip": "true"}
        return "/v1/trips?" + urllib.parse.urlencode(period)

    def _month_before(self) -> date:
        return self._end.date() - timedelta(days=30)

    def _station(self) -> str:
        return urllib.parse.quote(self._chance.choice(self._stations))


def _at(moment: datetime) -> str:
    return urllib.parse.urlencode({"at": moment.isoformat()})
