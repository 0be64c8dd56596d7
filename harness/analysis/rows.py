"""Run -> result document: every figure derived from raw measurements (see docs/results.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import msgspec

from delegates import stats
from delegates.wire import Ops
from harness.analysis import accelerators, outputs, provenance, reasons, warnings
from harness.analysis import reference as references
from harness.analysis.baseline import baselines, label, variants
from harness.analysis.conclusion import conclude
from harness.analysis.distance import ENOUGH_SAMPLES, is_far
from harness.analysis.fidelity import Fidelity, compare_outputs, count_nonfinite, samples_of, unlike
from harness.analysis.reference import outputs_of
from harness.analysis.status import cell_ops, verdict
from harness.analysis.warnings import Doubt
from harness.errors import DeviceError
from harness.quantize.separate import interface
from harness.record import Document, Variant
from harness.store import SCHEMA, Cell, Run

MEASURED = ("ok", "partial", "fallback")
FAILED = ("unavailable", "refused", "crashed", "timeout")

Known = dict[tuple[Any, ...], Any]
Warning_ = tuple[str, str] | Doubt  # code, message and, in a Doubt, a remedy


def document(run: Run, known: Known | None = None) -> dict[str, Any]:
    """CONTRACT.md's result document, made of nothing but JSON types and finite numbers.

    `known` is a dict that the caller keeps during one run: figures of launches already seen are taken
    from it, so that storing after each answer costs little beside a running measurement.
    """
    context = _Context(run, {} if known is None else known)
    made = provenance.plain_dict(
        {
            "schema": SCHEMA,
            "run_id": run.run_id,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "qbench_version": run.qbench_version,
            "interrupted": run.interrupted,
            "budget_s": run.budget_s,
            "precision": run.precision,
            "baseline": run.baseline,
            "host": run.host,
            "models": [provenance.of_model(model) for model in run.models],
            "variants": [provenance.of_variant(v) for v in variants(run)],
            "devices": [provenance.of_device(device) for device in run.devices],
            "cells": [context.cell(cell) for cell in run.cells],
        }
    )
    return {**made, "conclusions": [found.as_dict() for found in conclude(msgspec.convert(made, Document))]}


def exit_code(document: Mapping[str, Any]) -> int:
    """0: all that was asked was measured; 3: some cell could not be; 4: some device could not be reached.

    A cell ruled out on paper is no failure if at least one cell of its device was measured.
    """
    cells = document["cells"]
    if any(device.get("problem") for device in document["devices"]):
        return DeviceError.exit_code
    if any(cell["status"] in FAILED for cell in cells):
        return 3
    measured = {cell["device"] for cell in cells if cell["status"] in MEASURED}
    return 0 if all(cell["device"] in measured for cell in cells) else 3


class _Context:
    """What the figures of one cell need to know of the others."""

    def __init__(self, run: Run, known: Known) -> None:
        self.run = run
        self.known = known
        self.variants = {(v.model, v.name): v for v in variants(run)}
        self.paths = {
            (made.variant.model, made.variant.name): made.path for one in run.models for made in one.variants
        }
        self.schemes = {key: variant.scheme or "" for key, variant in self.variants.items()}
        self.baselines = baselines(run)
        self.devices = {d.profile.name: d for d in run.devices}

    def cell(self, cell: Cell) -> dict[str, Any]:
        variant = self.variants.get((cell.model, cell.variant))
        ops = self._ops(cell)
        status, reason = verdict(cell, self.run, ops)
        measured = cell.measurements
        return {
            "id": cell.id,
            "model": cell.model,
            "variant": cell.variant,
            "device": cell.device,
            "delegate": cell.delegate,
            "runtime": measured[0].runtime if measured else self.devices[cell.device].runtime,
            "threads": cell.threads,
            "baseline": self.baselines.get(cell.id) is cell,
            "status": status,
            "reason": reason,
            "refusal": _refusal(cell),
            "size_bytes": _size(cell, variant),
            "size_ratio": self._size_ratio(cell),
            "ops": None if ops is None else asdict(ops),
            "compiled": accelerators.of_compiled(cell.compiled),
            "delegate_facts": measured[-1].delegate_facts if measured else {},
            "init_ms": _ms(stats.median(m.init_ns for m in measured)),
            "first_ms": _ms(stats.median(m.first_ns for m in measured)),
            "peak_memory_bytes": max((m.peak_memory_bytes or 0 for m in measured), default=0) or None,
            "latency_ms": self._latency(cell),
            "latency_with_copies_ms": self._latency_with_copies(cell),
            "throughput_per_s": self._throughput(cell),
            "speedup": self._speedup(cell),
            "fidelity": self._fidelity(cell),
            "accuracy": None,
            "warnings": [Doubt(*warning)._asdict() for warning in self._warnings(cell)],
        }

    def _once(self, key: tuple[Any, ...], derive: Callable[[], Any]) -> Any:
        if key not in self.known:
            self.known[key] = derive()
        return self.known[key]

    def _ops(self, cell: Cell) -> Ops | None:
        """Ops with reasons; the `cpu` delegate takes all, as each ran where it was asked to run."""
        ops = cell_ops(cell)
        if ops is None or cell.delegate == "cpu":
            return None if ops is None else Ops(total=ops.total, delegated=ops.total, partitions=0)
        device, path = self.devices[cell.device], self.paths.get((cell.model, cell.variant))
        found: Ops = self._once(("ops", cell.id), lambda: reasons.of_cell(ops, cell, path, device))
        return found

    def _baseline_variant(self, cell: Cell) -> Variant | None:
        baseline = self.baselines.get(cell.id)
        return None if baseline is None else self.variants.get((baseline.model, baseline.variant))

    def _size_ratio(self, cell: Cell) -> float | None:
        variant, baseline = self.variants.get((cell.model, cell.variant)), self._baseline_variant(cell)
        size = _size(cell, variant)
        return baseline.size_bytes / size if baseline and baseline.size_bytes and size else None

    def _latency(self, cell: Cell) -> dict[str, Any] | None:
        def derive() -> dict[str, Any] | None:
            return stats.summary_ms(
                [[ns for block in m.blocks_ns for ns in block] for m in cell.measurements]
            )

        summary: dict[str, Any] | None = self._once(("latency", cell.id, len(cell.measurements)), derive)
        return summary

    def _latency_with_copies(self, cell: Cell) -> dict[str, Any] | None:
        def derive() -> dict[str, Any] | None:
            return stats.summary_ms([m.end_to_end_ns for m in cell.measurements])

        summary: dict[str, Any] | None = self._once(("copies", cell.id, len(cell.measurements)), derive)
        return summary

    def _throughput(self, cell: Cell) -> float | None:
        """Inferences per second, one after the other: what the median latency allows."""
        latency = self._latency(cell)
        return 1000 / latency["median"] if latency and latency["median"] else None

    def _floors(self, cell: Cell) -> dict[int, float]:
        """Launch number -> the floor of its samples in ns."""
        floors: dict[int, float | None] = {}
        for m in cell.measurements:
            derive = partial(stats.launch_floor, m.cpu_time_ns or m.blocks_ns)
            floors[m.launch] = self._once(("floor", cell.id, m.launch), derive)
        return {launch: floor for launch, floor in floors.items() if floor is not None}

    def _speedup(self, cell: Cell) -> dict[str, Any] | None:
        baseline = self.baselines.get(cell.id)
        if baseline is None or not (self._has_times(baseline) and self._has_times(cell)):
            return None
        timer_resolution_ns = max((m.timer_resolution_ns for m in cell.measurements), default=0.0)
        found = stats.speedup(self._floors(baseline), self._floors(cell), timer_resolution_ns)
        if found is None:
            return None
        named = {key: getattr(baseline, key) for key in ("variant", "delegate", "device", "threads")}
        return {**found._asdict(), "baseline": named}

    def _has_times(self, cell: Cell) -> bool:
        """False of a clock that stands still: half of the inferences took no time at all."""
        latency = self._latency(cell)
        return latency is None or latency["median"] > 0

    def _fidelity(self, cell: Cell) -> dict[str, Any] | None:
        reference = references.of(cell, self.run.cells, self.schemes)
        figures = None if reference is None else self._compared(reference, cell)
        return None if reference is None or figures is None else {"reference": label(reference), **figures}

    def _compared(self, reference: Cell, cell: Cell) -> Fidelity | None:
        """The cell's outputs beside another's."""
        if not outputs_of(cell):
            return None
        most = self._samples_for_all(cell.model)
        found: Fidelity | None = self._once(
            ("fidelity", reference.id, cell.id, most),
            lambda: compare_outputs(
                outputs_of(reference),
                outputs_of(cell),
                classifier=not self._reproduces_input(reference),
                labels=self._labels(reference),
                most=most,
            ),
        )
        return found

    def _samples_for_all(self, model: str) -> int:
        """The number of samples that all cells of a model had time for: their figures are of the same ones.

        Cells with too few to say much don't count: they would make all others say as little.
        """
        counts = [samples_of(outputs_of(cell)) for cell in self.run.cells if cell.model == model]
        enough = min(ENOUGH_SAMPLES, max(counts, default=0))
        return min((count for count in counts if count >= enough), default=0)

    def _why_not_compared(self, cell: Cell) -> str:
        reference = references.of(cell, self.run.cells, self.schemes)
        if not outputs_of(cell):
            return "it sent none"
        if reference is None:
            return "neither float32 nor this variant on cpu brought any to compare with"
        return unlike(outputs_of(reference), outputs_of(cell)) or "no reason known"

    def _of_outputs(self, cell: Cell, finite: bool) -> Iterator[Doubt]:
        """A delegate that differs from the CPU with the same file is that, and no worse variant.

        Unless the variant is worthless on the CPU already: in noise, rounding alone makes all the difference.
        """
        same = references.same_on_cpu(cell, self.run.cells)
        figures = self._fidelity(cell)
        if figures is None:
            yield outputs.not_compared(self._why_not_compared(cell))
        else:
            yield from outputs.of_samples(figures["samples"], self._samples_for_all(cell.model))
        if same is not None and same is not cell:
            there = self._fidelity(same)
            if there is None or not is_far(there):
                found = list(outputs.of_delegate(self._compared(same, cell)))
                if found:
                    yield from found
                    return
        yield from outputs.of_variant(figures, finite)

    def _reproduces_input(self, reference: Cell) -> bool:
        """An autoencoder: its largest output is not a class."""
        variant = self.variants[(reference.model, reference.variant)]
        return [t.shape for t in variant.inputs] == [t.shape for t in variant.outputs]

    def _labels(self, reference: Cell) -> set[int]:
        """Places of outputs that are whole numbers by their type, as of ARG_MAX: a class, and no quantity."""
        tensors = self.variants[(reference.model, reference.variant)].outputs
        return {i for i, t in enumerate(tensors) if "int" in t.dtype and t.quantization is None}

    def _warnings(self, cell: Cell) -> Iterable[Warning_]:
        variant, baseline = self.variants.get((cell.model, cell.variant)), self._baseline_variant(cell)
        yield from ((w.code, w.message) for w in (variant.warnings if variant else ()))
        yield from cell.warnings
        if variant and baseline and interface(variant) != interface(baseline):
            yield "interface-differs", _interface_differs(variant, baseline)
        if cell.measurements and cell_ops(cell) is None:
            yield "ops-unknown", "how many ops the delegate took could not be read"
        strange = self._once(
            ("nonfinite", cell.id, len(outputs_of(cell))), lambda: count_nonfinite(outputs_of(cell))
        )
        if strange:
            verb = "value is" if strange == 1 else "values are"
            yield "nan-output", f"{strange} output {verb} NaN or infinite"
        if cell.measurements:
            yield from self._doubts(cell)
            yield from accelerators.doubts(cell, bool(strange))
            yield from self._of_outputs(cell, finite=not strange)

    def _doubts(self, cell: Cell) -> Iterator[Doubt]:
        device, last = self.devices[cell.device], cell.measurements[-1]
        yield from warnings.of_machine(device.facts_before, device.facts_after)
        yield from warnings.of_threads(cell.threads, last.affinity)
        yield from self._once(
            ("doubts", cell.id, len(cell.measurements)),
            lambda: list(warnings.of_samples(_samples(cell), last.timer_resolution_ns)),
        )
        speedup, baseline = self._speedup(cell), self.baselines.get(cell.id)
        if speedup is not None and baseline is not None and baseline is not cell:
            yield from warnings.of_interval(speedup["low"], speedup["high"], self.run.precision)
            yield from warnings.of_medians(self._latency(baseline), self._latency(cell), speedup)


def _size(cell: Cell, variant: Variant | None) -> int | None:
    """Of the file that runs on the device."""
    if cell.compiled is not None:
        return cell.compiled.artifact.size_bytes
    return None if variant is None else variant.size_bytes


def _samples(cell: Cell) -> list[int]:
    return [ns for m in cell.measurements for block in m.blocks_ns for ns in block]


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / stats.NS_PER_MS


def _refusal(cell: Cell) -> dict[str, Any] | None:
    if cell.refusal is None:
        return None
    return {key: getattr(cell.refusal, key) for key in ("stage", "launch", "signal", "stderr")}


def _shapes(variant: Variant) -> list[tuple[int, ...]]:
    return sorted(tensor.shape for tensor in variant.inputs)


def _interface_differs(variant: Variant, baseline: Variant) -> str:
    mine, other = (" and ".join(str(list(shape)) for shape in _shapes(v)) for v in (variant, baseline))
    return (
        f"takes {mine} where the baseline {baseline.name} takes {other}: these are different models, and "
        "their speedup and size ratio say nothing about quantization"
    )
