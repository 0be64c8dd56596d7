"""What a comparison has to say under its tables: what else changed, and what the times are worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.conclusion import NO_WINNERS
from harness.record import Interval, subject
from harness.record.comparison import CellFigures, ComparedCell, Comparison
from harness.report import accuracy, figures
from harness.report.changes import cell_name, change, limit, percent, slowdown
from harness.report.figures import clean
from harness.report.paragraphs import Paragraph

_NAMED = 6  # cells that a line names
_LEAST_DB = 3.0  # twice the noise; smaller changes of SQNR are not shown
_OPS_NAMED = 4
_OF_OUTPUTS = NO_WINNERS | {"not-compared"}  # codes of warnings; those of the machine are among the facts
_SPANNING = "The intervals of the others span two comparisons: as measured, and relative to it."
_ALONE = (
    "No baseline of theirs is the same in both runs, so nothing shows how the machine itself differed; from"
    " one run to another it does, by more than these intervals hold."
)
_CHANCE = "Nothing differs that could do this; of 20 such intervals about one is wrong by chance."
_UNCHANGED = "What changed here is the machine, its system, or what else ran on it."


def paragraphs(comparison: Comparison) -> list[Paragraph]:
    """Return what else changed, then remarks on the times."""
    several = len({subject(cell) for cell in comparison.cells}) > 1
    changed: dict[str, list[ComparedCell]] = {}
    for cell in comparison.cells:
        for text in _changes(cell, comparison.limits.within):
            changed.setdefault(text, []).append(cell)
    lines = tuple(f"{_names(cells, several)}: {text}" for text, cells in changed.items())
    nothing = Paragraph(
        "Nothing else changed clearly: status, size, memory, ops, accuracy, fidelity", tone="plain"
    )
    return [
        Paragraph("What else changed", lines=lines) if lines else nothing,
        *_of_times(comparison, several),
    ]


def _changes(cell: ComparedCell, within: float) -> Iterator[str]:
    """Yield what changed about a cell, but for its times."""
    base, head = cell.base, cell.head
    if base is None or head is None:
        return
    if base.status != head.status:
        broken = head.reason is not None and head.status not in ("partial", "fallback")
        reason = f": {clean(head.reason)}" if broken else ""
        yield f"status {base.status} → {head.status}{reason}"
    if cell.ops_change:
        yield _ops(base, head)
    if cell.size_change:
        unit = figures.common_unit([base.size_bytes, head.size_bytes], figures.SIZE_UNITS)
        sizes = [figures.number(one.size_bytes, unit) for one in (base, head)]
        yield f"size {sizes[0]} → {sizes[1]} {unit[0]} ({percent(cell.size_change)})"
    if cell.memory_change and _is_clear(cell.memory_change, within):
        yield f"peak memory {change(cell.memory_change)}"
    moved = cell.accuracy_change
    if moved is not None and _is_clear(moved, 0.0):
        yield accuracy.compared(cell)
    yield from _fidelity(cell, base, head)
    for one, other, what in ((head, base, "new"), (base, head, "gone")):
        codes = [code for code in one.warnings if code in _OF_OUTPUTS and code not in other.warnings]
        if codes and other.median_ms is not None and one.median_ms is not None:
            yield f"{what}: warning {', '.join(codes)}"


def _is_clear(change: Interval, least: float) -> bool:
    """Return whether a change is more than `least`, and its interval excludes 0."""
    if change.low is None or change.high is None:
        return False
    return abs(change.value) > least and not change.low <= 0 <= change.high


def _fidelity(cell: ComparedCell, base: CellFigures, head: CellFigures) -> Iterator[str]:
    moved = cell.fidelity_change
    if moved is None:
        return
    if moved.sqnr_db is not None and abs(moved.sqnr_db) >= _LEAST_DB:
        yield f"SQNR {base.sqnr_db:.1f} → {head.sqnr_db:.1f} dB"
    if moved.top1_agreement:
        yield f"same top-1 class {figures.share(base.top1_agreement)} → {figures.share(head.top1_agreement)}"


def _ops(base: CellFigures, head: CellFigures) -> str:
    """Return "now leaves 3 ops on the CPU (1 before): 2 CONV_2D, 1 SOFTMAX"."""
    ranked = sorted(head.left.items(), key=lambda item: (-item[1], item[0]))
    kinds = figures.some([f"{count} {op}" for op, count in ranked], _OPS_NAMED)
    left = figures.plural(head.ops_left or 0, "op") if head.ops_left else "no ops"
    return clean(f"now leaves {left} on the CPU ({base.ops_left} before)" + (f": {kinds}" if kinds else ""))


def _of_times(comparison: Comparison, several: bool) -> Iterator[Paragraph]:
    cells = [cell for cell in comparison.cells if cell.device not in comparison.other_machines]
    paired = comparison.against is not None
    if not paired:
        yield from _yardsticks(cells, comparison.limits.by)
    alone = [cell for cell in cells if cell.ratio is not None and not cell.relative and not cell.yardstick]
    if alone and not paired and comparison.limits.by != "latency":
        yield Paragraph("Compared as measured only", _names(alone, several), (_ALONE,))
    unchanged = [cell for cell in cells if cell.same_file and cell.verdict in ("faster", "slower")]
    if unchanged:
        why = _CHANCE if paired else _UNCHANGED
        yield Paragraph("Same file, same runtime", _names(unchanged, several), (why,))
    yield from _reasons(comparison.cells, several)
    if not paired:
        yield from _shared(comparison.base.run_id, comparison.head.run_id)
    text = f"same: the whole interval is within ±{limit(comparison.limits.within)}"
    yield Paragraph(f"{text}; faster, slower: it excludes 0; can't tell: the rest", tone="dim")


def _shared(base: str, head: str) -> Iterator[Paragraph]:
    """Tell of launches that are on both sides: nothing can have changed between them."""
    if base == head:
        yield Paragraph("BASE and HEAD are the same run")
    elif shared := [run_id for run_id in base.split(" + ") if run_id in head.split(" + ")]:
        why = "a run that resumes another is shown with it; these launches are compared with themselves"
        yield Paragraph("BASE and HEAD share runs", ", ".join(shared), (why,))


def _reasons(cells: Sequence[ComparedCell], several: bool) -> Iterator[Paragraph]:
    """Say why times are not compared, or have no interval."""
    reasons: dict[str, list[ComparedCell]] = {}
    for cell in cells:
        if cell.reason is not None:
            reasons.setdefault(cell.reason, []).append(cell)
    for reason, alike in reasons.items():
        head = "Not compared" if alike[0].ratio is None else "No interval"
        yield Paragraph(head, _names(alike, several), (clean(reason),))


def _yardsticks(cells: Sequence[ComparedCell], by: str) -> Iterator[Paragraph]:
    """Say what cells are compared relative to, and how the times of that moved."""
    how = "The others are compared relative to it." if by == "speedup" else _SPANNING
    for cell in cells:
        if cell.yardstick:
            name = f"{clean(subject(cell))} {cell_name(cell, threads=cell.threads > 1)}"
            moved = figures.NONE if cell.ratio is None else change(slowdown(cell.ratio))
            line = f"Its own time changed by {moved}: that is the machine. {how}"
            yield Paragraph(f"Yardstick: {name} is the same in both runs", lines=(line,))


def _names(cells: Iterable[ComparedCell], several: bool) -> str:
    listed = [*cells]
    threads = any(cell.threads > 1 for cell in listed)
    names = [
        (f"{clean(subject(one))} " if several else "") + cell_name(one, threads=threads) for one in listed
    ]
    return figures.some(names, _NAMED)
