"""Messages on their way: a real HTTP server and a real mail server, well and badly behaved; and the verb `alert`."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from click.testing import CliRunner
from feed_server import FeedServer, ok, serving, silent, status
from small_mart import small_mart

from orchestration.lib.alerts import evaluate as tick
from velib.cli.main import velib
from velib.core import settings
from velib.core.errors import VelibError
from velib.monitoring.alerts import configuration, evaluation, receivers
from velib.monitoring.alerts.configuration import Receiver, Rule
from velib.monitoring.alerts.delivery import Outcome, Post
from velib.monitoring.alerts.messages import Message, Part
from velib.monitoring.alerts.state import Due, Incident

AT = datetime(2026, 6, 2, 8, tzinfo=UTC)
HOOK = Receiver("hook", "webhook", url_env="HOOK_URL")
MAIL = Receiver("mail", "email", host="127.0.0.1", tls="none", sender="a@example.org", recipients=("b@example.org",))
LOG = Receiver("log", "log")
ZONE = ZoneInfo("Europe/Paris")


def message(labels: int = 1, name: str = "empty") -> Message:
    incidents = tuple(Incident(n, f"<Gare & {n}>", "", AT, AT, None) for n in range(labels))
    return Message((Part(Rule(name, "station_empty"), Due(opened=incidents)),), ZONE)


class Mailbox:
    """What a mail server got; it refuses whom it is told to."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.refuses: str | None = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:  # noqa: N802
        if self.refuses is not None:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mail_server(box: Mailbox, **options: Any) -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def web() -> Iterator[FeedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def post() -> Post:
    """Without the pauses between tries."""
    return Post(sleep=lambda _: None)


def outcomes(post: Post, receiver: Receiver, *messages: Message) -> list[str | None]:
    return [outcome.error for outcome in post.deliver({receiver: messages})]


# --- webhook ---------------------------------------------------------------------------------------------------------


def test_what_a_webhook_gets(web: FeedServer, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_URL", web.at("/services/s3cret", ok(b"ok")))
    assert outcomes(post, HOOK, message(12)) == [None]
    (asked,) = web.asked
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json; charset=utf-8")
    body = json.loads(asked.body)
    assert body["text"] == "warning: empty: 12 new"
    header, section = body["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "warning: empty: 12 new", "emoji": False}
    assert section["text"]["type"] == "mrkdwn"
    lines = section["text"]["text"].splitlines()
    assert lines[:3] == ["_stations without a bike for 30 min_", "*new*", "• &lt;Gare &amp; 0&gt;: since 02.06. 10:00"]
    assert lines[-1] == "• … and 2 more"


def test_a_webhook_that_misbehaves(web: FeedServer, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "TIMEOUT", 0.2)
    monkeypatch.setenv("HOOK_URL", web.at("/s3cret", status(500), silent, ok(b"ok")))
    assert outcomes(post, HOOK, message()) == [None]
    for answers, tries, error in (
        ([status(404, b"no such s3cret")], 1, "the webhook answers HTTP 404"),
        ([status(429)], 3, "the webhook answers HTTP 429"),
        ([status(302, Location="/elsewhere")], 1, "the webhook answers HTTP 302"),
        ([silent], 3, "the webhook: no answer within 0.2 s"),
    ):
        web.asked.clear()
        web.at("/s3cret", *answers)
        assert outcomes(post, HOOK, message(), message()) == [error]  # the second is not even tried
        assert len(web.asked) == tries
    monkeypatch.setenv("HOOK_URL", "http://127.0.0.1:1/s3cret")
    assert outcomes(post, HOOK, message()) == ["the webhook: Connection refused"]
    for nothing in ("ftp://host/s3cret", "s3cret", "http://[s3cret"):
        monkeypatch.setenv("HOOK_URL", nothing)
        assert outcomes(post, HOOK, message()) == ["HOOK_URL does not hold an http address"]
    monkeypatch.delenv("HOOK_URL")
    assert outcomes(post, HOOK, message()) == ["HOOK_URL is not set in the environment"]


def test_one_that_hangs_keeps_nobody_else_waiting(web: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_URL", web.at("/", silent))
    found: dict[str, list[Outcome]] = {"hook": [], "log": []}
    for outcome in Post(longest=0.3).deliver({HOOK: [message()], LOG: [message(), message()]}):
        found[outcome.receiver.name].append(outcome)
    assert [outcome.error for outcome in found["log"]] == [None, None]
    assert [outcome.error for outcome in found["hook"]] == ["not delivered within 0.3 s"]


def test_a_mistake_of_ours_is_a_failure_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError("s3cret")

    assert outcomes(Post(send=fails), LOG, message()) == ["a mistake of ours: KeyError"]


# --- e-mail ----------------------------------------------------------------------------------------------------------


def test_what_a_mailbox_gets(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox()
    with mail_server(box) as port:
        mail = replace(MAIL, port=port, recipients=("b@example.org", "c@example.org"))
        assert outcomes(post, mail, message(3)) == [None]
        (got,) = box.got
        assert (got["Subject"], got["From"], got["To"]) == (
            "warning: empty: 3 new",
            "a@example.org",
            "b@example.org, c@example.org",
        )
        assert got["Date"]
        assert got["Message-ID"].endswith("@example.org>")
        assert got.get_content().splitlines()[3] == "  - <Gare & 0>: since 02.06. 10:00"
        box.refuses = "550 no such user"
        assert outcomes(post, mail, message()) == ["the mail server 127.0.0.1 refuses the recipients (550)"]
        # No password goes where there is no TLS.
        monkeypatch.setenv("MAIL_USER", "u")
        monkeypatch.setenv("MAIL_PASSWORD", "s3cret")
        safe = replace(mail, tls="starttls", user_env="MAIL_USER", password_env="MAIL_PASSWORD")
        assert outcomes(post, safe, message()) == ["the mail server 127.0.0.1 does not offer STARTTLS or a login"]
    assert outcomes(post, mail, message()) == ["the mail server 127.0.0.1: Connection refused"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made with openssl")
def test_starttls_and_a_login(post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    making = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*making.split(), *names], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword) -> AuthResult:
        return AuthResult(success=given == LoginPassword(b"u", b"s3cret"), handled=False)

    box = Mailbox()
    options = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": knows}
    monkeypatch.setenv("MAIL_USER", "u")
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret")
    with mail_server(box, **options) as port:
        mail = replace(MAIL, port=port, tls="starttls", user_env="MAIL_USER", password_env="MAIL_PASSWORD")
        (error,) = outcomes(post, mail, message())
        assert error is not None
        assert error.startswith("the mail server 127.0.0.1: its certificate is not trusted")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert outcomes(post, mail, message()) == [None]
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        assert outcomes(post, mail, message()) == ["the mail server 127.0.0.1 does not take user and password (535)"]
        assert outcomes(post, replace(mail, user_env=None, tls="none"), message()) == [
            "the mail server 127.0.0.1 answers 530"
        ]
    assert len(box.got) == 1


# --- the verb --------------------------------------------------------------------------------------------------------

CONFIGURATION = """
[[alerts.to]]
name = "hook"
kind = "webhook"
url_env = "HOOK_URL"
[[alerts.to]]
name = "log"
kind = "log"
[[alerts.rule]]
name = "silent"
kind = "feed_silent"
feeds = ["never"]
"""


@pytest.fixture
def home(postgres_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a warehouse where nothing was loaded."""
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    with small_mart(postgres_home) as mart:
        monkeypatch.setenv(settings.DATABASE_URL, mart.url)
        yield tmp_path
    logging.getLogger("velib.alerts").handlers = []


def test_the_verb(home: Path, web: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(velib, ["alert", *arguments])
        return done.exit_code, done.output

    code, said = run()
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("error: no alerts: ")
    (home / "poll.toml").write_text(CONFIGURATION)
    monkeypatch.setenv("HOOK_URL", web.at("/s3cret", status(404), ok(b"ok")))
    assert run("--dry-run") == (
        0,
        "".join(
            f"to {name}:\n  warning: silent: 1 new\n  feeds without a snapshot for 30 min\n  new:\n"
            "    - never: not one snapshot so far\n\n"
            for name in ("hook", "log")
        )
        + "open incidents: 1; messages that would be sent: 2\n",
    )
    assert not web.asked
    code, said = run()
    assert code == 1
    lines = sorted(line.partition(" ")[2] if line.startswith("time=") else line for line in said.splitlines())
    assert lines == [
        'level=ERROR event=not_delivered receiver=hook title="warning: silent: 1 new" detail="the webhook answers HTTP 404"',
        "level=WARNING event=alert rules=silent opened=1 still=0 recovered=0 subjects=never",
        "open incidents: 1; messages sent: 1, not delivered: 1",
    ]
    assert run() == (0, "open incidents: 1; messages sent: 1, not delivered: 0\n")
    assert run("--test", "hook") == (0, "hook: sent\n")
    assert json.loads(web.asked[-1].body)["text"] == "info: test: 1 new"
    monkeypatch.delenv("HOOK_URL")
    assert run("--test", "hook") == (1, "error: hook: HOOK_URL is not set in the environment\n")
    assert run("--test", "ops") == (2, "error: no receiver ops: there are hook, log\n")


def test_from_dagster(home: Path, web: FeedServer, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A tick says what came of it, and fails of nothing that the outside world can cause."""

    assert tick() == "no alerts are configured"
    assert not capsys.readouterr().err, "without alerts there is nothing to say"
    (home / "poll.toml").write_text(CONFIGURATION)
    monkeypatch.setenv("HOOK_URL", web.at("/s3cret", status(404), ok(b"ok")))
    assert tick() == "open incidents: 1; sent: 1, not delivered: 1"
    assert tick() == "open incidents: 1; sent: 1, not delivered: 0"
    said = capsys.readouterr().err
    assert [line.partition("event=")[2].split()[0] for line in said.splitlines()] == ["alert", "not_delivered"]
    (home / "poll.toml").write_text("alerts = 1")
    assert tick() == f"{home}/poll.toml: alerts must be a table"
    (home / "poll.toml").write_text(CONFIGURATION)
    monkeypatch.setenv(settings.DATABASE_URL, "postgresql://u:s3cret@127.0.0.1:1/nowhere")
    assert tick() == "it failed: the log of the code location says why"
    monkeypatch.delenv(settings.DATABASE_URL)
    assert "is not running" in tick()
    assert not (home / "postgres").exists()
    said += capsys.readouterr().err
    assert said.count("event=alerts_failed") == 3
    assert "s3cret" not in said


def test_a_database_out_of_reach_is_told_and_that_it_is_back(
    home: Path, web: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "poll.toml").write_text(
        CONFIGURATION + '[[alerts.rule]]\nname = "runs"\nkind = "failed_run"\nrepeat = "1h"\n'
    )
    alerts = configuration.read(home / "poll.toml")
    assert alerts is not None
    there = os.environ[settings.DATABASE_URL]
    monkeypatch.setenv("HOOK_URL", web.at("/s3cret", status(404), ok(b"ok")))

    def at(minutes: float, url: str = "postgresql://u:s3cret@127.0.0.1:1/nowhere") -> list[str]:
        """What comes to the webhook, or would have."""
        monkeypatch.setenv(settings.DATABASE_URL, url)
        monkeypatch.setattr(evaluation, "datetime", SimpleNamespace(now=lambda _: AT + timedelta(minutes=minutes)))
        before = len(web.asked)
        if url == there:
            evaluation.evaluate_once(alerts)
        else:
            with pytest.raises(VelibError, match="cannot connect"):
                evaluation.evaluate_once(alerts)
        return [json.loads(each.body)["text"] for each in web.asked[before:]]

    told, back = "warning: runs: 1 new", "info: runs: 1 recovered"
    assert at(0) == at(4) == [], "it may be a restart"
    assert at(6) == [told]  # and not delivered
    assert at(7) == [told]
    assert at(8) == at(66) == []
    assert at(67) == [told]
    assert "s3cret" not in (home / "database_out_of_reach.json").read_text()
    assert [each for each in at(68, there) if "runs" in each] == [back.replace("info: ", "recovered: ")]
    assert not (home / "database_out_of_reach.json").exists()
    assert at(70) == at(69) == []
    (home / "database_out_of_reach.json").write_text("[half")
    assert at(71) == []
