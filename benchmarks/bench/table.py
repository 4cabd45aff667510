"""The table: a figure a row, what it is held against, its goal; as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """A measure. A goal bounds the ratio where there is a peer, else the figure: at most so much."""

    part: str
    measure: str
    figure: float
    unit: str
    peer: str = ""
    """What the figure is held against, in words."""
    peer_figure: float | None = None
    goal: float | None = None
    note: str = ""
    """What one must know to read the line; printed under the table."""
    is_part_of: bool = False
    """The peer is a part of the figure, no rival: their ratio says nothing."""
    fails: str = ""
    """Why the goal is not reached, whatever the figure."""

    @property
    def ratio(self) -> float | None:
        return self.figure / self.peer_figure if self.peer_figure and not self.is_part_of else None

    @property
    def is_reached(self) -> bool | None:
        """None: no goal."""
        if self.goal is None:
            return None
        if self.fails:
            return False
        return (self.figure if self.ratio is None else self.ratio) <= self.goal

    def cells(self) -> tuple[str, ...]:
        ratio, reached = self.ratio, self.is_reached
        if self.goal is None:
            goal = ""
        elif ratio is None:
            goal = f"<= {shown(self.goal)} {self.unit}"
        else:
            goal = f"<= {shown(self.goal)} x"
        return (
            self.part,
            self.measure,
            f"{shown(self.figure)} {self.unit}".rstrip(),
            "" if self.peer_figure is None else f"{self.peer} {shown(self.peer_figure)}",
            "" if ratio is None else f"{shown(ratio)} x",
            goal,
            "" if reached is None else ("yes" if reached else f"NO {self.fails}".rstrip()),
        )


def shown(value: float) -> str:
    """Three digits that count, no more; whole numbers from 100 on."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


HEADINGS = ("part", "measure", "figure", "beside", "ratio", "goal", "reached")
_RIGHT = (False, False, True, True, True, True, False)


def as_text(title: str, rows: Sequence[Row]) -> str:
    """The table with its notes."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    text = [title, "", _line(HEADINGS, widths), rule]
    part = rows[0].part if rows else ""
    for row, cells in zip(rows, lines[1:], strict=True):
        if row.part != part:
            text.append("")
            part = row.part
        text.append(_line(cells, widths))
    goals = [row.is_reached for row in rows if row.is_reached is not None]
    text += ["", f"{sum(goals)} of {len(goals)} goals reached"]
    text += dict.fromkeys(f"{row.part}: {row.note}" for row in rows if row.note)
    return "\n".join(text)


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    justify: list[Callable[[str, int], str]] = [str.rjust if right else str.ljust for right in _RIGHT]
    return "  ".join(place(cell, width) for place, cell, width in zip(justify, cells, widths, strict=True)).rstrip()


def write_json(path: Path, about: dict[str, Any], rows: Sequence[Row], details: dict[str, Any]) -> None:
    """The same for a program, with what is too long for a table."""
    found = [asdict(row) | {"ratio": row.ratio, "is_reached": row.is_reached} for row in rows]
    path.write_text(json.dumps({"about": about, "rows": found, "details": details}, indent=1, default=str) + "\n")
