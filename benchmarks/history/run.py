"""One run of a city, first straight into `raw`, then as files: the same snapshots either way.

What goes on top of a history by `velib load` has to find its neighbours' files, else the loader rebuilds their content from all
change sets before. So the last snapshot of a stretch is written as a file too, and so are those next to one that is left out.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import xxhash
from isal import igzip

from benchmarks.history.told import Told
from benchmarks.history.writer import PIECE, Piece, Writer
from ingestion.capture.arrow_tables import ChangeSetRows
from ingestion.capture.extraction import content_hash
from ingestion.capture.network_state import ChangeSet, Counts
from ingestion.landing.files import LandingFile
from velib.simulator.archive import COMPRESSION_LEVEL, file_name, write_atomically
from velib.simulator.city import City
from velib.simulator.config import CityConfig, utc
from velib.simulator.engine import Engine
from velib.simulator.network import Bike, Station
from velib.simulator.payload import station_entry
from velib.simulator.truth import Kind, Truth

FEED = "velib_app"
USUAL_FILE_BYTES = 330_000
"""What the row of a snapshot without a file says of its size."""


class History:
    """A city whose snapshots go straight into the database, then into files. `config.snapshots` is how many there can be.

    Stations that drop out and bikes listed twice are not for histories.
    """

    def __init__(self, config: CityConfig, folder: Path) -> None:
        if config.dropouts or config.twice:
            raise ValueError("a history has a sound feed")
        self.folder = folder
        self.city = City(config)
        self.city.engine.truth = _Forgetful(self.city.engine)
        self._captures = self.city.captures()
        self._told = Told(self.city.engine)
        self._archive = folder / "archive"

    def straight(
        self,
        snapshots: int,
        left_out: Collection[int] = (),
        times: int = 1,
        progress: Callable[[int], object] = lambda count: None,
    ) -> list[Path]:
        """The first so many into the database at hand. Returns the files of those left out (by number), for later.

        `times` makes a long history of a short one: it happened so often before, one after the other, and last as it is simulated.
        At each begin the city is put back within one snapshot. To simulate takes far longer than to write.
        """
        last = snapshots - 1
        as_files = {last} | {number + by for number in left_out for by in (-1, 1)}
        if not as_files.isdisjoint(left_out) or not all(0 < number < last for number in left_out):
            raise ValueError("of snapshots that are left out both neighbours are in the history")
        late: list[Path] = []
        pieces: list[Piece] = []
        with closing(Writer(self._archive)) as writer, _without_garbage_collection():
            take = writer.put if times == 1 else pieces.append
            rows = _Rows()
            first_at = last_at = None
            for _ in range(snapshots):
                number, at, hidden = self._next()
                if number in left_out:
                    late.append(Path(self._write("late", at, hidden)[0].path))
                    continue
                file, digest = self._write("known", at, hidden) if number in as_files else self._made_up(at)
                rows.add(at, last_at, file, digest, self._told.change_set(hidden))
                if last_at is None:  # a piece of its own: when it happens again, it changes less
                    first_at, first_file, beginning = at, (file, digest), self._told.content()
                last_at = at
                if number in (0, last) or rows.count == PIECE:
                    take(rows.piece())
                progress(number)
            if times > 1:
                assert first_at is not None
                assert last_at is not None
                whole = timedelta(seconds=snapshots * self.city.config.every)
                rows.add(first_at, last_at - whole, *first_file, self._told.back_to(beginning))
                again = rows.piece()
                for before in range(times - 1, -1, -1):
                    first = pieces[0] if before == times - 1 else again
                    for piece in (first, *pieces[1:]):
                        writer.put(piece, before * whole)
        return late

    def as_files(self, snapshots: int, name: str) -> Path:
        """The next so many as files, in a folder of that name."""
        for _ in range(snapshots):
            _, at, hidden = self._next()
            self._write(name, at, hidden)
        return self.folder / name

    def _next(self) -> tuple[int, datetime, set[Bike]]:
        number, captured = next(self._captures)
        return number, utc(captured), self.city.feed.leave_out(number, captured)[1]

    def _write(self, name: str, at: datetime, hidden: set[Bike]) -> tuple[LandingFile, str]:
        path = self.folder / name / file_name(at)
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = (_entry(station, hidden) for station in self.city.engine.stations)
        payload = b"[" + b",".join(entries) + b"]"
        write_atomically(path, igzip.compress(payload, COMPRESSION_LEVEL, mtime=0))
        about = path.stat()
        return LandingFile(str(path.absolute()), about.st_size, about.st_mtime_ns), content_hash(payload)

    def _made_up(self, at: datetime) -> tuple[LandingFile, str]:
        path = str((self._archive / file_name(at)).absolute())
        file = LandingFile(path, USUAL_FILE_BYTES, int(at.timestamp() * 1_000_000_000))
        return file, xxhash.xxh3_128_hexdigest(path.encode())


class _Rows:
    """The rows of a piece."""

    def __init__(self) -> None:
        self.count = 0
        self._rows = ChangeSetRows(FEED)

    def add(
        self, at: datetime, previous_at: datetime | None, file: LandingFile, digest: str, said: tuple[ChangeSet, Counts]
    ) -> None:
        changes, counts = said
        self._rows.add(self.count, at, previous_at, FEED, file, digest, counts, changes)
        self.count += 1

    def piece(self) -> Piece:
        """All since the last piece."""
        piece = Piece(self.count, self._rows.to_ipc())
        self.count, self._rows = 0, ChangeSetRows(FEED)
        return piece


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing here makes cycles, and looking for them among millions of objects takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _entry(station: Station, hidden: set[Bike]) -> bytes:
    return station_entry(station, [bike for bike in station.bikes if bike not in hidden] if hidden else station.bikes)


class _Forgetful(Truth):
    """Nobody asks for the truth of a year of movements; it would take a gigabyte."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.bikes, engine.stations)

    def open(self, bike: Bike, origin: Station, at: int, kind: Kind) -> int:
        return 0

    def close(self, number: int, destination: Station, at: int) -> None:
        pass
