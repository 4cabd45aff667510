"""Readers of a warehouse that is being built: what they miss, and how long they wait."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg2

from velib.postgres.connections import connect_to

SCHEMAS = ("mart", "compat")
EVERY = 0.02


@dataclass
class Seen:
    """What readers found while something went on: relations that were away, and what a reader was told instead of rows."""

    polls: int = 0
    missing: set[str] = field(default_factory=set)
    failures: set[str] = field(default_factory=set)
    longest_wait: float = 0.0


def relations(url: str) -> set[str]:
    """All tables and views that users read, and the function."""
    with contextlib.closing(connect_to(url, "velib tests")) as connection, connection.cursor() as cursor:
        return _relations(cursor)


@contextlib.contextmanager
def reading(url: str) -> Iterator[Seen]:
    """Two readers as velib_reader: one looks every 20 ms which relations there are, one selects from each, again and again."""
    expected, seen, over = relations(url), Seen(), threading.Event()
    assert len(expected) > 40

    def look() -> None:
        with _reader(url) as cursor:
            while not over.is_set():
                seen.missing |= expected - _relations(cursor)
                seen.polls += 1
                time.sleep(EVERY)

    def select() -> None:
        with _reader(url) as cursor:
            while not over.is_set():
                for relation in sorted(expected):
                    asked = time.monotonic()
                    try:
                        cursor.execute(f"select from {relation} limit 0")
                    except psycopg2.Error as error:
                        seen.failures.add(f"{relation}: {error}")
                    seen.longest_wait = max(seen.longest_wait, time.monotonic() - asked)
                    if over.is_set():
                        break

    threads = [threading.Thread(target=each) for each in (look, select)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert seen.polls > 10
    assert relations(url) >= expected, expected - relations(url)
    assert (seen.missing, seen.failures) == (set(), set())


@contextlib.contextmanager
def _reader(url: str) -> Iterator[psycopg2.extensions.cursor]:
    with contextlib.closing(connect_to(url, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set role velib_reader")
            yield cursor


def _relations(cursor: psycopg2.extensions.cursor) -> set[str]:
    cursor.execute(
        """
        select format('%%I.%%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'v')
        union all
        select format('%%I.%%I(now())', n.nspname, p.proname) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any(%(schemas)s) and p.proretset
        """,
        {"schemas": list(SCHEMAS)},
    )
    return {name for (name,) in cursor.fetchall() if not name.split(".")[1].endswith("__dbt_tmp")}
