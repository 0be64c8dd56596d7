"""A comparison as texts, which all output formats show: what differs, tables, what changed, remarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.record import Subject, subject
from harness.record.comparison import ComparedCell, ComparedRun, Comparison, DifferingFact
from harness.report import comparison_remarks as remarks
from harness.report import figures, gate_lines
from harness.report.changes import change, limit, slowdown
from harness.report.columns import Shown, Tone
from harness.report.figures import clean
from harness.report.paragraphs import Paragraph

VERDICTS: dict[str, tuple[str, Tone]] = {
    "faster": ("▲ faster", "good"),
    "slower": ("▼ slower", "bad"),
    "same": ("= same", ""),
    "undecided": ("? can't tell", "caution"),
    "only_base": ("- only in BASE", "caution"),
    "only_head": ("+ only in HEAD", ""),
    "not_measured": ("/ not measured", "dim"),
}
_MEDIANS = ("median\nBASE {unit}", "median\nHEAD {unit}")
_HEADERS = ("variant", "delegate", "thr", *_MEDIANS, "time\nchange [95 %]", "verdict")


@dataclass(frozen=True)
class Grid:
    """The table of one model on one device. `left`: the columns that are aligned to the left."""

    title: str
    headers: tuple[str, ...]
    lines: tuple[tuple[Shown, ...], ...]
    left: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """A comparison as texts. alarm: what must not be overlooked, or None."""

    title: str  # of the facts
    runs: tuple[str, str]
    alarm: str | None
    facts: tuple[str, ...]
    grids: tuple[Grid, ...]
    remarks: tuple[Paragraph, ...]
    failures: tuple[str, ...]
    undecided: tuple[str, ...]


def view(comparison: Comparison) -> View:
    """Return the comparison as texts, which are single printable lines."""
    groups: dict[tuple[Subject, str], list[ComparedCell]] = {}
    for cell in comparison.cells:
        groups.setdefault((subject(cell), cell.device), []).append(cell)
    return View(
        title=f"What differs between the {'runs' if comparison.against is None else 'sides'}",
        runs=_runs(comparison),
        alarm=_alarm(comparison),
        facts=tuple(_facts(comparison.facts)),
        grids=tuple(_grid(cells, comparison.limits.within) for cells in groups.values()),
        remarks=tuple(remarks.paragraphs(comparison)),
        failures=tuple(gate_lines.failures(comparison)),
        undecided=tuple(gate_lines.undecided(comparison)),
    )


def summary(comparison: Comparison) -> str:
    """Return how many cells got which verdict: "1 slower, 3 same"."""
    counts: dict[str, int] = {}
    for cell in comparison.cells:
        counts[cell.verdict] = counts.get(cell.verdict, 0) + 1
    words = {"undecided": "can't tell", "only_base": "only in BASE", "only_head": "only in HEAD"}
    ordered = [name for name in VERDICTS if name in counts]
    texts = [f"{counts[name]} {words.get(name, name.replace('_', ' '))}" for name in ordered]
    return ", ".join([*texts, *(["on different machines"] if comparison.other_machines else [])])


def _runs(comparison: Comparison) -> tuple[str, str]:
    """Return one line for each run; of the sides of one run, what --against named, and the run."""
    base, head = comparison.base, comparison.head
    if comparison.against is None:
        return f"BASE {_run(base)}", f"HEAD {_run(head)}"
    commit = f" ({base.revision[:12]})" if base.revision else ""
    named = f"BASE --against {comparison.against}{commit}", f"HEAD in the same turns, run {head.run_id}"
    return clean(named[0]), clean(named[1])


def _run(run: ComparedRun) -> str:
    when = "" if run.started_at is None else run.started_at.replace("T", " ").rstrip("Z")[:16]
    about = ", ".join(
        text for text in (when, f"qbench {run.qbench_version}" if run.qbench_version else "") if text
    )
    return clean(f"{run.run_id} ({about})" if about else run.run_id)


def _alarm(comparison: Comparison) -> str | None:
    names = [figures.short(name) for name in comparison.other_machines]
    if not names:
        return None
    return (
        f"DIFFERENT MACHINES: BASE and HEAD were not measured on the same one ({figures.some(names, 4)})."
        " Their times compare machines, not models, and no gate judges them."
    )


def _facts(facts: Iterable[DifferingFact]) -> list[str]:
    """Return one line per fact; what is the same of several devices or variants is one line."""
    joined: dict[tuple[str, ...], list[str]] = {}
    for fact in facts:
        same = () if fact.what == "file" else (fact.base or "not known", fact.head or "not known")
        what = fact.what if fact.kind == "variant" else fact.what.replace("_", " ")
        joined.setdefault((what, *same), []).append(fact.about)
    lines = []
    for (what, *values), abouts in joined.items():
        names = figures.some(abouts, 8)
        told = f"other {what}: {names}" if not values else f"{names}: {what} {' → '.join(values)}"
        lines.append(clean(told.removeprefix("run: ")))
    return lines


def _grid(cells: Sequence[ComparedCell], within: float) -> Grid:
    unit = figures.common_unit(
        [one.median_ms for cell in cells for one in (cell.base, cell.head) if one], figures.TIME_UNITS
    )
    threads = len({cell.threads for cell in cells}) > 1
    headers = tuple(text.format(unit=unit[0]) for text in _HEADERS if threads or text != "thr")
    title = f"{figures.short_subject(cells[0])} on {figures.short(cells[0].device)}"
    lines = tuple(_line(cell, unit, within, threads) for cell in cells)
    return Grid(title, ("", *headers), lines, left=(1, 2, len(headers)))


def _line(cell: ComparedCell, unit: figures.Unit, within: float, threads: bool) -> tuple[Shown, ...]:
    medians = [None if one is None else one.median_ms for one in (cell.base, cell.head)]
    told = figures.NONE if cell.ratio is None else change(slowdown(cell.ratio))
    return (
        Shown("✗" if cell.failed else "", "bad"),
        Shown(figures.short(cell.variant)),
        Shown(figures.short(cell.delegate)),
        *([Shown(str(cell.threads))] if threads else []),
        *(Shown(figures.number(median, unit)) for median in medians),
        Shown(told, VERDICTS[cell.verdict][1]),
        _verdict(cell, within),
    )


def _verdict(cell: ComparedCell, within: float) -> Shown:
    text, tone = VERDICTS[cell.verdict]
    ratio = cell.ratio
    if cell.verdict in ("faster", "slower") and ratio and 1 / (1 + within) <= ratio.value <= 1 + within:
        text += f" (≤{limit(within)})"
    return Shown(text, tone)
