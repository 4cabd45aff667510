"""API keys: 32 random bytes each, of which only the SHA-256 is kept, with a name and scopes.

A key has so much chance in it that nobody finds it by trying, so a quick hash is as good as a slow one. A line is

    name:scope,scope:sha256

in the environment (VELIB_API_KEYS, lines or blanks between them) or in a file, which is read again when it changes. Where there is
none, nothing that needs a scope is open to anyone.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from velib.core.errors import VelibError

HEADER = "X-API-Key"
PREFIX = "velib_"
# What a key may be good for: `read` where reads need a key, `corrections` for writes.
SCOPES = ("read", "corrections")
_LINE = re.compile(r"([\w.-]{1,60}):([a-z,]+):([0-9a-f]{64})")
_LOOK_AGAIN_SECONDS = 5.0
_log = logging.getLogger("velib.api")


@dataclass(frozen=True)
class Key:
    name: str
    scopes: frozenset[str]
    digest: str


def new(name: str, scopes: tuple[str, ...]) -> tuple[str, str]:
    """A new key, and the line that is kept of it."""
    key = PREFIX + secrets.token_urlsafe(32)
    line = f"{name}:{','.join(scopes)}:{_digest(key)}"
    if not _LINE.fullmatch(line):
        raise VelibError("a key's name has letters, digits, dots and dashes, at most 60")
    return key, line


def save(line: str) -> Path:
    """Add a line to the file of keys, which only its owner may read."""
    from velib.api import settings
    from velib.core.files import locked, write_atomically

    file = settings.keys_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with locked(file.with_name(f".{file.name}.lock")):
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        write_atomically(file, f"{before.rstrip()}\n{line}\n".lstrip(), mode=0o600)
    return file


def parse(text: str, where: str) -> Iterator[Key]:
    """The keys in lines of text. A line that cannot be read is an error, and no key that silently does not count."""
    for line in re.split(r"\s+", re.sub(r"#.*", "", text).strip()):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None or not set(found[2].split(",")) <= set(SCOPES):
            raise VelibError(f"{where}: a line of a key is name:scope,scope:sha256 with the scopes {', '.join(SCOPES)}")
        yield Key(found[1], frozenset(found[2].split(",")), found[3])


class Keys:
    """The keys that count just now."""

    def __init__(self, text: str, file: Path | None) -> None:
        self._given = tuple(parse(text, "VELIB_API_KEYS"))
        self._file, self._stamp = file, (0, 0)
        self._from_file: tuple[Key, ...] = ()
        self._looked_at = time.monotonic()
        if file is not None and file.exists():
            self._read_file()

    def find(self, key: str) -> Key | None:
        """The key's entry. Every one is compared, each in constant time: how long it takes tells nothing."""
        self._look()
        digest, found = _digest(key), None
        for each in (*self._given, *self._from_file):
            if hmac.compare_digest(each.digest, digest):
                found = each
        return found

    def _look(self) -> None:
        if self._file is None or time.monotonic() - self._looked_at < _LOOK_AGAIN_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            self._read_file()
        except (OSError, VelibError) as error:  # no file, or none that can be read: none of its keys counts
            if self._from_file:
                _log.warning("the keys of %s count no more: %s", self._file, error)
            self._from_file, self._stamp = (), (0, 0)

    def _read_file(self) -> None:
        assert self._file is not None
        stat = self._file.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp != self._stamp:
            self._from_file = tuple(parse(self._file.read_text(encoding="utf-8"), self._file.name))
            self._stamp = stamp


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
