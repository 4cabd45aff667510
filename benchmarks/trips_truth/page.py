"""docs/trips.md: its text is written by hand, its figures are put between the marks `<!-- figures: name -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.trips_truth import figures
from benchmarks.trips_truth.figures import TYPES, Watched
from benchmarks.trips_truth.matching import Fate, Match, Verdict
from benchmarks.trips_truth.observer import sights
from benchmarks.trips_truth.rules import DEFAULTS

PICTURE = "images/trips-types.svg"
GAPS_MINUTES = (5, 15, 30, 45, 60, 90, 120, 240)
LEAST_ABSENCES_MINUTES = (0, 15, 30, 60, 90, 120)
_MARKED = re.compile(r"(<!-- figures: ([a-z_]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

Section = Callable[[Mapping[str, float], Sequence[Watched], Sequence[Watched]], str]


def write_page(page: Path, size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> None:
    """Put new figures into the marked sections; a mark that is not known is an error, and so is a section without its mark."""
    text = page.read_text(encoding="utf-8")
    wanted = [name for _, name, _, _ in _MARKED.findall(text)]
    if sorted(wanted) != sorted(SECTIONS):
        raise ValueError(f"{page} has marks for {sorted(wanted)}, there are figures for {sorted(SECTIONS)}")
    made = {name: section(size, sound, faulty) for name, section in SECTIONS.items()}
    page.write_text(_MARKED.sub(lambda m: f"{m[1]}\n{made[m[2]]}\n\n{m[4]}", text), encoding="utf-8")


# -- tables


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table: the first column is text, the others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def of(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"


def minutes(watched: Sequence[Watched]) -> list[str]:
    return [f"{seen.minutes} min" for seen in watched]


def across(watched: Sequence[Watched], lines: Sequence[tuple[str, Callable[[Watched], str]]]) -> str:
    """One line a figure, one column a cadence."""
    return table(["snapshots every", *minutes(watched)], [[name, *map(figure, watched)] for name, figure in lines])


# -- sections


def _size(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    begun = sum(sound[0].true_counts.values())
    rides = sum(sound[0].true_counts[kind] for kind in ("trip", "round_trip"))
    return (
        f"{size['stations']:,} stations, {size['bikes']:,} bikes, {size['days']} days from Monday, 1 June 2026, seed "
        f"{size['seed']}: {begun:,} true movements, "
        f"{rides:,} of them rides of customers, {rides / size['bikes'] / size['days']:.1f} a bike and day."
    )


def _summary(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    def departure(seen: Watched) -> str:
        return f"{figures.errors_of(figures.rides(seen), figures.THE_MART_S)[0].median_absolute:.0f} s"

    def duration(seen: Watched) -> str:
        return f"{figures.errors_of(figures.rides(seen), figures.THE_MART_S)[2].median_absolute:.0f} s"

    return across(
        sound,
        [
            ("rides found, and called a ride", lambda seen: percent(figures.customers(seen).recall)),
            ("rows with `is_customer_trip` that are one ride", lambda seen: percent(figures.customers(seen).precision)),
            (
                "… that are several rides seen as one",
                lambda seen: of(figures.customers(seen).merged, figures.customers(seen).rows),
            ),
            (
                "rows with `is_customer_trip` for each true ride",
                lambda seen: f"{figures.customers(seen).rows / figures.customers(seen).true:.3f}",
            ),
            ("departures: median error", departure),
            ("durations: median error", duration),
            ("observable movements inside their brackets", lambda seen: percent(seen.in_brackets / seen.observable, 2)),
        ],
    )


def _fates(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    def fate(wanted: Fate) -> Callable[[Watched], str]:
        return lambda seen: of(figures.fates(seen)[wanted], figures.fates(seen).total())

    def verdict(wanted: Verdict) -> Callable[[Watched], str]:
        return lambda seen: of(figures.verdicts(seen)[wanted], len(seen.matches))

    return across(
        sound,
        [
            ("true movements", lambda seen: f"{figures.fates(seen).total():,}"),
            ("a row of their own", fate(Fate.FOUND)),
            ("merged: inside a row with others", fate(Fate.MERGED)),
            ("unseen: back before the next snapshot", fate(Fate.UNSEEN)),
            ("rows", lambda seen: f"{len(seen.matches):,}"),
            ("rows that a perfect observer has", lambda seen: f"{_perfect(seen):,}"),
            ("one true movement", verdict(Verdict.MOVEMENT)),
            ("several merged into one", verdict(Verdict.MERGED)),
            ("nothing moved, or not so", lambda seen: of(_phantoms(seen), len(seen.matches))),
        ],
    )


def _perfect(seen: Watched) -> int:
    return sum(1 for _ in sights(seen.world, seen.times))


def _phantoms(seen: Watched) -> int:
    return figures.verdicts(seen)[Verdict.PHANTOM] + figures.verdicts(seen)[Verdict.WRONG]


def _types(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    head = ["type", "true", *(f"found, {m}" for m in minutes(sound))]
    head += [f"and called so, {m}" for m in minutes(sound)] + [f"rows right, {m}" for m in minutes(sound)]
    rows = []
    for name in TYPES:
        row = [f"`{name}`", f"{sound[0].true_counts[name]:,}"]
        row += [percent(figures.recall(seen, name)) for seen in sound]
        row += [percent(figures.recall_of_type(seen, name)) for seen in sound]
        for seen in sound:
            own = [match for match in seen.matches if match.row.trip_type == name]
            row.append(of(sum(match.truth == name for match in own), len(own)))
        rows.append(row)
    return table(head, rows)


def _confusion(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    parts = []
    for seen in sound:
        counts = figures.confusion(seen)
        called = sorted({trip_type for _, trip_type in counts}, key=_order)
        truths = sorted({truth for truth, _ in counts}, key=_order)
        rows = [
            [f"{truth}", *(f"{counts[truth, name]:,}" if counts[truth, name] else "" for name in called)]
            for truth in truths
        ]
        parts.append(table([f"every {seen.minutes} min: truly ↓, called →", *(f"`{name}`" for name in called)], rows))
    return "\n\n".join(parts)


def _order(name: str) -> tuple[int, str]:
    return (TYPES.index(name) if name in TYPES else len(TYPES), name)


def _brackets(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    lines: list[tuple[str, Callable[[Watched], str]]] = [
        ("observable movements", lambda seen: f"{seen.observable:,}"),
        ("both true times inside the brackets of their row", lambda seen: f"{seen.in_brackets:,}"),
        ("share", lambda seen: percent(seen.in_brackets / seen.observable, 3)),
    ]
    return "The sound feed:\n\n" + across(sound, lines) + "\n\nThe faulty feed:\n\n" + across(faulty, lines)


def _errors(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    return _estimates(sound, figures.ESTIMATES, lambda seen: figures.rides(seen))


def _one_bracket(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    several = [seen for seen in sound if figures.rides(seen, figures.has_one_bracket)]
    shares = ", ".join(
        f"{of(len(figures.rides(seen, figures.has_one_bracket)), len(figures.rides(seen)))} at {seen.minutes} min"
        for seen in sound
    )
    found = _estimates(
        several, figures.ESTIMATES_OF_ONE_BRACKET, lambda seen: figures.rides(seen, figures.has_one_bracket)
    )
    return f"Rides between two neighbouring snapshots: {shares}.\n\n{found}"


def _estimates(
    watched: Sequence[Watched],
    estimates: Sequence[tuple[str, figures.Estimate]],
    matches: Callable[[Watched], Sequence[Match]],
) -> str:
    rows = []
    for seen in watched:
        own = matches(seen)
        for name, estimate in estimates:
            found = figures.errors_of(own, estimate)
            rows.append(
                [f"{seen.minutes} min: {name}"]
                + [f"{e.bias:+.0f} / {e.median_absolute:.0f} / {e.p95_absolute:.0f}" for e in found]
            )
    return table(["bias / median / 95 %, in seconds", "departure", "arrival", "duration"], rows)


def _rules(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    return _sweeps(sound, figures.SWEEPS)


def _sweeps(watched: Sequence[Watched], sweeps: Sequence[figures.Sweep]) -> str:
    rows = []
    for sweep in sweeps:
        for value in sweep.values or (None,):
            name = sweep.title if value is None else sweep.title.replace("…", f"{value:g}")
            rows.append(
                [_marked(name, sweep, value), *(_caught(figures.swept(seen, sweep, value)) for seen in watched)]
            )
    return table(["right / wrong / merged / missed", *minutes(watched)], rows)


def _phantoms_of_doubles(seen: Watched) -> int:
    return sum(
        match.verdict in (Verdict.PHANTOM, Verdict.WRONG) and match.row.bike_id in seen.world.doubles
        for match in seen.matches
    )


def _implausible(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    return _sweeps(faulty, [figures.IMPLAUSIBLE])


def _marked(name: str, sweep: figures.Sweep, value: float | None) -> str:
    """The thresholds of today in bold."""
    if value is None or sweep.threshold is None:
        return f"**{name}**"
    today = getattr(DEFAULTS, sweep.threshold) / (3600 if sweep.threshold in figures.IN_HOURS else 1)
    return f"**{name}**" if value == today else name


def _caught(found: figures.Caught) -> str:
    return f"{found.right:,} / {found.wrong:,} / {found.merged:,} / {found.missed:,}"


def _workshop(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    rows = [
        [f"{least} min", *(_caught(figures.workshop_with_least_absence(seen, 60 * least)) for seen in sound)]
        for least in LEAST_ABSENCES_MINUTES
    ]
    return table(["away at least: right / wrong / merged / missed", *minutes(sound)], rows)


def _gaps(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    finest = sound[0]
    rows = []
    for gap in GAPS_MINUTES:
        found = figures.across_gaps(finest.world, finest.times, 60 * gap)
        rows.append([f"{gap} min", f"{found.rows:,}", of(found.single, found.rows), of(found.rides, found.rows)])
    return table(["a gap of", "rows across it", "one true movement", "one ride of a customer"], rows)


def _faults(size: Mapping[str, float], sound: Sequence[Watched], faulty: Sequence[Watched]) -> str:
    def called(seen: Watched) -> str:
        counts: dict[str, int] = {}
        for match in seen.matches:
            if match.verdict in (Verdict.PHANTOM, Verdict.WRONG):
                counts[match.row.trip_type] = counts.get(match.row.trip_type, 0) + 1
        return (
            ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "–"
        )

    doubles = sum(map(len, faulty[0].world.doubles.values()))
    dropouts = sum(map(len, faulty[0].world.dropouts.values()))
    return (
        f"{size['faulty_days']} days, {dropouts} dropouts of a station, {doubles} times a bike listed twice.\n\n"
        + across(
            faulty,
            [
                ("rows", lambda seen: f"{len(seen.matches):,}"),
                ("nothing moved", lambda seen: f"{figures.verdicts(seen)[Verdict.PHANTOM]:,}"),
                (
                    "something moved, but not from there to there",
                    lambda seen: f"{figures.verdicts(seen)[Verdict.WRONG]:,}",
                ),
                ("both: of bikes listed twice", lambda seen: f"{_phantoms_of_doubles(seen):,}"),
                ("both are called", called),
                ("rides found, and called a ride", lambda seen: percent(figures.customers(seen).recall)),
                (
                    "rows with `is_customer_trip` that are one ride",
                    lambda seen: percent(figures.customers(seen).precision),
                ),
            ],
        )
    )


SECTIONS: dict[str, Section] = {
    "size": _size,
    "summary": _summary,
    "fates": _fates,
    "types": _types,
    "confusion": _confusion,
    "brackets": _brackets,
    "errors": _errors,
    "one_bracket": _one_bracket,
    "rules": _rules,
    "workshop": _workshop,
    "gaps": _gaps,
    "faults": _faults,
    "implausible": _implausible,
}
