"""The environment's variables: what each means, and what is said when one makes no sense."""

from pathlib import Path

import pytest

from velib.core import settings
from velib.core.errors import UsageError


def test_home_is_beside_the_packages_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VELIB_HOME")
    assert settings.velib_home() == settings.project_root() / ".velib"
    assert (settings.project_root() / "pyproject.toml").exists()


def test_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VELIB_HOME", "some/../where/")
    assert settings.velib_home() == tmp_path / "where"
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("VELIB_HOME", "~/bikes")
    assert settings.velib_home() == Path("/home/someone/bikes")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VELIB_HOME", "VELIB_DATABASE_URL", "VELIB_PORT"):
        monkeypatch.setenv(name, "")
    assert settings.velib_home() == settings.default_home()
    assert settings.external_database_url() is None
    assert settings.configured_port() is None


@pytest.mark.parametrize("url", ["postgresql://u:p@h:1/d", "postgres://h/d"])
def test_a_database_url_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VELIB_DATABASE_URL", url)
    assert settings.external_database_url() == url


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "host=h password=hunter2", "postgresql"])
def test_another_url_is_refused_without_repeating_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("VELIB_DATABASE_URL", url)
    with pytest.raises(UsageError, match="VELIB_DATABASE_URL") as caught:
        settings.external_database_url()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "5432.0", "５４３２"])
def test_a_port_is_a_port(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("VELIB_PORT", port)
    with pytest.raises(UsageError, match="VELIB_PORT"):
        settings.configured_port()


def test_a_good_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VELIB_PORT", "5544")
    assert settings.configured_port() == 5544


def test_tools_are_started_with_telemetry_off_and_an_absolute_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VELIB_HOME", "here")
    environment = settings.child_environment({"MORE": "1"})
    assert environment["VELIB_HOME"] == str(tmp_path / "here")
    assert environment["RUNTIME__DLTHUB_TELEMETRY"] == "false"
    assert environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert environment["MORE"] == "1"


def test_who_wants_telemetry_may_have_it() -> None:
    environment = {"RUNTIME__DLTHUB_TELEMETRY": "true"}
    settings.switch_telemetry_off(environment)
    assert environment["RUNTIME__DLTHUB_TELEMETRY"] == "true"
