"""What the worst files cost: each read in a process of its own, whose memory at its peak is measured.

The limits are those that docs/formats.md states. No time is measured; a reader that hangs is killed.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
from tiny import app, put, write

from ingestion.capture.extraction import MAX_DETAIL_LENGTH
from ingestion.formats import decoding
from ingestion.loading.load import DEFAULT_MAX_BYTES
from velib.core import settings
from velib.postgres.connections import connect_to

MEGABYTE = 1 << 20
HANG = 300  # seconds
# docs/formats.md: what one file may cost the process that reads it, above what the process takes without a file.
WITHIN = 1800 * MEGABYTE
# The same for a file that is turned away unread, and for one of up to 16 MB.
WITHIN_REFUSED = DEFAULT_MAX_BYTES + 150 * MEGABYTE
WITHIN_SMALL = 1000 * MEGABYTE

_PEAK = """
import json, resource, sys
from pathlib import Path

def peak():
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins, on Linux, with what the parent had
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""

_READ = (
    _PEAK
    + """
from datetime import UTC, datetime
from ingestion.capture.extraction import Expected, extract_span
from ingestion.landing.files import LandingFile
from ingestion.loading.load import DEFAULT_MAX_BYTES
from ingestion.capture.timeline import arrange

def read(path):
    slots = arrange([(datetime(2026, 6, 2, tzinfo=UTC), LandingFile(path, 0, None))], [], 1)
    result = extract_span(slots, 0, 1, Expected("f", "velib_app", DEFAULT_MAX_BYTES, True, False))
    return result.quarantined[0].reason if result.quarantined else None

read(sys.argv[1])
before = peak()
reason = read(sys.argv[2])
print(json.dumps([reason, peak() - before]))
"""
)


@pytest.fixture
def cost(tmp_path: Path) -> Callable[..., tuple[str | None, int]]:
    """Reads a file in a new process: the reason it is refused for, and the memory that took."""
    good = put(tmp_path / "good.json", app({"1": ["a"]}))

    def measure(path: Path) -> tuple[str | None, int]:
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(good), str(path)],
            cwd=settings.project_root(),
            capture_output=True,
            text=True,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        reason, used = json.loads(done.stdout)
        return reason, used

    return measure


