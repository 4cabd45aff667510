"""/docs and /openapi.json: Swagger UI from this machine alone.

Its files come with the package fastapi-offline, of which nothing else is used.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from velib.api.formats import JSON, as_json
from velib.api.problems import not_found

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# The page's own scripts and styles only, and styles within it, which Swagger UI makes; images may be part of them.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bike-share warehouse: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "list",
  defaultModelsExpandDepth: 0, displayRequestDuration: true, validatorUrl: null
});
"""


def router(document: Callable[[], dict[str, Any]]) -> APIRouter:
    """`document` makes the OpenAPI document, which takes a second: once, when it is first asked for, and beside the event loop."""
    found = APIRouter(include_in_schema=False)
    written = b""
    making = asyncio.Lock()
    headers = {"content-security-policy": _POLICY, "cache-control": "public, max-age=3600"}

    @found.get("/docs")
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html", headers=headers)

    @found.get("/openapi.json")
    async def openapi() -> Response:
        nonlocal written
        async with making:
            written = written or await to_thread.run_sync(lambda: as_json(document()))
        return Response(written, media_type=JSON.header, headers={"cache-control": "public, max-age=300"})

    @found.get("/docs/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript", headers=headers)

    @found.get("/docs/{name}")
    async def file(name: str) -> Response:
        if name not in _FILES:
            raise not_found("there is nothing at this path: /docs lists all")
        return FileResponse(_static() / name, media_type=_FILES[name], headers=headers)

    return found


def _static() -> Path:
    """Found without importing the package."""
    spec = find_spec("fastapi_offline")
    if spec is None or not spec.submodule_search_locations:
        raise not_found("Swagger UI is not installed (package fastapi-offline): /openapi.json is the document itself")
    return Path(spec.submodule_search_locations[0]) / "static"
