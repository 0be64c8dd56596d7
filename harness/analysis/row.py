"""Derive a cell's row: every figure, from the cell's launches and those of its baseline."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from delegates.wire import DEFAULT_PRECISION, Ops
from harness.analysis import reasons, status, timing, warnings
from harness.analysis.baseline import baselines
from harness.analysis.names import name
from harness.analysis.parts import part
from harness.analysis.sides import SIDES, has_sides, run_of
from harness.analysis.speedup import Compared, compare
from harness.record import (
    Accuracy,
    Cell,
    CellRun,
    Compiled,
    Crashed,
    Ended,
    Fidelity,
    Refused,
    Row,
    Run,
    TimedOut,
    Unavailable,
    Variant,
    Warning,
    WorkerEnd,
)


def rows(run: Run) -> tuple[Row, ...]:
    """Return one row per cell of a run, in the run's order; those of each side from that side alone."""
    if not has_sides(run):
        return _rows(run)
    by_id = {row.id: replace(row, side=side) for side in SIDES for row in _rows(run_of(run, side))}
    return tuple(by_id[entry.cell.id] for entry in run.cells)


def _rows(run: Run) -> tuple[Row, ...]:
    context = _Context(run)
    return tuple(context.row(cell) for cell in run.cells)


class _Context:
    """What all rows of a run without sides share: baselines, timings, fidelity."""

    def __init__(self, run: Run) -> None:
        self.run = run
        asked = run.header.precision
        self.precision = DEFAULT_PRECISION if asked is None else asked
        self.baselines = baselines(run)
        self.timings = {entry.cell.id: timing.of(entry.launches) for entry in run.cells}
        self.parts = [part(one) for one in run.pooled or (run,)]
        self.devices = {device.name: device for device in run.devices}

    def row(self, entry: CellRun) -> Row:
        cell, launches = entry.cell, entry.launches
        baseline, timed = self.baselines.get(cell.id), self.timings[cell.id]
        ops, end, compared = _ops(entry), status.ended(entry, self.run), self._compared(cell)
        word, reason = status.status(end, cell.delegate.name, ops, len(launches))
        return Row(
            id=cell.id,
            model=cell.model,
            variant=cell.variant.name,
            device=cell.device.name,
            delegate=cell.delegate.name,
            runtime=launches[0].runtime
            if launches
            else self.devices.get(cell.device.name, cell.device).runtime,
            threads=cell.threads,
            shape=cell.shape,
            signature=cell.signature,
            baseline=baseline is not None and baseline.id == cell.id,
            status=word,
            reason=reason,
            refusal=_worker(end),
            size_bytes=_size(cell),
            size_ratio=_size_ratio(baseline, cell),
            ops=ops,
            compiled=_compiled(cell),
            delegate_facts=launches[-1].delegate_facts if launches else {},
            init_ms=timing.median_ms([launch.init_ns for launch in launches]),
            first_ms=timing.median_ms([launch.first_ns for launch in launches]),
            peak_memory_bytes=max((launch.peak_memory_bytes or 0 for launch in launches), default=0) or None,
            latency_ms=timed.latency,
            floor_ms=timing.median_ms(list(timed.floors.values())),
            latency_with_copies_ms=timed.end_to_end,
            throughput_per_s=timed.throughput_per_s,
            speedup=None if compared is None else compared.speedup,
            fidelity=self._fidelity(cell),
            accuracy=self._accuracy(cell),
            warnings=tuple(self._warnings(entry, ops, compared)),
        )

    def _compared(self, cell: Cell) -> Compared | None:
        baseline = self.baselines.get(cell.id)
        if baseline is None:
            return None
        theirs, ours = self.timings[baseline.id], self.timings[cell.id]
        return compare(theirs, ours, name(baseline), self.precision)

    def _fidelity(self, cell: Cell) -> Fidelity | None:
        """Return the fidelity in the first run that compared the cell's outputs."""
        by_run = (one.fidelity(cell) for one in self.parts)
        return next((fidelity for fidelity in by_run if fidelity is not None), None)

    def _accuracy(self, cell: Cell) -> Accuracy | None:
        """Return the accuracy in the first of the runs that evaluated the cell on the most samples."""
        by_run = (one.accuracy(cell) for one in self.parts)
        known = [accuracy for accuracy in by_run if accuracy is not None]
        return max(known, key=lambda accuracy: accuracy.samples, default=None)

    def _warnings(self, entry: CellRun, ops: Ops | None, compared: Compared | None) -> list[Warning]:
        """Return the warnings of each run, each code once, then those about all launches together."""
        of_runs: list[Warning] = []
        for one in self.parts:
            codes = {warning.code for warning in of_runs}
            of_runs += [warning for warning in one.warnings(entry.cell) if warning.code not in codes]
        return [*of_runs, *self._of_launches(entry, ops, compared)]

    def _of_launches(self, entry: CellRun, ops: Ops | None, compared: Compared | None) -> Iterator[Warning]:
        if entry.launches or entry.damage:
            yield from warnings.of_damage((*entry.damage, *self.run.damage))
        if not entry.launches:
            return
        if ops is None:
            yield Warning("ops-unknown", "how many ops the delegate took could not be read")
        timed, baseline = self.timings[entry.cell.id], self.baselines.get(entry.cell.id)
        yield from warnings.of_samples(timed)
        if compared is not None and baseline is not None and baseline.id != entry.cell.id:
            yield from warnings.of_interval(compared, self.precision)
            latency = self.timings[baseline.id].latency
            yield from warnings.of_medians(latency, timed.latency, compared.speedup)


def _ops(entry: CellRun) -> Ops | None:
    """Return the cell's ops with reasons. On the `cpu` delegate all count as delegated."""
    ops = status.cell_ops(entry)
    if ops is None:
        return None
    if entry.cell.delegate.name == "cpu":
        return Ops(total=ops.total, delegated=ops.total, partitions=0)
    return reasons.explained(ops, entry.cell.expected)


def _size(cell: Cell) -> int | None:
    """Return the size in bytes of the file that runs on the device."""
    if cell.artifact is not None:
        return cell.artifact.size_bytes
    return cell.variant.size_bytes if isinstance(cell.variant, Variant) else None


def _size_ratio(baseline: Cell | None, cell: Cell) -> float | None:
    """Return the size of the baseline's own file divided by that of the cell's; above 1 is smaller."""
    size = _size(cell)
    if baseline is None or not isinstance(baseline.variant, Variant) or not size:
        return None
    return baseline.variant.size_bytes / size if baseline.variant.size_bytes is not None else None


def _worker(end: Ended) -> WorkerEnd | None:
    return end.worker if isinstance(end, Unavailable | Refused | Crashed | TimedOut) else None


def _compiled(cell: Cell) -> Compiled | None:
    """Return the compiled file that ran instead of the variant's own, or None."""
    artifact = cell.artifact
    if artifact is None:
        return None
    return Compiled(
        file=artifact.file,
        sha256=artifact.sha256,
        compiler=artifact.compiler,
        subgraphs=artifact.subgraphs,
        on_chip_bytes=artifact.on_chip_bytes,
        on_chip_free_bytes=artifact.on_chip_free_bytes,
        streamed_bytes=artifact.streamed_bytes,
        ops=artifact.ops,
    )
