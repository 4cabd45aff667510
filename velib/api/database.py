"""The way to PostgreSQL: a pool of connections that may only read, a bounded queue before it, rows whole or batch by batch.

What writes corrections has a pool of its own, of another role (`is_writer`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from velib.api.problems import Problem

# Who comes when so many wait already is sent away at once, and who has waited so long, too.
MOST_WAITING = 100
_PATIENCE = 2.0
# Answers that are streamed hold a connection as long as their client reads: half of them stay free for the others.
_STREAM_PATIENCE = 60
_BATCH = 10_000


class Database:
    """Connections of one role. Nothing connects before it is asked, so a database that is away hinders no start."""

    def __init__(self, url: str, connections: int = 8, statement_seconds: float = 5, is_writer: bool = False) -> None:
        self._is_writer = is_writer
        self._url, self._size, self._statement_seconds = url, connections, statement_seconds
        self._pool: asyncpg.Pool | None = None
        self._turns = asyncio.Semaphore(connections)
        self._streams = asyncio.Semaphore(max(1, connections // 2))
        self.waiting = 0
        self.in_use = 0

    @property
    def size(self) -> int:
        return self._size

    async def open(self) -> None:
        milliseconds = str(round(self._statement_seconds * 1000))
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._size,
            timeout=5,
            command_timeout=self._statement_seconds + 5,  # the server's own limit comes first
            max_inactive_connection_lifetime=300,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": "velib api",
                "default_transaction_read_only": "off" if self._is_writer else "on",
                "statement_timeout": milliseconds,
                "lock_timeout": milliseconds,
                "idle_in_transaction_session_timeout": str(_STREAM_PATIENCE * 1000),
                # A plan for any value is a bad one for each: filters decide which index serves.
                "plan_cache_mode": "force_custom_plan",
                "search_path": "pg_catalog",
                "timezone": "UTC",
            },
        )

    async def close(self) -> None:
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5)
            self._pool.terminate()

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        async with self._connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
            return found

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator["Reading"]:
        """Several queries that see one state of the database, rows batch by batch."""
        if self._streams.locked():
            raise Problem(503, "other large answers are under way: try again soon", "busy", 5)
        async with (
            self._streams,
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Reading(connection)

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator["Reading"]:
        """One transaction, which is undone where anything goes wrong in it."""
        async with self._connection() as connection, connection.transaction():
            yield Reading(connection)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        assert self._pool is not None, "opened when the application starts"
        await self._turn()
        self.in_use += 1
        try:
            async with self._pool.acquire() as connection:
                yield connection
        finally:
            self.in_use -= 1
            self._turns.release()

    async def _turn(self) -> None:
        if self._turns.locked():
            if self.waiting >= MOST_WAITING:
                raise Problem(503, "too many requests at once: try again in a moment", "busy", 1)
            self.waiting += 1
            try:
                await asyncio.wait_for(self._turns.acquire(), _PATIENCE)
            except TimeoutError:
                raise Problem(503, "too many requests at once: try again in a moment", "busy", 1) from None
            finally:
                self.waiting -= 1
        else:
            await self._turns.acquire()


class Reading:
    """One state of the database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self._connection.fetch(query, *values)
        return found

    async def batches(self, query: str, *values: Any) -> AsyncIterator[Sequence[asyncpg.Record]]:
        cursor = await self._connection.cursor(query, *values)
        while rows := await cursor.fetch(_BATCH):
            yield rows


async def _leave_as_it_is(connection: asyncpg.Connection) -> None:
    """No session is ever changed here, so there is nothing to reset: that saves each request a question."""
