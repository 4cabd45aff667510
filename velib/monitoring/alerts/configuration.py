"""Which rules there are and who is told: the table [alerts] of the file that says which feeds to collect.

A mistake in it is a UsageError of one line that says where it is and what would be right. Secrets are not in it: it names
variables of the environment, which are read when a message is sent and kept nowhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from velib.core.durations import in_words
from velib.core.errors import UsageError

SEVERITIES = ("info", "warning", "critical")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.:_-]+", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NONE = timedelta()
_LONGEST = timedelta(days=3650)
_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told. A `*_env` is the name of a variable of the environment."""

    name: str
    kind: str
    per_hour: int | None = None
    url_env: str = ""
    host: str = ""
    port: int = 0
    tls: str = "starttls"
    user_env: str | None = None
    password_env: str | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule. Which of the fields below `to` count, depends on its kind."""

    name: str
    kind: str
    severity: str = "warning"
    to: tuple[str, ...] = ()
    # An incident that is still open is told again after this; never, where it is nothing.
    repeat: timedelta = timedelta(hours=6)
    # An incident that comes back within this goes on as if it had never been over. So it is over, and said to be, only then.
    cool_down: timedelta = timedelta(minutes=10)
    # Between two messages of the rule to one receiver: what happens meanwhile is told together.
    pause: timedelta = _NONE
    lasting: timedelta = timedelta(minutes=30)
    within: timedelta = timedelta(hours=2)
    below: float = 0.1
    at_least: int = 5
    files: int = 1
    stations: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    feed: str | None = None

    @property
    def happens(self) -> bool:
        """Whether it tells of what happens, and not of how things are: news that is late is news all the same."""
        return self.kind == "quarantine_grows"

    @property
    def condition(self) -> str:
        """What the rule is about, in words."""
        return {
            "station_empty": f"stations without a bike for {in_words(self.lasting)}",
            "station_full": f"stations without a free dock for {in_words(self.lasting)}",
            "district_short": f"districts with a bike in less than {self.below:.0%} of the docks for {in_words(self.lasting)}",
            "critical_stations": (
                f"{self.at_least} stations or more that were empty or full"
                f" for {in_words(self.lasting)} of the last {in_words(self.within)}"
            ),
            "feed_silent": f"feeds without a snapshot for {in_words(self.lasting)}",
            "quarantine_grows": f"{self.files} or more new files in quarantine",
            "failed_run": "a load or a build that failed or died, a database out of reach",
            "test": "only a test: messages get here",
        }[self.kind]


@dataclass(frozen=True)
class Alerts:
    """All of the table [alerts]."""

    rules: tuple[Rule, ...]
    receivers: tuple[Receiver, ...]
    # A feed whose newest snapshot in the mart is older says nothing about now.
    stale_after: timedelta = timedelta(hours=1)
    time_zone: ZoneInfo = _PARIS

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the environment that hold secrets."""
        named = [name for each in self.receivers for name in (each.url_env, each.user_env, each.password_env)]
        return tuple(name for name in named if name)

    def receiver(self, name: str) -> Receiver:
        for each in self.receivers:
            if each.name == name:
                return each
        raise UsageError(f"no receiver {name}: there are {', '.join(each.name for each in self.receivers)}")


