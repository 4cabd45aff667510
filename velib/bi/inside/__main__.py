"""`python -m velib.bi.inside`: Superset made ready and served, until Ctrl-C or SIGTERM."""

import argparse
import os
from typing import Any

from velib.bi.inside import prepare, private


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m velib.bi.inside", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8088)
    arguments = parser.parse_args()
    os.umask(0o077)  # its own database knows the reader's password
    application = prepare.application()
    prepare.prepare(application)
    print(  # noqa: T201
        f"Superset: http://{'127.0.0.1' if arguments.host == '0.0.0.0' else arguments.host}:{arguments.port}/dashboard/list/\n"  # noqa: S104
        f"user {private.ADMINISTRATOR}, password {private.password(private.ADMINISTRATOR)}\n"
        f"user {private.VIEWER}, who changes nothing, password {private.password(private.VIEWER)}\n"
        f"{'everybody who reaches it sees the dashboards; ' if private.is_public() else ''}Ctrl-C ends it",
        flush=True,
    )
    _serve(application, arguments.host, arguments.port)


def _serve(application: Any, host: str, port: int) -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        """gunicorn with the application that is there: to make it takes seconds."""

        def load_config(self) -> None:
            for name, value in {
                "bind": f"{host}:{port}",
                "workers": 1,
                "worker_class": "gthread",
                "threads": 8,  # as many charts of a dashboard at a time
                "timeout": 0,  # the mart has its own limit, and a machine that slept is no reason to end
                "loglevel": "warning",
            }.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return application

    Server().run()


if __name__ == "__main__":
    main()
