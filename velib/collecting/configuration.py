"""Which feeds to collect: a TOML file, read into `Feed`s. Secrets are not in it: it names variables of the environment.

A mistake in it is a UsageError of one line that says where it is and what would be right.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from velib.collecting.client import is_http
from velib.collecting.redaction import Secret
from velib.core.errors import UsageError

MEBIBYTE = 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_URLS = {
    "velib_opendata": "https://opendata.paris.fr/api/explore/v2.1/catalog/datasets/"
    "velib-disponibilite-en-temps-reel/exports/json",
    "gbfs": "https://velib-metropole-opendata.smovengo.cloud/opendata/Velib_Metropole/gbfs.json",
    "nextbike": "https://maps.nextbike.net/maps/nextbike-live.json",
    "velib_app": "https://www.velib-metropole.fr/api/secured/searchStation",
}
KINDS = tuple(_URLS)
_COMMON = ("kind", "url", "token_env", "token_header", "max_mb", "repeat_limit")
_KEYS = {
    "velib_opendata": _COMMON,
    "gbfs": (*_COMMON, "language"),
    "nextbike": (*_COMMON, "city"),
    "velib_app": (*_COMMON, "body_env"),
}


@dataclass(frozen=True)
class Feed:
    """One feed, as configured."""

    name: str
    kind: str  # the format of what it answers (ingestion.formats)
    url: str
    token: Secret | None = None
    token_header: str = "Authorization"  # noqa: S105 (where it goes, not what it is)
    body: Secret | None = None  # POST where there is one
    language: str | None = None  # of gbfs.json, where it has several
    max_bytes: int = 64 * MEBIBYTE
    # For so many seconds an answer that does not change still is one. After that the source has stopped.
    repeat_limit: int = 6 * 3600

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(each for each in (self.token, self.body) if each is not None)


@dataclass(frozen=True)
class Configuration:
    """All of the file."""

    feeds: tuple[Feed, ...]
    user_agent: str | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(secret for feed in self.feeds for secret in feed.secrets)


def read(path: Path, names: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in a file; of its feeds those of `names`, if any. The others' secrets need not be there."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no feeds to collect: {path} is not there; docs/operations.md, Collecting, says what to write into it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    return parse(content, str(path), names, os.environ if environment is None else environment)


def parse(content: Mapping[str, Any], path: str, names: Sequence[str], environment: Mapping[str, str]) -> Configuration:
    """The same of what the file holds."""
    _only(
        content, ("user_agent", "feeds", "alerts"), path
    )  # the alerts are read by velib/monitoring/alerts/configuration.py
    tables = content.get("feeds")
    if not isinstance(tables, dict) or not tables:
        raise UsageError(f"{path}: no feeds: a table [feeds.NAME] for each is expected")
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"{path}: feed {name!r}: a name has small letters, digits, - and _, and up to 63 of them")
        if not isinstance(table, dict):
            raise UsageError(f"{path}: feed {name}: a table [feeds.{name}] is expected")
    for name in names:
        if name not in tables:
            raise UsageError(f"{path} has no feed {name}: it has {', '.join(tables)}")
    everything = {name: _Table(f"{path}: feed {name}", table, environment) for name, table in tables.items()}
    for table in everything.values():
        table.check()
    user_agent = content.get("user_agent")
    if user_agent is not None and not (isinstance(user_agent, str) and _is_header_value(user_agent)):
        raise UsageError(f"{path}: user_agent must be a text of one line, in ASCII")
    feeds = tuple(table.feed(name) for name, table in everything.items() if not names or name in names)
    return Configuration(feeds, user_agent)


def seconds(text: str, where: str) -> int:
    """A duration like 90s, 15m, 6h or 2d, in seconds."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{where} must be a duration like 90s, 15m, 6h or 2d, not {text!r}")
    return int(found[1]) * _UNITS[found[2]]


class _Table:
    """A table [feeds.NAME], read key by key."""

    def __init__(self, where: str, table: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.where, self.table, self.environment = where, table, environment

    def check(self) -> None:
        kind = self.table.get("kind")
        if kind not in KINDS:
            found = "is missing" if kind is None else f"{kind!r} is unknown"
            raise UsageError(f"{self.where}: kind {found}: one of {', '.join(KINDS)}")
        _only(self.table, _KEYS[kind], self.where)
        if kind == "nextbike" and "city" not in self.table and "url" not in self.table:
            raise UsageError(f"{self.where}: city is missing: the number of a city of nextbike")
        if kind == "velib_app":
            for key in ("token_env", "body_env"):
                if key not in self.table:
                    raise UsageError(f"{self.where}: {key} is missing: the name of a variable of the environment")

    def feed(self, name: str) -> Feed:
        kind = self.table["kind"]
        body = self._secret("body_env")
        header = self._text("token_header")
        if header is not None and not _HEADER.fullmatch(header):
            raise UsageError(f"{self.where}: token_header must be the name of an HTTP header")
        max_mb = self.table.get("max_mb", 64)
        if not isinstance(max_mb, int) or isinstance(max_mb, bool) or not 1 <= max_mb <= 256:
            raise UsageError(f"{self.where}: max_mb must be a whole number from 1 to 256")
        limit = self._text("repeat_limit")
        return Feed(
            name=name,
            kind=kind,
            url=self._url(kind),
            token=self._secret("token_env"),
            token_header=header or "Authorization",
            body=body,
            language=self._text("language"),
            max_bytes=max_mb * MEBIBYTE,
            repeat_limit=Feed.repeat_limit if limit is None else seconds(limit, f"{self.where}: repeat_limit"),
        )

    def _url(self, kind: str) -> str:
        url = self._text("url") or _URLS[kind]
        if not is_http(url) or not _is_header_value(url) or " " in url:
            raise UsageError(f"{self.where}: url must be an http or https address")
        if "@" in url.split("/")[2]:
            raise UsageError(f"{self.where}: url must not hold a password: token_env names the variable for one")
        if kind == "nextbike" and "city" in self.table:
            city = self.table["city"]
            if not isinstance(city, int) or isinstance(city, bool) or city < 1:
                raise UsageError(f"{self.where}: city must be a number, that of a city of nextbike")
            url += f"{'&' if '?' in url else '?'}city={city}"
        return url

    def _text(self, key: str) -> str | None:
        value = self.table.get(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise UsageError(f"{self.where}: {key} must be a text")
        return value

    def _secret(self, key: str) -> Secret | None:
        variable = self._text(key)
        if variable is None:
            return None
        if not _VARIABLE.fullmatch(variable):  # not shown: somebody may have written the secret itself
            raise UsageError(f"{self.where}: {key} must be the name of a variable of the environment, not its value")
        value = self.environment.get(variable, "").strip()
        if not value:
            raise UsageError(f"{self.where}: {variable}, which {key} names, is not set in the environment")
        if key == "token_env" and not _is_header_value(value):
            raise UsageError(f"{self.where}: {variable} must hold a text of one line, in ASCII")
        return Secret(variable, value)


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}: one of {', '.join(known)}")


def _is_header_value(text: str) -> bool:
    return bool(text.strip()) and text.isascii() and text.isprintable()
