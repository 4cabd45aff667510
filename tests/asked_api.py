"""Asks the API everything that can be read once, on any mart: without a server, as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from velib.api import keys
from velib.api.app import create_app
from velib.api.settings import Settings


def answers(url: str) -> dict[str, tuple[int, Any]]:
    """The status and body of each path of the OpenAPI document; a path's parameter is what the listing names first."""
    return asyncio.run(_answers(url))


async def _answers(url: str) -> dict[str, tuple[int, Any]]:
    key, line = keys.new("asks", ("corrections",))
    app = create_app(Settings(database_url=url, keys=line, rate=0))
    found: dict[str, tuple[int, Any]] = {}
    async with app.router.lifespan_context(app):
        first = {
            "{station_code}": (await _get(app, "/v1/stations"))[1]["data"][0]["station_code"],
            "{bike_id}": (await _get(app, "/v1/bikes"))[1]["data"][0]["bike_id"],
        }
        first["{velo_name}"] = first["{bike_id}"]
        for template in [path for path, methods in app.openapi()["paths"].items() if "get" in methods]:
            path, query = template, b"lat=48.85&lon=2.35&radius_m=50000" if template.endswith("/nearest") else b""
            for parameter, value in first.items():
                path = path.replace(parameter, value)
            found[template] = await _get(app, path, query, key)
    return found


async def _get(app: Any, path: str, query: bytes = b"", key: str = "") -> tuple[int, Any]:
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": [(b"host", b"test"), (b"x-api-key", key.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    body = b"".join(parts)
    return status, json.loads(body) if body[:1] in b"{[" else body
