"""The table [alerts]: what is read from it, and that each mistake is one line that says where it is."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from velib.collecting import configuration as collecting
from velib.core import settings
from velib.core.errors import UsageError
from velib.monitoring.alerts import configuration
from velib.monitoring.alerts.configuration import KINDS, Alerts

LOG = '[[alerts.to]]\nname = "log"\nkind = "log"\n'
RULE = '[[alerts.rule]]\nname = "r"\n'
RUNS = f'{RULE}kind = "failed_run"\n'
MAIL = '[[alerts.to]]\nname = "mail"\nkind = "email"\nhost = "smtp.example.org"\nfrom = "a@example.org"\nto = ["b@example.org"]\n'


def parse(text: str) -> Alerts:
    return configuration.parse(tomllib.loads(text)["alerts"], "poll.toml")


def test_the_example_of_the_documentation_is_read_by_both() -> None:
    page = (settings.project_root() / "docs" / "operations.md").read_text(encoding="utf-8")
    example = next(each for each in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[alerts]" in each)
    found = parse(example)
    assert {rule.kind for rule in found.rules} == set(KINDS)
    assert {receiver.kind for receiver in found.receivers} == {"webhook", "email", "log"}
    assert found.variables == ("VELIB_SLACK_URL", "VELIB_SMTP_USER", "VELIB_SMTP_PASSWORD")
    feeds = tomllib.loads(f'{example}\n[feeds.f]\nkind = "velib_opendata"\n')
    assert [feed.name for feed in collecting.parse(feeds, "poll.toml", (), {}).feeds] == ["f"]


def test_what_is_not_said() -> None:
    found = parse(LOG + MAIL + RULE + 'kind = "station_empty"\n' + MAIL.replace('"mail"', '"boss"'))
    (rule,) = found.rules
    assert (rule.to, rule.severity, rule.lasting, rule.pause) == (
        ("log", "mail", "boss"),
        "warning",
        timedelta(minutes=30),
        timedelta(),
    )
    assert [(each.per_hour, each.port, each.tls) for each in found.receivers[:2]] == [
        (None, 0, "starttls"),
        (20, 587, "starttls"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("alerts = 1", "poll.toml: alerts must be a table"),
        (
            "[alerts]\nrules = 1",
            "poll.toml: alerts: unknown key 'rules': one of stale_after, time_zone, rule, to",
        ),
        (
            "[alerts]\nstates_in_service = ['Operative']",
            "poll.toml: alerts: states_in_service is no more set here: the marts say which stations are in service; set dbt's var"
            " of that name in dbt_project.yml, and take it out",
        ),
        (RUNS, "poll.toml: alerts: nobody is told: a table [[alerts.to]] for each receiver is expected"),
        (LOG, "poll.toml: alerts: no rules: a table [[alerts.rule]] for each is expected"),
        (LOG + LOG + RUNS, "poll.toml: alerts.to: log is there twice"),
        (LOG + RUNS + RUNS, "poll.toml: alerts.rule: r is there twice"),
        ("[alerts.to]\nname = 1", "poll.toml: alerts: to must be written [[alerts.to]]"),
        ("[[alerts.to]]\nkind = 'log'", "poll.toml: alerts.to 1: name is missing"),
        (
            "[[alerts.to]]\nname = 'A b'",
            "poll.toml: alerts.to 1: name must have small letters, digits, - and _, and up to 63 of them",
        ),
        (
            "[[alerts.to]]\nname = 'a'\nkind = 'sms'",
            "poll.toml: alerts.to a: kind 'sms' is unknown: one of webhook, email, log",
        ),
        ("[[alerts.to]]\nname = 'a'\nkind = 'webhook'", "poll.toml: alerts.to a: url_env is missing"),
        (
            "[[alerts.to]]\nname = 'a'\nkind = 'webhook'\nurl_env = 'https://hooks.example.org/s3cret'",
            "poll.toml: alerts.to a: url_env must be the name of a variable of the environment, not its value",
        ),
        (
            LOG + "url_env = 'A'\n" + RUNS,
            "poll.toml: alerts.to log: unknown key 'url_env': one of name, kind, per_hour",
        ),
        (LOG + "per_hour = 0\n", "poll.toml: alerts.to log: per_hour must be a whole number from 1 to 1,000,000"),
        (MAIL + "user_env = 'A'\n", "poll.toml: alerts.to mail: user_env and password_env go together"),
        (
            MAIL + "user_env = 'A'\npassword_env = 'B'\ntls = 'none'\n",
            'poll.toml: alerts.to mail: a password is not sent without TLS: tls must be "starttls" or "tls"',
        ),
        (
            MAIL.replace("b@example.org", "b@example.org, c@example.org"),
            "poll.toml: alerts.to mail: to must be a list of addresses like ops@example.org",
        ),
        (LOG + RULE, "poll.toml: alerts.rule r: kind is missing: one of " + ", ".join(KINDS)),
        (
            LOG + RUNS + "for = '1m'\n",
            "poll.toml: alerts.rule r: unknown key 'for': one of name, kind, severity, to, repeat, cool_down, pause",
        ),
        (LOG + RUNS + "to = ['ops']\n", "poll.toml: alerts.rule r: no receiver 'ops': there are log"),
        (LOG + RUNS + "to = []\n", "poll.toml: alerts.rule r: to must be a list of texts, and not empty"),
        (
            LOG + RUNS + "severity = 'bad'\n",
            "poll.toml: alerts.rule r: severity 'bad' is unknown: one of info, warning, critical",
        ),
        (
            LOG + RUNS + "repeat = 6\n",
            "poll.toml: alerts.rule r: repeat must be a duration like 90s, 15m, 6h or 2d, not 6",
        ),
        (
            LOG + RULE + "kind = 'district_short'\nfor = '2d'\n",
            "poll.toml: alerts.rule r: for must be at most 24 h",
        ),
        (LOG + RULE + "kind = 'station_full'\nfor = '1s'\n", "poll.toml: alerts.rule r: for must be at least 1 min"),
        (
            LOG + RULE + "kind = 'district_short'\nbelow = 10\n",
            "poll.toml: alerts.rule r: below must be a share between 0 and 1",
        ),
        (
            LOG + RULE + "kind = 'critical_stations'\nfor = '3h'\n",
            "poll.toml: alerts.rule r: for must not be longer than within",
        ),
        ("[alerts]\ntime_zone = 'Mars/Base'\n" + LOG + RUNS, "poll.toml: alerts: unknown time zone Mars/Base"),
    ],
)
def test_a_mistake_is_one_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(text)
    assert str(raised.value) == line


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "poll.toml"
    assert configuration.read(path) is None
    path.write_text('[feeds.f]\nkind = "velib_opendata"\n')
    assert configuration.read(path) is None
    path.write_text("[alerts")
    with pytest.raises(UsageError, match="is no TOML"):
        configuration.read(path)
    path.write_text(LOG + RUNS)
    found = configuration.read(path)
    assert found is not None
    assert found.receiver("log").kind == "log"
    with pytest.raises(UsageError, match="no receiver ops: there are log"):
        found.receiver("ops")
