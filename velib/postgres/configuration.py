"""The server's settings for an ordinary machine that does one thing: load in bulk, build tables, answer BI queries.

They go to a file that postgresql.conf includes, so that `alter system` and command-line options still win.
"""

import os
import shutil
from pathlib import Path

_MB = 1024 * 1024


def render() -> str:
    """The settings, one a line."""
    memory = _memory_mb()
    settings = {
        # A quarter is the usual advice for a machine that serves nothing else; this one also runs Python.
        "shared_buffers": f"{_between(128, memory // 8, 1024)}MB",
        "effective_cache_size": f"{_between(512, memory // 2, 16384)}MB",
        "work_mem": f"{_between(16, memory // 128, 128)}MB",
        "maintenance_work_mem": f"{_between(64, memory // 32, 512)}MB",
        "max_connections": "60",
        # Nothing is replicated: with minimal WAL, a table filled in the transaction that made it (what dbt does) skips the WAL.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # Off: this build has pglz only, which costs more time than the pages that it saves.
        "wal_compression": "off",
        "max_wal_size": "4GB",
        "min_wal_size": "160MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "fsync": "on",
        "synchronous_commit": "on",
        "random_page_cost": "1.1",  # solid-state disks
        "jit": "off",  # our queries are short or many: compiling them costs more than it saves
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %a '",
        "log_checkpoints": "off",
        "cluster_name": "'velib'",
    }
    if not _shared_memory_is_roomy():
        settings["dynamic_shared_memory_type"] = "mmap"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "# Written by velib at every start. Your own settings: `alter system set …`.\n" + "\n".join(lines) + "\n"


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def _memory_mb() -> int:
    """The memory we may use: the machine's, or the container's where that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit.isdigit():
            memory = min(memory, int(limit))
    except OSError:
        pass
    return memory // _MB


def _shared_memory_is_roomy() -> bool:
    """Containers often have a /dev/shm of 64 MB, in which a parallel hash join fails."""
    try:
        return shutil.disk_usage("/dev/shm").total >= 512 * _MB  # noqa: S108
    except OSError:
        return True  # no such folder (macOS): PostgreSQL chose what fits at initdb
