"""The server: one process, uvicorn with its limits."""

import logging
import socket
from typing import TYPE_CHECKING

import click
from fastapi import FastAPI

from velib.api import settings as api_settings
from velib.api.app import create_app
from velib.core.errors import VelibError

if TYPE_CHECKING:
    import uvicorn

_LARGEST_HEAD = 32 * 1024
# Each connection is an open file, and so are those that were accepted and are about to be closed.
_OPEN_FILES = 8_192


def serve(host: str, port: int) -> None:
    import uvicorn

    settings = api_settings.from_environment()
    try:
        listening = socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise VelibError(f"cannot listen on {host}, port {port}: {error.strerror}; give another --port") from error
    _allow_open_files()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    application = create_app(settings)
    click.echo(f"the API is at http://{host}:{port}, its documentation at http://{host}:{port}/docs; Ctrl-C ends it")
    uvicorn.Server(configuration(application, settings)).run(sockets=[listening])


def _allow_open_files() -> None:
    """As many as we want, or may: 1,024, as is usual, are too few for a thousand connections and the database's."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def configuration(application: FastAPI, settings: api_settings.Settings) -> "uvicorn.Config":
    import uvicorn

    from velib.api import connections

    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,  # /metrics counts; a reverse proxy logs
        server_header=False,
        # h11 and not httptools: it bounds what a client may send before its request is whole.
        http=connections.of(settings.client_connections, settings.trusted_proxies),
        ws="none",
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        # Who asks is who connects, unless a proxy of ours says otherwise: else anyone could be anyone to the limit of rate.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )
