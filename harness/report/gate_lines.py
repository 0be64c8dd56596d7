"""What the gates of a comparison say: one line per gate that a cell fails, or that the data can't decide."""

from __future__ import annotations

from harness.record import subject
from harness.record.comparison import ComparedCell, Comparison, Gate, Limits
from harness.report import accuracy, figures
from harness.report.changes import cell_name, change, limit, percent, slowdown
from harness.report.figures import clean


def failures(comparison: Comparison) -> list[str]:
    """Return one line per gate that a cell fails."""
    return [_line(cell, gate, comparison) for cell in comparison.cells for gate in cell.failed]


def undecided(comparison: Comparison) -> list[str]:
    """Return one line per gate that the data can't decide and that does not fail for it."""
    return [
        _line(cell, gate, comparison)
        for cell in comparison.cells
        for gate in cell.undecided
        if gate not in cell.failed
    ]


def _line(cell: ComparedCell, gate: Gate, comparison: Comparison) -> str:
    name = cell_name(cell, threads=cell.threads > 1)
    return f"{clean(subject(cell))} {name}: {describe(cell, gate, comparison)}"


def describe(cell: ComparedCell, gate: Gate, comparison: Comparison) -> str:
    """Return what a gate found in a cell: "time +8.4% [+7.1, +9.8], over 5%"."""
    open_ = gate in cell.undecided
    why = _why_open(cell, gate, cell.device in comparison.other_machines) if open_ else ""
    return _found(cell, gate, comparison.limits, open_) + (f"; {why}" if why else "")


def _found(cell: ComparedCell, gate: Gate, limits: Limits, open_: bool) -> str:
    over = "against a limit of" if open_ else "over"
    if gate == "status":
        return _status(cell)
    if gate == "ops":
        return _ops(cell) + (f", {over} {limits.ops} more" if limits.ops or open_ else "")
    if gate == "size":
        return f"size {_size(cell)}, {over} {limit(limits.size or 0)}"
    if gate == "memory":
        return f"peak memory {change(cell.memory_change)}, {over} {limit(limits.memory or 0)}"
    if gate == "accuracy":
        return f"{accuracy.compared(cell)}, {over} {limit(limits.accuracy or 0)}"
    told = "no ratio" if cell.ratio is None else change(slowdown(cell.ratio))
    return f"time {told}, {over} {limit(limits.latency or 0)}"


def _why_open(cell: ComparedCell, gate: Gate, other_machine: bool) -> str:
    if gate in ("size", "ops"):
        return "not known of both runs"
    if gate == "accuracy" and cell.accuracy_change is None:
        return "not known of both runs, or not by the same metric"
    if gate in ("latency", "memory") and other_machine:
        return "the runs are from different machines"
    return _why_no_time(cell) if gate == "latency" else ""


def _why_no_time(cell: ComparedCell) -> str:
    """Return why the gate of latency is undecided."""
    if cell.reason is not None:
        return cell.reason
    if cell.yardstick:
        return "nothing about this cell has changed, so the machine may have"
    if cell.relative is None or cell.as_measured is None:
        return ""
    ways = [change(slowdown(one)) for one in (cell.as_measured, cell.relative)]
    return f"as measured {ways[0]}, relative to {clean(cell.relative_to)} {ways[1]}"


def _status(cell: ComparedCell) -> str:
    if cell.head is None:
        return "measured in BASE, not part of HEAD"
    reason = f": {clean(cell.head.reason)}" if cell.head.reason else ""
    return f"measured in BASE, {cell.head.status} in HEAD{reason}"


def _ops(cell: ComparedCell) -> str:
    counts = [figures.NONE if one is None else str(one.ops_left) for one in (cell.base, cell.head)]
    return f"leaves {counts[1]} ops on the CPU, {counts[0]} before"


def _size(cell: ComparedCell) -> str:
    return figures.NONE if cell.size_change is None else percent(cell.size_change)
