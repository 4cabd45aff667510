"""A pool of worker processes that die with their parent, however that dies."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess


@contextmanager
def worker_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """A process pool, clean of this process's threads and connections. Leaving it early cancels what has not begun."""
    # forkserver: Dagster and dlt run threads, which a plain fork would copy in whatever state they are.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingestion.capture.extraction"])
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    # A worker holds a network of 15,000 bikes and makes a few thousand objects a file, none of them in cycles: to look for
    # cycles at each seven hundredth takes a twentieth of its time.
    gc.set_threshold(100_000)
    _follow_parent()


def _follow_parent() -> None:
    """A killed parent cannot shut its pool down, and an idle worker would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
