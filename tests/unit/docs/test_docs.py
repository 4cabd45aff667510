"""What the documentation names is there: linked files and headings, verbs and their options, make targets, mart models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from sqlalchemy import make_url

from velib.cli.main import velib
from velib.core import settings

ROOT = settings.project_root()
README = ROOT / "README.md"

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """The Markdown files of the project; no need to look into .venv, caches and build products."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links that stay inside the project."""
    text = _CODE.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))
    for target in _LINK.findall(text):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """What `#…` may name in a page, as GitHub makes it of the headings."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for target in links(page):
        path, _, anchor = unquote(target).partition("#")
        linked = (page.parent / path).resolve() if path else page
        resolves = linked.exists() and linked.is_relative_to(ROOT)
        if resolves and anchor and linked.suffix == ".md":
            resolves = anchor in anchors(linked)
        if not resolves:
            broken.append(target)
    assert not broken


def test_every_page_is_in_the_readme() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links(README)}
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if page.resolve() not in linked] == []


def code(page: Path) -> str:
    """What a page shows as code: inline, indented, fenced."""
    text = page.read_text(encoding="utf-8")
    fenced = _FENCED.findall(text)
    rest = _FENCED.sub("", text)
    indented = [line for line in rest.splitlines() if line.startswith("    ")]
    return "\n".join([*fenced, *indented, *(each.strip("`") for each in _CODE.findall(rest))])


def verbs(page: Path) -> set[tuple[str, ...]]:
    """The calls of velib in a page: the words after it, and the options right after those."""
    calls = re.findall(r"(?:^|[\s/(\"])velib((?: +[a-z]+(?:-[a-z]+)*\b(?![./-]))+)((?: +--[a-z-]+)*)", code(page))
    return {(*words.split(), *options.split()) for words, options in calls}


def make_targets(page: Path) -> set[str]:
    return set(re.findall(r"(?:^|[\s$])make ([a-z]+)", code(page), re.MULTILINE))


def problem(call: tuple[str, ...]) -> str | None:
    """What is wrong with a call as documented; arguments that are no verbs are not judged."""
    context = click.Context(velib)
    command: click.Command = velib
    for word in call:
        if word.startswith("--"):
            if not any(word in parameter.opts for parameter in command.params):
                return f"velib {' '.join(call)}: no option {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None or found.hidden:
                return f"velib {' '.join(call)}: no verb {word}"
            command = found
    return None


PROSE = [page for page in pages() if page.name != "CHANGELOG.md"]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_verbs_exist(page: Path) -> None:
    assert [wrong for call in sorted(verbs(page)) if (wrong := problem(call))] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_make_targets_exist(page: Path) -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert make_targets(page) - there == set()


def test_the_readme_is_found_to_name_verbs_and_targets() -> None:
    """So that the tests above cannot pass by finding nothing."""
    assert {("load",), ("build",), ("status",), ("db", "url", "--reader")} <= verbs(README)
    assert {"demo", "test", "lint", "install"} <= make_targets(README)


def test_a_wrong_verb_and_a_wrong_option_are_found() -> None:
    assert problem(("lode",)) is not None
    assert problem(("db", "begin")) is not None
    assert problem(("load", "--fast")) is not None
    assert problem(("load", "--feed")) is None


def test_the_mart_table_lists_the_mart() -> None:
    page = ROOT / "docs" / "mart.md"
    section = page.read_text(encoding="utf-8").split("\n## The tables\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)
    models = [model.stem for model in (ROOT / "dbt_project" / "models" / "mart").rglob("*.sql")]
    assert sorted(listed) == sorted(models)


def test_what_is_given_to_sqlalchemy_names_its_driver() -> None:
    """SQLAlchemy 2.1 takes psycopg 3 where none is named, which a reader of the page has not been told to install."""
    url = "postgresql://velib_reader:secret@127.0.0.1:5432/velib"
    given = [
        eval(each, {"url": url})
        for page in pages()
        for each in re.findall(r"create_engine\((.*)\)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert given
    assert all(make_url(each).drivername == "postgresql+psycopg2" for each in given)


_NAMED = re.compile(r"(?<![\w./-])((?:[\w-]+/)+[\w-]+\.(?:py|sql|yml|yaml|md|toml|json|sh))(?![\w/])")
_TREES = ("benchmarks", "dbt_project", "deploy", "docs", "ingestion", "orchestration", "tests", "velib")


def cited(text: str) -> set[str]:
    """The files of the project that a text names by their path from its root, or, in dbt's own files, from dbt_project."""
    return {name for name in _NAMED.findall(text) if name.startswith((*(f"{tree}/" for tree in _TREES), "macros/"))}


def test_the_files_that_comments_and_pages_name_are_there() -> None:
    missing = []
    folders = [ROOT / tree for tree in _TREES if tree != "tests"]  # tests make files of their own and name them
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".yml", ".md")]
    for path in [*files, *ROOT.glob("*.md"), *ROOT.glob("*.yml"), ROOT / "pyproject.toml", ROOT / "Makefile"]:
        if {"target", "logs", "node_modules"} & set(path.parts) or path.name in ("CHANGELOG.md", "test_docs.py"):
            continue
        for name in cited(path.read_text(encoding="utf-8")):
            if not (ROOT / name).exists() and not (ROOT / "dbt_project" / name).exists():
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert missing == []
