"""The outermost layer: counts and times each request by its route's template, and answers what nobody expected with a bare 500."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from velib.api.guard import refuse, secured
from velib.api.metrics import Metrics
from velib.api.problems import Problem

_log = logging.getLogger("velib.api")
# A client may invent methods; each would be a series of its own.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Observed:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, sent = 0, secured(scope, send)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await sent(message)

        begin = time.perf_counter()
        self._metrics.under_way.inc()
        try:
            await self._app(scope, receive, noted)
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            if status:  # half an answer is out: its connection has to break, so that it is not taken for a whole one
                raise
            await refuse(Problem(500, "a mistake on this side; the log has it"), scope, noted)
        finally:
            self._metrics.under_way.dec()
            route = scope.get("route")
            template = getattr(route, "path", None) or "none"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, template, str(status or 499)).inc()
            self._metrics.seconds.labels(template).observe(time.perf_counter() - begin)
