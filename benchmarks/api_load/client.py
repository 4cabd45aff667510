"""An HTTP client that asks at fixed times, whether the answers before have come or not (an open loop).

So a slow answer delays nobody's question, and what waits because of it counts as waiting: seconds run from when a request was due.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Answers:
    """What came back for one kind of question."""

    seconds: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    bytes: int = 0

    def quantile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else float("nan")


class Client:
    """Connections that are kept, one more whenever all are in use."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> tuple[int, int]:
        """The status, and how many bytes the body had."""
        while True:
            kept = bool(self._free)
            reader, writer = (
                self._free.pop() if kept else await asyncio.open_connection(self._host, self._port, limit=2**20)
            )
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                break
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                if not kept:  # one that was kept may have been closed meanwhile
                    raise
        told = {
            name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        length = int(told.get(b"content-length", b"0"))
        await reader.readexactly(length)
        self._free.append((reader, writer))
        return int(head[9:12]), length

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def ask_at(
    client: Client, rate: float, seconds: float, questions: Callable[[], tuple[str, str]], kinds: Iterable[str]
) -> dict[str, Answers]:
    """So many questions a second, for so long; `questions` gives each its kind and path."""
    answers = {kind: Answers() for kind in kinds}
    running: set[asyncio.Task[None]] = set()
    begin = time.perf_counter()

    async def ask(kind: str, path: str, due: float) -> None:
        told = answers[kind]
        try:
            status, length = await asyncio.wait_for(client.get(path), 30)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            told.failed[type(error).__name__] = told.failed.get(type(error).__name__, 0) + 1
            return
        if status != 200:
            told.failed[str(status)] = told.failed.get(str(status), 0) + 1
            return
        told.seconds.append(time.perf_counter() - due)
        told.bytes += length

    for number in range(round(rate * seconds)):
        due = begin + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(ask(*questions(), due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return answers
