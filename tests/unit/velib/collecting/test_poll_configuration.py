"""poll.toml: what it may say, and what is said of what it may not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from velib.collecting import configuration
from velib.collecting.redaction import HIDDEN, Redactor, Secret
from velib.core import settings
from velib.core.errors import UsageError

ENVIRONMENT = {"VELIB_APP_TOKEN": "Bearer abc+def/123==", "VELIB_APP_BODY": '{"key": "s3cret"}', "EMPTY": " "}


def parse(text: str, *names: str) -> configuration.Configuration:
    return configuration.parse(tomllib.loads(text), "poll.toml", names, ENVIRONMENT)


def test_the_documented_example() -> None:
    page = (settings.project_root() / "docs" / "operations.md").read_text(encoding="utf-8")
    example = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    found = parse(example)
    assert {feed.kind for feed in found.feeds} == set(configuration.KINDS)


def test_every_kind_has_an_address_of_its_own() -> None:
    found = parse(
        "[feeds.a]\nkind = 'velib_opendata'\n[feeds.b]\nkind = 'gbfs'\n[feeds.c]\nkind = 'nextbike'\ncity = 91"
    )
    assert [feed.name for feed in found.feeds] == ["a", "b", "c"]
    assert found.feeds[0].url.endswith("/exports/json")
    assert found.feeds[1].url.endswith("/gbfs.json")
    assert found.feeds[2].url.endswith("?city=91")


APP = "[feeds.app]\nkind = 'velib_app'\ntoken_env = 'VELIB_APP_TOKEN'\nbody_env = 'VELIB_APP_BODY'\n"


def test_secrets_are_of_the_environment() -> None:
    (feed,) = parse(APP + "repeat_limit = '2h'\nmax_mb = 8").feeds
    assert feed.token is not None
    assert feed.body is not None
    assert feed.token.reveal() == ENVIRONMENT["VELIB_APP_TOKEN"]
    assert feed.body.reveal() == ENVIRONMENT["VELIB_APP_BODY"]
    assert (feed.repeat_limit, feed.max_bytes) == (7200, 8 * 1024 * 1024)
    assert "s3cret" not in repr(feed)
    assert "abc" not in repr(feed)


def test_only_the_feeds_that_are_asked_for_need_their_secrets() -> None:
    text = APP.replace("VELIB_APP_BODY", "NOT_SET") + "[feeds.b]\nkind = 'gbfs'"
    assert [feed.name for feed in parse(text, "b").feeds] == ["b"]
    with pytest.raises(UsageError, match="NOT_SET"):
        parse(text)


B = "[feeds.b]\nkind = 'gbfs'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no feeds"),
        ("feeds = 3", "no feeds"),
        ("[feeds]\nb = 3", "feed b"),
        ("[feed.b]\nkind = 'gbfs'", "unknown key 'feed'"),
        ("[feeds.b]", "kind is missing"),
        ("[feeds.b]\nkind = 'gtfs'", "'gtfs' is unknown"),
        ("[feeds.b]\nkind = ['gbfs']", "is unknown"),
        ("[feeds.'B b']\nkind = 'gbfs'", "small letters"),
        ("[feeds.'../b']\nkind = 'gbfs'", "small letters"),
        (B + "citi = 1", "unknown key 'citi'"),
        (B + "city = 1", "unknown key 'city'"),
        (B + "url = 'file:///etc/passwd'", "http"),
        (B + "url = 'https://user:pass@example.org/'", "password"),
        (B + "url = ''", "url must be a text"),
        (B + "max_mb = 0", "max_mb"),
        (B + "max_mb = true", "max_mb"),
        (B + "repeat_limit = 'for ever'", "repeat_limit"),
        (B + "repeat_limit = 5", "repeat_limit"),
        (B + "token_header = 'a b'\ntoken_env = 'VELIB_APP_TOKEN'", "token_header"),
        (B + "token_env = 'EMPTY'", "not set"),
        (B + "token_env = 'Bearer abc'", "not its value"),
        ("[feeds.b]\nkind = 'nextbike'", "city is missing"),
        ("[feeds.b]\nkind = 'nextbike'\ncity = 'Mainz'", "city must be"),
        ("[feeds.b]\nkind = 'velib_app'\ntoken_env = 'VELIB_APP_TOKEN'", "body_env is missing"),
        ('user_agent = "a\\nb"\n' + B, "user_agent"),
    ],
)
def test_mistakes_are_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "abc" not in str(raised.value)


def test_a_feed_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="it has b"):
        parse(B, "c")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[feeds")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    for name, said in (("none.toml", "not there"), ("bad.toml", "no TOML"), ("latin.toml", "UTF-8"), (".", "cannot")):
        with pytest.raises(UsageError, match=said):
            configuration.read(tmp_path / name)


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.poll_config() == settings.velib_home() / "poll.toml"
    monkeypatch.setenv(settings.POLL_CONFIG, "/somewhere/feeds.toml")
    assert settings.poll_config() == Path("/somewhere/feeds.toml")


@pytest.mark.parametrize(("text", "found"), [("90s", 90), ("15m", 900), ("6h", 21600), ("2d", 172800)])
def test_durations(text: str, found: int) -> None:
    assert configuration.seconds(text, "it") == found


def test_secrets_are_hidden_in_every_form() -> None:
    redact = Redactor([Secret("T", ENVIRONMENT["VELIB_APP_TOKEN"]), Secret("B", ENVIRONMENT["VELIB_APP_BODY"])])
    forms: list[Any] = [
        "no Bearer abc+def/123== here",
        "abc+def/123==",
        "?key=abc%2Bdef%2F123%3D%3D&x",
        '{"you said": "{\\"key\\": \\"s3cret\\"}"}',
        'body {"key": "s3cret"}',
    ]
    for form in forms:
        assert HIDDEN in redact(form)
        assert not {"abc", "s3cret"} & set(re.findall(r"abc|s3cret", redact(form)))
        assert redact.in_bytes(form.encode()) == redact(form).encode()
    assert redact("Bearer of good news") == "Bearer of good news"
