"""The generated profiles.yml, read as dbt reads it: the right server for what the environment says."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from velib.core import settings
from velib.postgres import dbt_profile


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dbt_project").mkdir()
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    monkeypatch.delenv("VELIB_HOME")
    return tmp_path


def _home(path: Path, port: int) -> Path:
    """What a started server leaves in its home."""
    path.mkdir(parents=True)
    (path / "postgres.json").write_text(json.dumps({"port": port, "complete": True}))
    (path / "postgres.password").write_text("abc\n")
    return path


def _render() -> tuple[str, dict[str, Any]]:
    """Target and output as dbt makes them of the file and the environment."""
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context

    set_invocation_context(dict(os.environ))
    profile = yaml.safe_load(dbt_profile.path().read_text())["velib"]
    target = ProfileRenderer({}).render_value(profile["target"])
    return target, ProfileRenderer({}).render_data(profile["outputs"][target])


def test_the_environment_chooses_the_warehouse(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _home(project / ".velib", 20001)
    other = _home(project / "other home", 20002)
    dbt_profile.refresh(other)
    assert dbt_profile.path().stat().st_mode & 0o777 == 0o600

    target, output = _render()
    assert target == str(project / ".velib")
    assert (output["host"], output["port"], output["user"], output["password"]) == ("127.0.0.1", 20001, "velib", "abc")
    assert output["dbname"] == "velib"
    assert output["schema"] == "staging"

    for spelling in (str(other), f"{other}/"):
        monkeypatch.setenv("VELIB_HOME", spelling)
        assert _render()[1]["port"] == 20002
    monkeypatch.setenv("VELIB_DATABASE_URL", "postgresql://u:p@db/d")
    assert _render()[0] == "url"
    monkeypatch.setenv("VELIB_DATABASE_URL", "")
    assert _render()[1]["port"] == 20002


def test_a_relative_home_says_what_it_must_be(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.exceptions import EnvVarMissingError

    dbt_profile.refresh(_home(project / "one", 20001))
    monkeypatch.setenv("VELIB_HOME", "../one")
    with pytest.raises(EnvVarMissingError, match="VELIB_HOME as an absolute path") as raised:
        _render()
    assert "../one" in str(raised.value)
    monkeypatch.setenv("VELIB_HOME", str(project / "one"))
    assert _render()[1]["port"] == 20001


def test_homes_that_are_gone_are_forgotten(project: Path) -> None:
    one, two = _home(project / "one", 20001), _home(project / "two", 20002)
    dbt_profile.refresh(one)
    dbt_profile.refresh(two)
    outputs = yaml.safe_load(dbt_profile.path().read_text())["velib"]["outputs"]
    assert set(outputs) == {str(one), str(two), "url"}
    for name in ("postgres.json", "postgres.password"):
        (one / name).unlink()
    dbt_profile.refresh()
    outputs = yaml.safe_load(dbt_profile.path().read_text())["velib"]["outputs"]
    assert set(outputs) == {str(two), "url"}


@pytest.mark.parametrize("garbage", ["", "velib: [", "velib:\n  outputs: 3\n", "# nothing"])
def test_a_file_that_is_not_ours_is_written_anew(project: Path, garbage: str) -> None:
    dbt_profile.path().write_text(garbage)
    dbt_profile.refresh(_home(project / "one", 20001))
    assert "url" in yaml.safe_load(dbt_profile.path().read_text())["velib"]["outputs"]


def test_without_a_dbt_project_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    dbt_profile.refresh()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example:6000/d", {"host": "db.example", "port": 6000, "password": "p", "dbname": "d"}),
        ("postgres://u:p@db/d", {"host": "db", "port": 5432, "sslmode": ""}),
        ("postgresql://u:p%40ss%2Fw%25%C3%A9%3A1@h/d", {"user": "u", "password": "p@ss/w%é:1"}),
        ("postgresql://u:007@h/d", {"password": "007"}),
        ("postgresql://u:None@h/true", {"password": "None", "dbname": "true"}),
        ("postgresql://u:%7B%7B%201%20%7D%7D@h/d", {"password": "{{ 1 }}"}),
        ("postgresql://someone@h", {"user": "someone", "password": "", "dbname": "someone"}),
        ("postgresql://u:p@[::1]:77/d", {"host": "::1", "port": 77}),
        ("postgresql://u:p@[::1]/d", {"host": "::1", "port": 5432}),
        (
            "postgresql:///d?host=%2Fvar%2Frun&user=x&password=a%26b",
            {"host": "/var/run", "user": "x", "password": "a&b"},
        ),
        ("postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem", {"sslmode": "verify-full"}),
        ("postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem", {"sslrootcert": "/etc/ca.pem"}),
    ],
)
def test_a_url_is_taken_apart(
    project: Path, monkeypatch: pytest.MonkeyPatch, url: str, expected: dict[str, object]
) -> None:
    dbt_profile.refresh()
    monkeypatch.setenv("VELIB_DATABASE_URL", url)
    target, output = _render()
    assert target == "url"
    assert {name: output[name] for name in expected} == expected
