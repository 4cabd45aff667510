"""`python -m benchmarks.api_load`: the API under load, each kind of question alone and mixed; p50, p95, answers a second, memory.

It starts the API on the warehouse of $VELIB_HOME (or VELIB_API_DATABASE_URL), unless --url names one that runs. Client and server
share the machine: on two cores what the client takes is missing to the server, and the figures hold it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.api_load.client import Answers, Client, ask_at
from benchmarks.api_load.questions import KINDS, MIXED, Questions

_GOAL_SECONDS = 0.050
_MEMORY_EVERY = 10.0


def main() -> int:
    options = _options()
    server = None if options.url else _start(options.port)
    url = options.url or f"http://127.0.0.1:{options.port}"
    try:
        _wait_for(url)
        asyncio.run(_measure(url, options, server.pid if server else None))
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api_load", description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="questions a second (100)")
    parser.add_argument("--seconds", type=float, default=20, help="for how long each kind is asked (20)")
    parser.add_argument(
        "--minutes", type=float, default=0, help="then all mixed for so long, with the server's memory (0)"
    )
    parser.add_argument("--url", help="an API that runs; its limit of rate must be off (VELIB_API_RATE=0)")
    parser.add_argument("--port", type=int, default=8765, help="where the API listens that is started (8765)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _start(port: int) -> subprocess.Popen[bytes]:
    velib = Path(sys.executable).with_name("velib")
    no_limits = {"VELIB_API_RATE": "0", "VELIB_API_CLIENT_CONNECTIONS": "0"}
    return subprocess.Popen([velib, "api", "--port", str(port)], env={**os.environ, **no_limits})


def _wait_for(url: str) -> None:
    give_up = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/ready", timeout=10).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


async def _measure(url: str, options: argparse.Namespace, pid: int | None) -> None:
    questions = Questions(url, options.seed)
    where = urlsplit(url)
    client = Client(where.hostname or "127.0.0.1", where.port or 80)
    print(
        f"{options.rate:g} questions a second, {options.seconds:g} s each; milliseconds from when a question was due\n"
    )
    print(f"{'':22}{'p50':>8}{'p95':>8}{'p99':>8}{'answers/s':>11}{'kB':>8}  failed")
    for kind in KINDS:
        await _ask(client, options.rate, options.seconds, questions, (kind,))
    await _ask(client, options.rate, options.seconds, questions, MIXED, "all but the last")
    if options.minutes:
        memory = asyncio.create_task(_memory(pid))
        await _ask(client, options.rate, options.minutes * 60, questions, MIXED, f"for {options.minutes:g} minutes")
        memory.cancel()
    client.close()


async def _ask(
    client: Client, rate: float, seconds: float, questions: Questions, kinds: tuple[str, ...], name: str | None = None
) -> None:
    begin = time.perf_counter()
    by_kind = await ask_at(client, rate, seconds, lambda: questions.draw(kinds), kinds)
    took = time.perf_counter() - begin
    _print(name or kinds[0], by_kind.values(), took)


def _print(name: str, answered: Iterable[Answers], took: float) -> None:
    together = Answers()
    for each in answered:
        together.seconds += each.seconds
        together.bytes += each.bytes
        for what, count in each.failed.items():
            together.failed[what] = together.failed.get(what, 0) + count
    count = len(together.seconds)
    p50, p95, p99 = (1000 * together.quantile(share) for share in (0.5, 0.95, 0.99))
    size = together.bytes / 1000 / max(count, 1)
    over = "  over the goal" if p95 > 1000 * _GOAL_SECONDS else ""
    print(
        f"{name:22}{p50:8.1f}{p95:8.1f}{p99:8.1f}{count / took:11.1f}{size:8.1f}  {together.failed or ''}{over}",
        flush=True,
    )


async def _memory(pid: int | None) -> None:
    """The server's resident memory, every now and then."""
    begin = time.monotonic()
    while pid is not None:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                print(f"  {time.monotonic() - begin:6.0f} s  {int(line.split()[1]) / 1000:7.1f} MB", flush=True)
        await asyncio.sleep(_MEMORY_EVERY)


if __name__ == "__main__":
    sys.exit(main())
