"""The picture of docs/trips.md, as a small SVG written here: it follows the reader's light or dark theme, and needs no library."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.trips_truth.figures import TYPES, Watched, precision, recall_of_type

_ROW, _TOP, _LEFT, _PANEL, _BETWEEN, _RIGHT = 40, 96, 120, 380, 60, 40
_NO_ROWS = "no rows"

_STYLE = """
    .ink { fill: #1f2933 } .soft { fill: #52606d } .grid { stroke: #d5dbe1; stroke-width: 1 }
    .m0 { fill: #1f5fa8; stroke: #1f5fa8 } .m1 { fill: #b7791f; stroke: #b7791f } .m2 { fill: #a8324a; stroke: #a8324a }
    .span { stroke: #9aa5b1; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .ink { fill: #e6edf3 } .soft { fill: #a9b4c0 } .grid { stroke: #333d47 }
      .m0 { fill: #7fb6f0; stroke: #7fb6f0 } .m1 { fill: #e0a94a; stroke: #e0a94a } .m2 { fill: #f08a9c; stroke: #f08a9c }
      .span { stroke: #5b6672 }
    }
    .head { font-weight: 600 } .small { font-size: 13px }
"""


def recall_and_precision(watched: Sequence[Watched]) -> str:
    """For each true type: how much of it is found and called so, and how much that is called so is it."""
    width = _LEFT + 2 * _PANEL + _BETWEEN + _RIGHT
    height = _TOP + _ROW * len(TYPES) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title desc" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif\" font-size=\"15\">",
        '<title id="title">What fct_trips finds, by type and cadence</title>',
        f'<desc id="desc">{_description(watched)}</desc>',
        f"<style>{_STYLE}</style>",
    ]
    parts += _legend(watched)
    for number, trip_type in enumerate(TYPES):
        parts.append(f'<text class="ink" x="0" y="{_y(number) + 5}">{trip_type}</text>')
    panels: list[tuple[str, Callable[[Watched, str], float | None]]] = [
        ("of the true ones: found and called so", recall_of_type),
        ("of the rows called so: right", _precision_or_none),
    ]
    for panel, (title, figure) in enumerate(panels):
        left = _LEFT + panel * (_PANEL + _BETWEEN)
        parts.append(f'<text class="ink head" x="{left}" y="{_TOP - 34}">{title}</text>')
        for percent in range(0, 101, 25):
            x = left + _PANEL * percent / 100
            parts.append(f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{_TOP - 8}" y2="{_y(len(TYPES)) - 12}"/>')
            parts.append(f'<text class="soft small" x="{x:g}" y="{_TOP - 14}" text-anchor="middle">{percent} %</text>')
        for number, trip_type in enumerate(TYPES):
            parts += _marks([figure(seen, trip_type) for seen in watched], left, _y(number))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _precision_or_none(seen: Watched, trip_type: str) -> float | None:
    if not any(match.row.trip_type == trip_type for match in seen.matches):
        return None
    return precision(seen, trip_type)


def _y(number: int) -> int:
    return _TOP + 16 + _ROW * number


def _legend(watched: Sequence[Watched]) -> list[str]:
    parts = ['<text class="soft" x="0" y="24">a snapshot every</text>']
    for number, seen in enumerate(watched):
        x = _LEFT + 36 + 110 * number
        parts += [_mark(number, x, 19), f'<text class="ink" x="{x + 14}" y="24">{_minutes(seen)}</text>']
    return parts


def _marks(shares: Sequence[float | None], left: int, y: int) -> list[str]:
    places = [(number, left + _PANEL * share) for number, share in enumerate(shares) if share is not None]
    if not places:
        return [f'<text class="soft small" x="{left + 6}" y="{y + 5}">{_NO_ROWS}</text>']
    low, high = min(x for _, x in places), max(x for _, x in places)
    return [
        f'<line class="span" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>',
        *(_mark(number, x, y) for number, x in reversed(places)),
    ]


def _mark(number: int, x: float, y: int) -> str:
    """A circle, a diamond, a square: the colours are not all that tells them apart."""
    if number == 0:
        return f'<circle class="m0" cx="{x:.1f}" cy="{y}" r="6"/>'
    if number == 1:
        return f'<path class="m1" d="M{x:.1f} {y - 8}l8 8l-8 8l-8 -8z"/>'
    return f'<rect class="m2" x="{x - 5.5:.1f}" y="{y - 5.5:.1f}" width="11" height="11" fill-opacity="0.25" stroke-width="2"/>'


def _minutes(seen: Watched) -> str:
    return "1 minute" if seen.minutes == 1 else f"{seen.minutes} minutes"


def _description(watched: Sequence[Watched]) -> str:
    sentences = []
    for seen in watched:
        of_types = ", ".join(
            f"{trip_type} {recall_of_type(seen, trip_type):.0%} and "
            + (_NO_ROWS if (share := _precision_or_none(seen, trip_type)) is None else f"{share:.0%}")
            for trip_type in TYPES
        )
        sentences.append(f"At {_minutes(seen)}, found and right: {of_types}.")
    return " ".join(sentences)
