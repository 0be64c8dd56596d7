"""Facts that are not the same in two runs: they explain most differences between their figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from harness.analysis.differences import plain_profile, words
from harness.analysis.machines import same_machine, same_memory
from harness.record import Calibration, DeviceState, Evaluation, Git, Row, Run, Variant, subject
from harness.record.comparison import DifferingFact
from harness.record.interface import Interface, interface

_MACHINE = ("place", "machine", "os", "arch", "cpu", "cores")
_SOFTWARE = ("python", "runtime", "runtime_version", "problem")
_PROFILE = ("delegates", "affinity", "env")
_OF_MACHINE = ("governor", "throttled", "neighbour", "steal", "few-cores")  # codes of warnings

T = TypeVar("T")
Kind = str


def differing_facts(
    base: Run, head: Run, base_rows: Iterable[Row], head_rows: Iterable[Row]
) -> Iterator[DifferingFact]:
    """Yield the facts that differ: of machines and devices first, then of the run, models and variants."""
    devices = [{device.name: device for device in run.devices} for run in (base, head)]
    for name, (mine, theirs) in _in_both(*devices).items():
        yield from _machine(name, mine, theirs)
    for name, (mine, theirs) in _in_both(*devices).items():
        yield from _device(name, mine, theirs)
        codes = [_warnings(name, rows) for rows in (base_rows, head_rows)]
        yield from _differing("device", name, "warnings", *codes)
    yield from _run(base, head)
    models = [{model.name: model for model in run.models} for run in (base, head)]
    for name, (model, other) in _in_both(*models).items():
        yield from _differing("model", name, "model", _digest(model.sha256), _digest(other.sha256))
        yield from _differing("model", name, "source", model.source, other.source)
        samples = [one.fidelity_samples for one in (model, other)]
        told = [None if one is None else f"{one.samples} of {one.source} ({one.how})" for one in samples]
        yield from _differing("model", name, "fidelity samples", *told)
    data = [{str(subject(one)): one.evaluation for one in run.variants} for run in (base, head)]
    for name, (evaluation, other_evaluation) in _in_both(*data).items():
        yield from _differing("model", name, "evaluated", *map(_evaluation, (evaluation, other_evaluation)))
    variants = [{f"{subject(one)} {one.name}": one for one in run.variants} for run in (base, head)]
    for name, (variant, other_variant) in _in_both(*variants).items():
        yield from _variant(name, variant, other_variant)


def other_machines(base: Run, head: Run) -> tuple[str, ...]:
    """Return the devices that both runs have, on different machines."""
    devices = [{device.name: device for device in run.devices} for run in (base, head)]
    return tuple(
        name for name, (mine, theirs) in _in_both(*devices).items() if not same_machine(mine, theirs)
    )


def _machine(name: str, base: DeviceState, head: DeviceState) -> Iterator[DifferingFact]:
    for fact in _MACHINE:
        yield from _differing("machine", name, fact, getattr(base, fact), getattr(head, fact))
    memory = [device.memory_bytes for device in (base, head)]
    if not same_memory(*memory):
        yield from _differing("machine", name, "memory", *map(_megabytes, memory))


def _device(name: str, base: DeviceState, head: DeviceState) -> Iterator[DifferingFact]:
    for fact in _SOFTWARE:
        yield from _differing("device", name, fact, getattr(base, fact), getattr(head, fact))
    governors = [device.facts_before.get("governors") for device in (base, head)]
    yield from _differing("device", name, "governors", *governors)
    profiles = [plain_profile(device.profile) for device in (base, head) if device.profile is not None]
    for fact in _PROFILE if len(profiles) == 2 else ():
        yield from _differing("device", name, fact, *(profile.get(fact) for profile in profiles))


def _warnings(device: str, rows: Iterable[Row]) -> list[str]:
    """Return the codes of warnings about the state of a device's machine."""
    codes = {warning.code for row in rows if row.device == device for warning in row.warnings}
    return [code for code in _OF_MACHINE if code in codes]


