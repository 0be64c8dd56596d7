"""Observations of stored runs: of the same file, on a device of that name, with the same options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS, barring
from harness.analysis.compat.document import Failure, Observed, Outcome
from harness.analysis.compat.targets import needs_runtime
from harness.analysis.distance import is_far
from harness.config import DelegateSpec
from harness.record import DeviceState, Document, Row, Warning, subject
from harness.record.plain import JsonObject, plain_object

_OUTCOMES: dict[str, Outcome] = {"ok": "all", "partial": "partly", "fallback": "none", "refused": "refused"}
_TELLING_STAGES = ("runtime", "delegate", "load", "allocate")  # before anything has run
_WRONG = frozenset(("nan-output", "variant-differs", "delegate-differs"))
_NO_TIMES = barring() | {"zero-times", "interface-differs"}
_FAR = Warning("variant-differs", "its outputs are far from the reference's")  # of runs before this warning


class Key(NamedTuple):
    """What identifies a cell across runs, apart from the runtime."""

    sha256: str  # of the variant's file
    device: str
    delegate: str
    options: str


Seen = Mapping[Key, Sequence[Observed | Failure]]
"""Observations and failures by cell, oldest first."""


def collect(documents: Iterable[Document]) -> Seen:
    """Collect observations and failures from documents, oldest first."""
    seen: dict[Key, list[Observed | Failure]] = {}
    for document in documents:
        files = {(subject(variant), variant.name): variant.sha256 for variant in document.variants}
        devices = {device.name: device for device in document.devices}
        for row in document.cells:
            sha256, device = files.get((subject(row), row.variant)), devices.get(row.device)
            options = None if device is None else _options(device, row.delegate)
            if sha256 is None or device is None or options is None:
                continue
            entry = _entry(document.run_id, row, device)
            if entry is not None:
                seen.setdefault(Key(sha256, row.device, row.delegate, options), []).append(entry)
    return seen


def find(
    seen: Seen, sha256: str | None, device: str, delegate: DelegateSpec, runtime: Runtime
) -> tuple[Observed | None, Failure | None]:
    """Return the latest observation of a cell, and its failure if the latest run of it failed.

    Where runtimes differ in what they delegate, only this one counts. Of several thread counts in one run the
    first counts, unless another had wrong outputs.
    """
    if sha256 is None:
        return None, None
    any_runtime = not needs_runtime(delegate.name)
    key = Key(sha256, device, delegate.name, _as_text(delegate.name, delegate.options))
    matching = [
        entry
        for entry in seen.get(key, ())
        if any_runtime or entry.runtime == (runtime.name, runtime.version)
    ]
    failures = [entry for entry in matching if isinstance(entry, Failure)]
    failure = next((entry for entry in failures if entry.run_id == matching[-1].run_id), None)
    return _latest([entry for entry in matching if isinstance(entry, Observed)]), failure


def _latest(observations: Sequence[Observed]) -> Observed | None:
    """Return the latest observation, with what an earlier one says of its outputs if it compared none."""
    if not observations:
        return None
    latest = [entry for entry in observations if entry.run_id == observations[-1].run_id]
    chosen = max(latest, key=lambda entry: bool(entry.wrong))
    alike = (one for one in reversed(observations) if one.software == chosen.software)
    judge = next((one for one in alike if one.compared and one.outcome != "refused"), None)
    if chosen.compared or judge is None:
        return chosen
    return replace(chosen, wrong=judge.wrong, compared=True, compared_in=judge.run_id)


def _options(device: DeviceState, delegate: str) -> str | None:
    """Return the options that a device's delegate was used with; None if they were not stored."""
    for used in () if device.profile is None else device.profile.delegates:
        if used.name == delegate:
            return _as_text(delegate, used.options)
    return None


def _as_text(delegate: str, options: JsonObject) -> str:
    """Return options as a text that is the same for a profile and for the profile as a run stored it."""
    known = ACCELERATORS.get(delegate)
    immaterial = () if known is None else known.immaterial
    return json.dumps(
        plain_object({key: value for key, value in options.items() if key not in immaterial}), sort_keys=True
    )


def _entry(run_id: str, row: Row, device: DeviceState) -> Observed | Failure | None:
    """Return what a row says of its cell; None if it says nothing, as when it was not measured."""
    runtime = (device.runtime, device.runtime_version)
    if _tells(row):
        return _observation(run_id, row, runtime)
    if row.status in ("crashed", "timeout", "refused") and device.problem is None:
        return Failure(run_id, runtime, row.status, row.reason)
    return None


def _tells(row: Row) -> bool:
    """Return whether a row says what was delegated: it was measured, or refused at loading or compiling.

    An error during inference says nothing of that, because it may have any cause.
    """
    if row.status != "refused":
        return row.status in _OUTCOMES and row.ops is not None
    if row.refusal is not None:
        return row.refusal.stage in _TELLING_STAGES
    known = ACCELERATORS.get(row.delegate)
    return known is not None and known.compiler is not None


def _observation(run_id: str, row: Row, runtime: tuple[str | None, str | None]) -> Observed:
    codes = {warning.code for warning in row.warnings}
    return Observed(
        run_id=run_id,
        runtime=runtime,
        outcome=_OUTCOMES[row.status],
        total=row.ops.total if row.ops else None,
        taken=row.ops.delegated if row.ops else None,
        partitions=row.ops.partitions if row.ops else None,
        reason=row.reason,
        software=bool(row.delegate_facts.get("software")),
        threads=row.threads,
        speedup=None if row.baseline or codes & _NO_TIMES else row.speedup,
        baseline=row.baseline,
        compiler=row.compiled.compiler if row.compiled else None,
        wrong=_wrong(row),
        compared=row.status == "refused" or "not-compared" not in codes,
    )


def _wrong(row: Row) -> tuple[Warning, ...]:
    found = tuple(warning for warning in row.warnings if warning.code in _WRONG)
    return found or ((_FAR,) if row.fidelity is not None and is_far(row.fidelity) else ())