def read(path: Path) -> Alerts | None:
    """The alerts of a file; None where it has none, or is not there."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    return None if "alerts" not in content else parse(content["alerts"], str(path))


def parse(content: object, path: str) -> Alerts:
    """The same of what the table holds."""
    table = _Table(f"{path}: alerts", content)
    if table.has("states_in_service"):
        raise UsageError(
            f"{path}: alerts: states_in_service is no more set here: the marts say which stations are in service; set dbt's var"
            " of that name in dbt_project.yml, and take it out"
        )
    table.only("stale_after", "time_zone", "rule", "to")
    receivers = tuple(_receiver(each) for each in table.tables("to"))
    if not receivers:
        raise UsageError(f"{path}: alerts: nobody is told: a table [[alerts.to]] for each receiver is expected")
    _different(f"{path}: alerts.to", [each.name for each in receivers])
    rules = tuple(_rule(each, [to.name for to in receivers]) for each in table.tables("rule"))
    if not rules:
        raise UsageError(f"{path}: alerts: no rules: a table [[alerts.rule]] for each is expected")
    _different(f"{path}: alerts.rule", [each.name for each in rules])
    return Alerts(
        rules=rules,
        receivers=receivers,
        stale_after=table.duration("stale_after", Alerts.stale_after, least=timedelta(minutes=1)),
        time_zone=_zone(table),
    )


def _zone(table: _Table) -> ZoneInfo:
    name = table.text("time_zone")
    try:
        return _PARIS if name is None else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise UsageError(f"{table.where}: unknown time zone {name}") from None


# --- receivers -------------------------------------------------------------------------------------------------------

_RECEIVER_KEYS = {
    "webhook": ("url_env",),
    "email": ("host", "port", "tls", "user_env", "password_env", "from", "to"),
    "log": (),
}
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_PER_HOUR = 20


def _receiver(table: _Table) -> Receiver:
    name, kind = table.name(), table.choice("kind", tuple(_RECEIVER_KEYS))
    table.only("name", "kind", "per_hour", *_RECEIVER_KEYS[kind])
    if kind == "log":
        return Receiver(name, kind, table.whole("per_hour", None))
    per_hour = table.whole("per_hour", _PER_HOUR)
    if kind == "webhook":
        return Receiver(name, kind, per_hour, url_env=table.variable("url_env") or table.missing("url_env"))
    tls = table.choice("tls", tuple(_PORTS), "starttls")
    user, password = table.variable("user_env"), table.variable("password_env")
    if (user is None) != (password is None):
        raise UsageError(f"{table.where}: user_env and password_env go together")
    if user is not None and tls == "none":
        raise UsageError(f'{table.where}: a password is not sent without TLS: tls must be "starttls" or "tls"')
    return Receiver(
        name,
        kind,
        per_hour,
        host=table.matching("host", _HOST, "a host") or table.missing("host"),
        port=table.whole("port", _PORTS[tls], most=65535) or 0,
        tls=tls,
        user_env=user,
        password_env=password,
        sender=table.matching("from", _ADDRESS, "an address like alerts@example.org") or table.missing("from"),
        recipients=table.texts("to", _ADDRESS, "addresses like ops@example.org") or (table.missing("to"),),
    )


# --- rules -----------------------------------------------------------------------------------------------------------

_COMMON = ("name", "kind", "severity", "to", "repeat", "cool_down", "pause")
_RULE_KEYS = {
    "station_empty": ("for", "stations", "districts", "feed"),
    "station_full": ("for", "stations", "districts", "feed"),
    "district_short": ("for", "below", "districts", "feed"),
    "critical_stations": ("for", "within", "at_least", "stations", "districts", "feed"),
    "feed_silent": ("for", "feeds"),
    "quarantine_grows": ("files",),
    "failed_run": (),
}
KINDS = tuple(_RULE_KEYS)
_LASTING = {"district_short": timedelta(minutes=15), "critical_stations": timedelta(hours=1)}
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


def _rule(table: _Table, receivers: Sequence[str]) -> Rule:
    name, kind = table.name(), table.choice("kind", KINDS)
    table.only(*_COMMON, *_RULE_KEYS[kind])
    to = table.texts("to") or tuple(receivers)
    for each in to:
        if each not in receivers:
            raise UsageError(f"{table.where}: no receiver {each!r}: there are {', '.join(receivers)}")
    # The windows that are read over all stations are bounded, since their cost grows with their length.
    most = _DAY if kind in _LASTING else _LONGEST
    lasting = table.duration("for", _LASTING.get(kind, Rule.lasting), least=_MINUTE, most=most)
    within = table.duration("within", Rule.within, least=_MINUTE, most=_DAY)
    if kind == "critical_stations" and lasting > within:
        raise UsageError(f"{table.where}: for must not be longer than within")
    return Rule(
        name=name,
        kind=kind,
        severity=table.choice("severity", SEVERITIES, Rule.severity),
        to=to,
        repeat=table.duration("repeat", Rule.repeat),
        cool_down=table.duration("cool_down", Rule.cool_down),
        pause=table.duration("pause", Rule.pause),
        lasting=lasting,
        within=within,
        below=table.share("below", Rule.below),
        at_least=table.whole("at_least", Rule.at_least) or 1,
        files=table.whole("files", Rule.files) or 1,
        stations=table.texts("stations"),
        districts=table.texts("districts"),
        feeds=table.texts("feeds"),
        feed=table.text("feed"),
    )


# --- tables ----------------------------------------------------------------------------------------------------------


class _Table:
    """A table of the file, read key by key."""

    def __init__(self, where: str, content: object) -> None:
        if not isinstance(content, dict):
            raise UsageError(f"{where} must be a table")
        self.where, self._content = where, content

    def only(self, *known: str) -> None:
        for key in self._content:
            if key not in known:
                raise UsageError(f"{self.where}: unknown key {key!r}: one of {', '.join(known)}")

    def has(self, key: str) -> bool:
        return key in self._content

    def tables(self, key: str) -> list[_Table]:
        found = self._content.get(key, [])
        if not isinstance(found, list):
            raise UsageError(f"{self.where}: {key} must be written [[alerts.{key}]]")
        return [_Table(f"{self.where}.{key} {number}", each) for number, each in enumerate(found, 1)]

    def name(self) -> str:
        name = self.text("name") or self.missing("name")
        if not _NAME.fullmatch(name):
            raise UsageError(f"{self.where}: name must have small letters, digits, - and _, and up to 63 of them")
        self.where = f"{self.where.rsplit(' ', 1)[0]} {name}"
        return name

    def missing(self, key: str) -> str:
        raise UsageError(f"{self.where}: {key} is missing")

    def text(self, key: str) -> str | None:
        value = self._content.get(key)
        if value is not None and not (isinstance(value, str) and value.strip() and value.isprintable()):
            raise UsageError(f"{self.where}: {key} must be a text of one line")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str | None:
        value = self.text(key)
        if value is not None and not pattern.fullmatch(value):
            raise UsageError(f"{self.where}: {key} must be {what}")
        return value

    def texts(self, key: str, pattern: re.Pattern[str] | None = None, what: str = "texts") -> tuple[str, ...]:
        values = self._content.get(key, [])
        is_list = isinstance(values, list) and all(isinstance(each, str) and each.strip() for each in values)
        if not is_list or (key in self._content and not values):
            raise UsageError(f"{self.where}: {key} must be a list of {what}, and not empty")
        if pattern is not None and not all(pattern.fullmatch(each) for each in values):
            raise UsageError(f"{self.where}: {key} must be a list of {what}")
        return tuple(values)

    def choice(self, key: str, among: Sequence[str], default: str | None = None) -> str:
        value = self._content.get(key, default)
        if value not in among:
            found = "is missing" if value is None else f"{value!r} is unknown"
            raise UsageError(f"{self.where}: {key} {found}: one of {', '.join(among)}")
        return str(value)

    def variable(self, key: str) -> str | None:
        value = self.text(key)
        if value is not None and not _VARIABLE.fullmatch(value):  # not shown: it may be the secret itself
            raise UsageError(f"{self.where}: {key} must be the name of a variable of the environment, not its value")
        return value

    def whole(self, key: str, default: int | None, most: int = 1_000_000) -> int | None:
        return self._number(key, default, f"a whole number from 1 to {most:,}", int, lambda value: 1 <= value <= most)

    def share(self, key: str, default: float) -> float:
        found = self._number(key, default, "a share between 0 and 1", (int, float), lambda value: 0 < value < 1)
        return float(found or default)

    def _number(self, key: str, default: Any, what: str, types: Any, fits: Callable[[Any], bool]) -> Any:
        value = self._content.get(key, default)
        if value is default:
            return default
        if not isinstance(value, types) or isinstance(value, bool) or not fits(value):
            raise UsageError(f"{self.where}: {key} must be {what}")
        return value

    def duration(self, key: str, default: timedelta, least: timedelta = _NONE, most: timedelta = _LONGEST) -> timedelta:
        value = self._content.get(key)
        if value is None:
            return default
        found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise UsageError(f"{self.where}: {key} must be a duration like 90s, 15m, 6h or 2d, not {value!r}")
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if length < least:
            raise UsageError(f"{self.where}: {key} must be at least {in_words(least)}")
        if length > most:
            raise UsageError(f"{self.where}: {key} must be at most {in_words(most)}")
        return length


def _different(where: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{where}: {name} is there twice")