def _run(base: Run, head: Run) -> Iterator[DifferingFact]:
    mine, theirs = base.header, head.header
    yield from _differing("run", "run", "qbench", mine.qbench_version, theirs.qbench_version)
    yield from _differing("run", "run", "revision", _revision(mine.git), _revision(theirs.git))
    for tag in sorted(mine.tags.keys() | theirs.tags.keys()):
        yield from _differing("run", "run", f"tag {tag}", mine.tags.get(tag), theirs.tags.get(tag))
    yield from _differing("run", "run", "budget", _seconds(mine.budget_s), _seconds(theirs.budget_s))
    yield from _differing("run", "run", "precision", _percent(mine.precision), _percent(theirs.precision))
    baselines = [header.baseline or "default" for header in (mine, theirs)]
    yield from _differing("run", "run", "--baseline", *baselines)
    yield from _differing("run", "run", "interrupted", _yes(base.interrupted), _yes(head.interrupted))
    yield from _differing("run", "run", "parts that can't be read", _damage(base), _damage(head))


def _variant(name: str, base: Variant, head: Variant) -> Iterator[DifferingFact]:
    yield from _differing("variant", name, "file", _digest(base.sha256), _digest(head.sha256))
    yield from _differing("variant", name, "scheme", base.scheme, head.scheme)
    if base.inputs and head.inputs and interface(base) != interface(head):
        shapes = [_shapes(interface(one)) for one in (base, head)]
        yield from _differing("variant", name, "inputs and outputs", *shapes)
    yield from _differing("variant", name, "converter", _converter(base), _converter(head))
    settings = [one.settings or {} for one in (base, head)]
    for key in sorted(settings[0].keys() | settings[1].keys()):
        yield from _differing("variant", name, f"settings.{key}", *(one.get(key) for one in settings))
    data = [_calibration(one.calibration) for one in (base, head)]
    yield from _differing("variant", name, "calibration", *data)


def _differing(kind: Kind, about: str, what: str, base: object, head: object) -> Iterator[DifferingFact]:
    if base != head:
        mine, theirs = (None if value is None else words(value) for value in (base, head))
        yield DifferingFact(kind, about, what, mine, theirs)  # type: ignore[arg-type]


def _in_both(base: Mapping[str, T], head: Mapping[str, T]) -> dict[str, tuple[T, T]]:
    return {name: (base[name], head[name]) for name in base if name in head}


def _digest(sha256: str | None) -> str | None:
    return None if sha256 is None else f"sha256 {sha256[:8]}…"


def _megabytes(value: int | None) -> str | None:
    return None if value is None else f"{value / 1e6:.0f} MB"


def _revision(git: Git | None) -> str | None:
    """Return "9e8e63d21a0c (main), with changes"."""
    if git is None:
        return None
    branch = f" ({git.branch})" if git.branch else ""
    return f"{git.revision[:12]}{branch}" + (", with changes" if git.dirty else "")


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"±{value * 100:g} %"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _damage(run: Run) -> str:
    return str(len(run.damage) + sum(len(entry.damage) for entry in run.cells))


def _converter(variant: Variant) -> str | None:
    made = variant.converter
    return None if made is None else f"{made.name} {made.version}"


def _calibration(data: Calibration | None) -> str | None:
    if data is None:
        return None
    return f"{data.samples} of {data.source}" + (f" (sha256 {data.sha256[:8]}…)" if data.sha256 else "")


def _evaluation(data: Evaluation | None) -> str | None:
    if data is None:
        return None
    digest = f" (sha256 {data.sha256[:8]}…)" if data.sha256 else ""
    return f"{data.metric or 'no metric'} on {data.samples} of {data.source}{digest}"


def _shapes(values: Interface) -> str:
    inputs, outputs = (" and ".join(str(list(shape)) for _, shape in tensors) for tensors in values)
    return f"{inputs} to {outputs}"
