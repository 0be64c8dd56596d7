"""A history as texts: its table, its steps, and remarks."""

from __future__ import annotations

from collections.abc import Iterator

from harness.record.history import Figure, History
from harness.report import figures, history_steps
from harness.report.figures import clean, plural
from harness.report.history_steps import cell_name
from harness.report.paragraphs import Paragraph
from harness.report.sparkline import usual_state

TITLES: dict[Figure, str] = {
    "latency": "floor of an inference",
    "median": "median of an inference",
    "speedup": "speedup over the baseline",
    "size": "size of the file",
    "memory": "peak memory",
    "sqnr": "SQNR of the outputs",
    "ops": "ops left on the CPU",
}


def several_threads(history: History) -> bool:
    """Return whether the number of threads tells cells apart."""
    return len({course.threads for course in history.cells}) > 1


def value_text(value: float | None, figure: Figure) -> str:
    """Return a value with its unit: "16.9 µs"."""
    if value is None:
        return figures.NONE
    if figure == "speedup":
        return figures.factor(value)
    if figure == "sqnr":
        return f"{value:.1f} dB"
    if figure == "ops":
        return f"{value:.0f}"
    units = figures.TIME_UNITS if figure in ("latency", "median") else figures.SIZE_UNITS
    unit = figures.common_unit([value], units)
    return f"{figures.number(value, unit)} {unit[0]}"


def heading(history: History) -> str:
    """Return what is shown: "floor of an inference over 60 runs, 2026-10-01 to 2026-10-18"."""
    dates = [point.started_at[:10] for course in history.cells for point in course.points]
    what = plural(history.runs, "run")
    if history.by_revision:
        what += f", a point per revision in the order of {history.order}"
    return f"{TITLES[history.figure]} over {what}, {min(dates)} to {max(dates)}"


def paragraphs(history: History) -> Iterator[Paragraph]:
    """Yield what is said under the table: steps, gaps, what could not be asked, and how to read it."""
    threads = several_threads(history)
    yield from _machines(history)
    yield from history_steps.told(history, threads=threads)
    yield from _gaps(history, threads)
    yield from _notes(history, threads)


def _machines(history: History) -> Iterator[Paragraph]:
    """Yield which devices were several machines."""
    machines: dict[str, list[str]] = {}
    for course in history.cells:
        if course.machine is not None:
            machines.setdefault(clean(course.device), []).append(clean(course.machine))
    devices: dict[tuple[str, ...], list[str]] = {}
    for device, names in machines.items():
        devices.setdefault(tuple(dict.fromkeys(names)), []).append(device)
    for known, alike in devices.items():
        were = "was" if len(alike) == 1 else "were"
        head = f"!! {figures.some(alike, 4)} {were} {len(known)} machines: their runs are told apart"
        yield Paragraph(head, lines=known)


def _gaps(history: History, threads: bool) -> Iterator[Paragraph]:
    """Yield how often cells were not as they usually are."""
    lines = []
    for course in history.cells:
        usual = usual_state(course.points)
        counts: dict[str, int] = {}
        for point in course.points:
            if point.status not in ("ok", usual[0] if point.value is not None else ""):
                counts[point.status] = counts.get(point.status, 0) + 1
        if counts:
            told = ", ".join(f"{status} in {count}" for status, count in counts.items())
            lines.append(f"{cell_name(course, threads=threads)}: {told} of {len(course.points)}")
    if lines:
        yield Paragraph("Gaps", lines=tuple(lines))


def _notes(history: History, threads: bool) -> Iterator[Paragraph]:
    notes: dict[str, list[str]] = {}
    for course in history.cells:
        if course.note is not None:
            notes.setdefault(course.note, []).append(cell_name(course, threads=threads))
    every = len(history.cells)
    for note, names in notes.items():
        about = "" if len(names) == every else f"  {figures.some(names, 3)}"
        yield Paragraph(f"{note}{about}", tone="dim")
    if history.stored > history.runs:
        more = f"the {history.runs} newest of {history.stored} runs: --limit {history.stored} reads all"
        yield Paragraph(more, tone="dim")
    if any(course.note is None for course in history.cells) and not any(c.steps for c in history.cells):
        yield Paragraph("no step found", tone="dim")
