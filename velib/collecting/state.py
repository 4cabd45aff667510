"""What is kept of a feed from one tick to the next, and over restarts: one small file for each, in its folder.

All of it can be lost: then a feed is asked for everything once more. So a file that cannot be read is as good as none.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from velib.core.files import write_atomically

_FILE = "state.json"


class DocumentState(msgspec.Struct, omit_defaults=True):
    """A document of a feed: what to tell its server of the copy that we keep, and how long that is as good as new."""

    address: str  # a digest: the address itself may hold a key
    content: str  # a digest of the copy
    fetched_at: float
    etag: str | None = None
    last_modified: str | None = None
    ttl: float | None = None


class FeedState(msgspec.Struct, omit_defaults=True):
    """A feed. Times are seconds since 1970."""

    documents: dict[str, DocumentState] = {}
    content: str | None = None  # a digest of the newest answer
    content_since: float | None = None  # the capture time of the first of those that were the same
    repeats: int = 0
    answered_at: float | None = None  # the capture time of the newest answer
    failures: int = 0  # in a row
    failing_since: float | None = None
    not_before: float | None = None  # the server wants to be left alone until then


def digest(data: bytes | str) -> str:
    """By what two contents, or two addresses, are told apart."""
    return hashlib.blake2b(data.encode() if isinstance(data, str) else data, digest_size=16).hexdigest()


class FeedFolder:
    """The folder of a feed: its state, copies of its documents, a few of the answers that were no snapshots."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def read(self) -> FeedState:
        try:
            return msgspec.json.decode((self.path / _FILE).read_bytes(), type=FeedState)
        except (OSError, msgspec.MsgspecError, ValueError):
            return FeedState()

    def write(self, state: FeedState) -> None:
        """Raises OSError."""
        self._make()
        write_atomically(self.path / _FILE, msgspec.json.encode(state), mode=0o600)

    def read_copy(self, name: str) -> bytes | None:
        try:
            return self._copy(name).read_bytes()
        except OSError:
            return None

    def write_copy(self, name: str, data: bytes) -> None:
        """Raises OSError."""
        self._make()
        write_atomically(self._copy(name), data)

    def keep_rejected(self, name: str, data: bytes, most: int) -> Path:
        """Keep an answer that was no snapshot, and `most` of them in all. Raises OSError."""
        folder = self.path / "rejected"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = folder / name
        kept.write_bytes(data)
        for old in sorted(folder.iterdir())[:-most]:
            old.unlink(missing_ok=True)
        return kept

    def _copy(self, name: str) -> Path:
        return self.path / f"{name}.copy"

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
