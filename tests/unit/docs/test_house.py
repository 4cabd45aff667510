"""docs/architecture.md draws the house: who uses whom. Held against the imports, so that it cannot be of another year."""

import ast
import re

from velib.core import settings

ROOT = settings.project_root()
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# Everybody stands on it, so the drawing leaves its arrows out.
GROUND = "velib.core"


def drawn() -> set[tuple[str, str]]:
    """The arrows of the drawing, by the names of the packages."""
    block = PAGE.partition("```mermaid\n")[2].partition("```")[0]
    names = dict(re.findall(r"(\w+)\[\"?([\w.]+)", block))
    arrows = re.findall(r"^\s*(\w+)(?:\[[^\]]*\])? --> (\w+)$", block, re.MULTILINE)
    return {(names[one], names[other]) for one, other in arrows if names[other] != GROUND}


def rooms() -> list[str]:
    """The packages that the drawing shows, the innermost first."""
    block = PAGE.partition("```mermaid\n")[2].partition("```")[0]
    return sorted({name for _, name in re.findall(r"(\w+)\[\"?([\w.]+)", block)}, key=len, reverse=True)


def room_of(module: str) -> str | None:
    return next((room for room in rooms() if module == room or module.startswith(f"{room}.")), None)


def imported() -> set[tuple[str, str]]:
    """Which room imports from which, by every import statement of the packages, those within functions too."""
    found = set()
    for top in ("ingestion", "orchestration", "velib"):
        for path in (ROOT / top).rglob("*.py"):
            here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names = [f"{node.module}.{each.name}" for each in node.names]
                found |= {(here, room_of(name)) for name in names}
    return {
        (one, other)
        for one, other in found
        if one is not None and other is not None and one != other and other != GROUND
    }


def test_the_drawing_shows_the_imports_and_no_others() -> None:
    assert rooms()
    assert imported() - drawn() == set(), "imports that the drawing does not show"
    assert drawn() - imported() == set(), "arrows that no import stands behind"


def test_every_folder_of_the_house_is_drawn() -> None:
    folders = {f"velib.{path.name}" for path in (ROOT / "velib").iterdir() if (path / "__init__.py").exists()}
    assert {*folders, "ingestion", "orchestration"} == set(rooms())


def test_every_room_says_what_belongs_there() -> None:
    for room in rooms():
        text = ast.get_docstring(ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")))
        assert text, room
