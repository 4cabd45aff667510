"""Figures for Prometheus: requests and how long they took, by the route's template; the pool; the pipeline's own.

One registry for each application, so that several in one process (tests) do not meet.
"""

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from velib.api.database import Database
from velib.api.pipeline import Pipeline

__all__ = ["CONTENT_TYPE", "Metrics"]
_log = logging.getLogger("velib.api")
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """What is counted as it happens, and what is looked up when Prometheus asks."""

    def __init__(self, database: Database, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "velib_api_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "velib_api_request_seconds",
            "Until an answer was sent to its end.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.under_way = Gauge("velib_api_requests_under_way", "Requests that are being answered.", registry=registry)
        size = Gauge("velib_api_connections", "Database connections that there may be.", registry=registry)
        size.set(database.size)
        in_use = Gauge("velib_api_connections_in_use", "Database connections that are in use.", registry=registry)
        in_use.set_function(lambda: database.in_use)
        waiting = Gauge("velib_api_requests_waiting", "Requests that wait for a connection.", registry=registry)
        waiting.set_function(lambda: database.waiting)
        self._is_up = Gauge("velib_mart_up", "Whether the mart could be asked: 1 or 0.", registry=registry)

        def by_feed(name: str, what: str) -> Gauge:
            return Gauge(name, what, ["feed"], registry=registry)

        self._feeds = {
            "snapshots": by_feed("velib_snapshots", "Snapshots in the mart."),
            "newest_snapshot_at": by_feed(
                "velib_newest_snapshot_timestamp_seconds", "When the newest snapshot was captured."
            ),
            "cadence_seconds": by_feed("velib_cadence_seconds", "The usual time between two snapshots."),
            "stations": by_feed("velib_stations", "Stations in the newest snapshot."),
            "bikes": by_feed("velib_bikes", "Bikes in the newest snapshot."),
            "gaps": by_feed("velib_gaps", "Collection gaps so far."),
            "quarantined_files": by_feed(
                "velib_quarantined_files", "Files of the last 31 days that are in quarantine."
            ),
            "refresh_seconds_mean": by_feed(
                "velib_refresh_seconds_mean", "From capture to the mart, in the last 24 hours."
            ),
            "refresh_seconds_p95": by_feed("velib_refresh_seconds_p95", "The same: 95 % took no longer."),
        }
        self._build_seconds = Gauge(
            "velib_build_seconds", "How long the last build took that ended.", registry=registry
        )
        self._build_began = Gauge(
            "velib_build_started_timestamp_seconds", "When the last build began.", registry=registry
        )
        self._build_succeeded = Gauge(
            "velib_build_succeeded", "Whether the last build that ended succeeded.", registry=registry
        )
        self._failed = Gauge("velib_builds_failed", "Builds of the last 24 hours that failed.", registry=registry)

    async def told(self) -> bytes:
        """Everything, in Prometheus' text format. A mart that cannot be asked is a figure, not an error."""
        try:
            await self._look_up()
            self._is_up.set(1)
        except Exception as error:  # noqa: BLE001 - whatever it is: the figures of the requests are told
            _log.warning("the pipeline's figures cannot be looked up: %s", type(error).__name__)
            self._is_up.set(0)
        return generate_latest(self._registry)

    async def _look_up(self) -> None:
        figures = await self._pipeline.figures()
        for name, gauge in self._feeds.items():
            gauge.clear()
            for feed in figures.feeds:
                value = feed[name]
                if value is not None:
                    gauge.labels(feed["feed"]).set(value.timestamp() if name == "newest_snapshot_at" else value)
        self._failed.set(figures.failed_builds)
        last = figures.last_build
        if last is not None:
            self._build_began.set(last["started_at"].timestamp())
            if last["ended_at"] is not None:
                self._build_seconds.set(last["duration_seconds"])
                self._build_succeeded.set(int(bool(last["has_succeeded"])))
