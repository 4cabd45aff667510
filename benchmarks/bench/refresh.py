"""The live case as it is run: `velib poll --every 1m` for some minutes, and how long each snapshot took into the mart.

A server on this machine answers with the archive's snapshots, the next one each time it is asked. The times are those that the
builds themselves have written down (`mart.fct_refresh`). The first pass stands apart: it meets a city that has moved on, starts
what later passes fork, and runs the data tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bench import database
from benchmarks.bench.context import Bench, say
from benchmarks.bench.processes import FailedError, Watch
from benchmarks.bench.table import Row
from velib.core import settings

MINUTES = 6
GOAL_SECONDS = 10.0
_FEED = "velib_app"

_PASSES = """
select snapshots, capture_seconds_max, landing_seconds_max
from mart.fct_refresh where feed = %s and visible_at > to_timestamp(%s) order by visible_at
"""


def refresh(bench: Bench) -> Iterator[Row]:
    """On the warehouse with the longest history; what it collects stays there."""
    bench.use_built()
    began = time.time()
    with TemporaryDirectory(dir=bench.work) as folder, _Feed(bench.files) as url:
        memory = _poll(Path(folder), url)
    passes = database.rows(_PASSES, (_FEED, began))
    bench.details["refresh"] = [tuple(map(float, each)) for each in passes]
    if len(passes) < 3:
        raise FailedError(f"{len(passes)} builds in {MINUTES} minutes of velib poll")
    first, *later = [float(landing) for _, _, landing in passes]
    captures = [float(capture) for _, capture, _ in passes[1:]]
    yield Row("refresh", "first pass, from landing to mart", first, "s")
    yield Row("refresh", f"{len(later)} passes, from landing to mart: median", median(later), "s", goal=GOAL_SECONDS)
    yield Row("refresh", "the slowest of them", max(later), "s", goal=GOAL_SECONDS)
    yield Row("refresh", "from capture to mart: median", median(captures), "s")
    yield Row("refresh", "velib poll with all it starts, at most", memory / 1e6, "MB")


def _poll(folder: Path, url: str) -> int:
    """Collect for some minutes. Returns the most memory that it took, in bytes."""
    config = folder / "poll.toml"
    config.write_text(
        f'[feeds.{_FEED}]\nkind = "velib_app"\nurl = "{url}"\ntoken_env = "BENCH_TOKEN"\nbody_env = "BENCH_BODY"\n'
    )
    landing = settings.velib_home() / "polled"  # beside the warehouse: the next load has to find them
    command = ["poll", "--every", "1m", "--config", str(config), "--landing", str(landing)]
    log = folder / "poll.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("velib")), *command],
            env={**os.environ, "BENCH_TOKEN": "x", "BENCH_BODY": "{}"},
            cwd=settings.project_root(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        with Watch(process.pid) as watch:
            try:
                say(f"velib poll for {MINUTES} minutes")
                process.wait(MINUTES * 60.0)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                process.wait()
    if process.returncode != 0:
        raise FailedError(f"velib poll ended with {process.returncode}:\n{log.read_text()[-4000:]}")
    return watch.peak


class _Feed:
    """Snapshots at an address, one after the other; the last one stays."""

    def __init__(self, files: Sequence[Path]) -> None:
        answers = chain(files, repeat(files[-1]))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = next(answers).read_bytes()
                self.send_response(200)
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
