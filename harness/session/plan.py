"""The plan: every variant x delegate x device x threads becomes a cell, some of them a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from delegates.wire import Job, ProbeResult, printable
from harness.accelerators import ACCELERATORS, Compiler
from harness.config import DelegateSpec
from harness.devices.transports.run_once import run_once
from harness.quantize import VariantSet
from harness.record import FailedVariant, Refused, Unavailable, Variant
from harness.store import Cell, Device


def make_cells(
    models: Iterable[VariantSet],
    devices: Sequence[Device],
    answers: dict[str, ProbeResult],
) -> list[Cell]:
    """All cells in the order of the table; those that won't be measured say why.

    `answers` holds what each device's Python said, by device name.
    """
    return [
        _cell(model.model.name, variant, device, delegate, threads, answers[device.profile.name])
        for model in models
        for device in devices
        for delegate in device.profile.delegates
        for threads in device.profile.threads
        for variant in _variants(model)
    ]


def _variants(model: VariantSet) -> list[Variant | FailedVariant]:
    return [*(made.variant for made in model.variants), *model.failed]


def make_jobs(
    cells: Iterable[Cell],
    models: Iterable[VariantSet],
    devices: Iterable[Device],
    baselines: Mapping[str, Cell],
    place: Callable[[Path], str],
    answers: Mapping[str, ProbeResult],
) -> list[Job]:
    """The jobs of the devices of one machine. Cells of one model are compared with each other: one group.

    `baselines` holds the cell that each is compared with, by cell id, `place` says where a file will be on
    the machine, `answers` which Python answered for a device.
    """
    compared_with = {cell.id for cell in baselines.values()}
    sets = {model.model.name: model for model in models}
    profiles = {device.profile.name: device.profile for device in devices}
    jobs = []
    for cell in cells:
        if cell.device not in profiles or cell.skipped or cell.refused or cell.unavailable:
            continue
        profile, model = profiles[cell.device], sets[cell.model]
        made = next(made for made in model.variants if made.variant.name == cell.variant)
        inputs = model.inputs.get(cell.variant)
        options = next(d.options for d in profile.delegates if d.name == cell.delegate)
        jobs.append(
            Job(
                id=cell.id,
                group=cell.model,
                model=place(cell.compiled.path if cell.compiled else made.path),
                inputs=None if inputs is None else place(inputs),
                delegate=cell.delegate,
                runtime=profile.runtime,
                python=answers[profile.name].python,
                threads=cell.threads,
                options=dict(options),
                affinity=None if profile.affinity is None else list(profile.affinity),
                env=dict(profile.env),
                timeout_s=profile.timeout_s,
                baseline=cell.id in compared_with,
                exclusive=ACCELERATORS[cell.delegate].exclusive,
            )
        )
    return jobs


def compile_cells(
    cells: Iterable[Cell],
    models: Iterable[VariantSet],
    devices: Iterable[Device],
    folder: Path,
    begun: Callable[[str], None],
) -> None:
    """Give cells whose delegate has a compiler their `compiled` file, or the reason why there is none."""
    made_of = {(made.variant.model, made.variant.name): made for model in models for made in model.variants}
    specs = {(d.profile.name, spec.name): spec for d in devices for spec in d.profile.delegates}
    compilers: dict[str, Compiler] = {}
    for cell in cells:
        make, made = ACCELERATORS[cell.delegate].compiler, made_of.get((cell.model, cell.variant))
        if make is None or made is None or cell.skipped:
            continue
        compiler = compilers.setdefault(cell.delegate, make(folder, run_once, begun))
        found = compiler.compile(
            made.variant,
            made.path,
            specs[cell.device, cell.delegate],
            given=made.given,
            missing=cell.unavailable,
        )
        if isinstance(found, Refused):
            cell.refused = found.reason
        elif isinstance(found, Unavailable):
            cell.unavailable = found.reason
        else:
            cell.compiled = found


def _cell(
    model: str,
    variant: Variant | FailedVariant,
    device: Device,
    delegate: DelegateSpec,
    threads: int,
    facts: ProbeResult,
) -> Cell:
    name = device.profile.name
    cell = Cell(
        id=_id(model, variant.name, delegate.name, name, str(threads)),
        model=model,
        variant=variant.name,
        device=name,
        delegate=delegate.name,
        threads=threads,
    )
    if isinstance(variant, FailedVariant):
        cell.refused = variant.reason
    else:
        cell.skipped = ACCELERATORS[delegate.name].skips(variant.scheme or "", variant.custom_ops)
    cell.unavailable = facts.error or facts.delegates.get(delegate.name)
    return cell


def _id(*parts: str) -> str:
    """A name that comes back from a device as it went there: without what `receive` would replace."""
    name = "/".join(parts)
    return name if printable(name) == name else name.encode("unicode_escape").decode("ascii")
