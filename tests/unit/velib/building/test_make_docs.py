"""`make docs` is of the warehouse that was asked for, else of yours, else of the demo's; and it begins with a page of ours."""

from pathlib import Path

import pytest

from velib.building import docs_command
from velib.core import settings

MODELS = settings.dbt_project() / "models"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    monkeypatch.setenv(settings.HOME, "")
    monkeypatch.setenv(settings.DATABASE_URL, "")
    return tmp_path


def test_the_demo_s_warehouse_is_taken_where_it_is_the_only_one(project: Path) -> None:
    (project / ".velib-demo" / "postgres").mkdir(parents=True)
    assert "the demo's" in docs_command.choose()
    assert settings.velib_home() == project / ".velib-demo"


def test_yours_comes_first(project: Path) -> None:
    (project / ".velib-demo" / "postgres").mkdir(parents=True)
    (project / ".velib" / "postgres").mkdir(parents=True)
    assert docs_command.choose() == f"the warehouse in {project / '.velib'}"


def test_what_was_asked_for_is_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".velib-demo" / "postgres").mkdir(parents=True)
    monkeypatch.setenv(settings.HOME, str(project / "asked"))
    assert docs_command.choose() == f"the warehouse in {project / 'asked'}"
    monkeypatch.setenv(settings.DATABASE_URL, "postgresql://somewhere/else")
    assert settings.DATABASE_URL in docs_command.choose()


def test_the_overview_is_ours_and_its_links_lead_somewhere() -> None:
    import re

    text = (MODELS / "overview.md").read_text()
    assert "{% docs __overview__ %}" in text
    linked = re.findall(r"#!/model/model\.velib\.(\w+)\)", text)
    assert len(linked) >= 5
    assert all(list((MODELS / "mart").rglob(f"{name}.sql")) for name in linked)