def bomb(path: Path, gigabytes: int, members: int) -> Path:
    """Zeros, gzipped a thousand to one, in one member or in many. Its checksums are never come to."""
    zipper = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = zipper.compress(b"") + zipper.flush(zlib.Z_FULL_FLUSH)
    megabyte = zipper.compress(bytes(MEGABYTE)) + zipper.flush(zlib.Z_FULL_FLUSH)
    with open(path, "wb") as opened:
        if members == 1:
            opened.write(header + megabyte * (gigabytes * 1024))
        else:
            opened.write(gzip.compress(bytes(gigabytes * 1024 * MEGABYTE // members), mtime=0) * members)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 4096])
def test_a_gzip_bomb(members: int, cost: Callable[..., tuple[str | None, int]], tmp_path: Path) -> None:
    """10 GB in 10 MB."""
    path = bomb(tmp_path / "bomb.json.gz", 10, members)
    assert path.stat().st_size < 12 * MEGABYTE
    reason, used = cost(path)
    print(f"{used / MEGABYTE:,.0f} MB above the process without a file")
    assert reason == "too_large"
    assert used < WITHIN_REFUSED


def sparse(path: Path, size: int, beginning: bytes = b"") -> Path:
    with open(path, "wb") as opened:
        opened.write(beginning)
        opened.truncate(size)
    return path


def test_a_file_over_the_limit_is_not_read(cost: Callable[..., tuple[str | None, int]], tmp_path: Path) -> None:
    for size in (DEFAULT_MAX_BYTES + 1, 10 * 1024 * MEGABYTE):
        reason, used = cost(sparse(tmp_path / "large.json", size))
        assert reason == "too_large"
        assert used < 20 * MEGABYTE


def filled(beginning: bytes, piece: bytes, end: bytes, size: int) -> bytes:
    """A file of about that size, of one piece again and again."""
    return beginning + piece * ((size - len(beginning) - len(end)) // len(piece)) + end


def of_bikes(count: int) -> bytes:
    """The smallest bikes there are, each with an id of its own."""
    bikes = b",".join(b'{"bikeName":%d}' % number for number in range(count))
    return b'[{"station":{"code":"1"},"nbBike":1,"nbEbike":0,"bikes":[' + bikes + b"]}]"


def of_stations(count: int, bikes: bytes = b'{"bikeName":0}') -> bytes:
    """Stations that all list one bike."""
    entry = b'{"station":{"code":%d},"nbBike":1,"nbEbike":0,"bikes":[' + bikes + b"]}"
    return b"[" + b",".join(entry % number for number in range(count)) + b"]"


_STATION = json.dumps(tiny.station("1", ["a"])).encode()
_SMALL = decoding.UNCOUNTED_BYTES
# As large as a file may be that nobody counts the values of, and as large as a file may be.
WORST: dict[str, tuple[Callable[[], bytes], str | None, int]] = {
    "numbers": (lambda: filled(b"[", b"1,", b"1]", _SMALL), "unknown_format", WITHIN_SMALL),
    "empty objects": (lambda: filled(b"[" + _STATION, b",{}", b"]", _SMALL), "missing_field", WITHIN_SMALL),
    "keys": (
        lambda: b"{" + b",".join(b'"%x":1' % number for number in range(1_500_000)) + b"}",
        "unknown_format",
        WITHIN_SMALL,
    ),
    "bikes": (lambda: of_bikes(700_000), None, WITHIN_SMALL),
    "one bike at each of 100,000 stations": (lambda: of_stations(100_000), None, WITHIN_SMALL),
    "cut off, with escapes": (
        lambda: filled(b"[", _STATION.replace(b"Station", b"\\u00e9") + b",", b"", _SMALL),
        "invalid_json",
        WITHIN_SMALL,
    ),
    "more empty objects": (
        lambda: filled(b"[" + _STATION, b",{}", b"]", DEFAULT_MAX_BYTES),
        "too_large",
        WITHIN_REFUSED,
    ),
    "a name of the whole file": (
        lambda: _STATION.replace(b"Station 1", b"x" * (DEFAULT_MAX_BYTES - 1000) + "🚲".encode()).join([b"[", b"]"]),
        "wrong_shape",
        WITHIN,
    ),
    "spaces": (lambda: filled(b"[", b" ", _STATION + b"]", DEFAULT_MAX_BYTES), None, WITHIN),
    "large and cut off": (
        lambda: filled(b"[", _STATION.replace(b"Station", b"\\u00e9" * 2000) + b",", b"", DEFAULT_MAX_BYTES),
        "invalid_json",
        WITHIN,
    ),
    "a million levels": (lambda: b"[" * 100 * MEGABYTE, "too_deep", WITHIN),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORST)
def test_the_worst_files(kind: str, cost: Callable[..., tuple[str | None, int]], tmp_path: Path) -> None:
    make, expected, within = WORST[kind]
    path = tmp_path / "worst.json"
    path.write_bytes(make())
    assert path.stat().st_size <= DEFAULT_MAX_BYTES
    reason, used = cost(path)
    print(f"{kind}: {reason}, {used / MEGABYTE:,.0f} MB above the process without a file")
    assert reason == expected
    assert used < within


# --- in a warehouse --------------------------------------------------------------------------------------------------
_LOAD = (
    _PEAK
    + """
from ingestion.loading.load import LoadOptions, load
summary = load([sys.argv[1]], LoadOptions(workers=1, max_bytes=1 << 20))
print(json.dumps([summary.new, len(summary.quarantined), peak()]))
"""
)


@pytest.mark.slow
def test_thousands_of_bad_files(fresh_database: str, tmp_path: Path) -> None:
    """Memory is that of their list, and each has its line."""
    peaks = []
    for count in (100, 5000):
        folder = tmp_path / str(count)
        for number in range(count):
            write(
                folder,
                number,
                b"<html>502 Bad Gateway</html>" if number % 2 else b'{"error": "%d"}' % number,
                f"b{count}",
            )
        write(folder, count, app({"1": ["a"]}), f"b{count}")
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, str(folder)],
            cwd=settings.project_root(),
            env={**os.environ, settings.HOME: str(tmp_path / "home"), settings.DATABASE_URL: fresh_database},
            capture_output=True,
            text=True,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        new, quarantined, peak = json.loads(done.stdout.splitlines()[-1])
        assert (new, quarantined) == (1, count)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 60 * MEGABYTE
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection, connection.cursor() as cursor:
        cursor.execute("select reason, count(*) from raw.quarantined_files group by 1 order by 1")
        assert cursor.fetchall() == [("invalid_json", 2550), ("unknown_format", 2550)]


def test_a_detail_is_one_short_line(tmp_path: Path) -> None:
    """Whatever a file and its path hold."""
    from datetime import UTC, datetime

    from ingestion.capture.extraction import Expected, extract_span
    from ingestion.capture.timeline import arrange
    from ingestion.landing.landing_zone import list_files

    deep = tmp_path.joinpath(*["\n\x1b" * 80] * 10)
    deep.mkdir(parents=True)
    for name, content in (
        ("a", b"\x1b[31m\n" * 10_000),
        ("b", json.dumps({"\x1b\n" * 9999: 1, "\u202e" * 9999: 1}).encode()),
        ("c", app({"1": ["c"]})),
        ("d", app({"1": ["d"]})),
    ):
        put(deep / f"{name}_20260602_080000_UTC.json", content)
    files = list_files([str(tmp_path)])
    slots = arrange([(datetime(2026, 6, 2, 8, tzinfo=UTC), file) for file in files], [], 1)
    result = extract_span(slots, 0, 1, Expected("velib_app", "velib_app", MEGABYTE))
    assert sorted(each.reason for each in result.quarantined) == [
        *("conflicting_capture_time", "invalid_json", "unknown_format")
    ]
    for each in result.quarantined:
        assert each.detail.isprintable()
        assert len(each.detail) <= MAX_DETAIL_LENGTH
