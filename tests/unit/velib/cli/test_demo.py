"""`velib demo` keeps its hands off every warehouse but its own. (That it works is for the end-to-end tests.)"""

import os
from pathlib import Path

import pytest

from velib.cli import demo
from velib.core import settings
from velib.core.errors import VelibError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    monkeypatch.setenv(settings.HOME, "")
    monkeypatch.setenv(settings.DATABASE_URL, "postgresql://u:p@production/d")
    return tmp_path


def test_it_has_a_warehouse_of_its_own(project: Path) -> None:
    demo._use_own_warehouse(None)
    assert settings.velib_home() == project / ".velib-demo"
    assert settings.DATABASE_URL not in os.environ


def test_another_home_may_be_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(project / "one"))
    demo._use_own_warehouse(None)
    assert settings.velib_home() == project / "one"
    demo._use_own_warehouse(project / "two")
    assert settings.velib_home() == project / "two"


def test_a_warehouse_in_use_is_refused(project: Path) -> None:
    (project / "mine" / "postgres").mkdir(parents=True)
    with pytest.raises(VelibError, match="not the demo's"):
        demo._use_own_warehouse(project / "mine")


def test_a_second_demo_is_welcome(project: Path) -> None:
    demo._use_own_warehouse(project / "home")
    (project / "home" / "postgres").mkdir()
    demo._use_own_warehouse(project / "home")
