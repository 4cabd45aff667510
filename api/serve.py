"""The server: one process, uvicorn with its limits."""

import logging
import socket
from typing import TYPE_CHECKING

import click
from fastapi import FastAPI

from api import settings as api_settings
from api.app import create_app
from warehouse.errors import VelibError

if TYPE_CHECKING:
    import uvicorn

_LARGEST_HEAD = 32 * 1024
_MOST_CONNECTIONS = 1_000


def serve(host: str, port: int) -> None:
    import uvicorn

    settings = api_settings.from_environment()
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise VelibError(f"cannot listen on {host}, port {port}: {error.strerror}; give another --port") from error
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    application = create_app(settings)
    click.echo(f"the API is at http://{host}:{port}, its documentation at http://{host}:{port}/docs; Ctrl-C ends it")
    uvicorn.Server(configuration(application, settings)).run(sockets=[listening])


def configuration(application: FastAPI, settings: api_settings.Settings) -> "uvicorn.Config":
    import uvicorn

    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,  # /metrics counts; a reverse proxy logs
        server_header=False,
        # h11 and not httptools: it bounds what a client may send before its request is whole.
        http="h11",
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        # Who asks is who connects, unless a proxy of ours says otherwise: else anyone could be anyone to the limit of rate.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )
