"""Observations of stored runs: of the same file, on a device of that name, with the same options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS
from harness.analysis.compat.document import Observed, Outcome
from harness.analysis.compat.targets import needs_runtime
from harness.config import DelegateSpec
from harness.record import DeviceState, Document, Row, subject
from harness.record.plain import JsonObject, plain_object

_OUTCOMES: dict[str, Outcome] = {"ok": "all", "partial": "partly", "fallback": "none", "refused": "refused"}
_TELLING_STAGES = ("runtime", "delegate", "load", "allocate")  # before anything has run


class Key(NamedTuple):
    """What identifies a cell across runs, apart from the runtime."""

    sha256: str  # of the variant's file
    device: str
    delegate: str
    options: str


Seen = Mapping[Key, Sequence[Observed]]
"""Observations by cell, oldest first."""


def collect(documents: Iterable[Document]) -> Seen:
    """Collect observations from documents, oldest first."""
    seen: dict[Key, list[Observed]] = {}
    for document in documents:
        files = {(subject(variant), variant.name): variant.sha256 for variant in document.variants}
        devices = {device.name: device for device in document.devices}
        for row in document.cells:
            sha256, device = files.get((subject(row), row.variant)), devices.get(row.device)
            options = None if device is None else _options(device, row.delegate)
            if sha256 is None or device is None or options is None or not _tells(row):
                continue
            key = Key(sha256, row.device, row.delegate, options)
            seen.setdefault(key, []).append(_observation(document.run_id, row, device))
    return seen


def find(
    seen: Seen, sha256: str | None, device: str, delegate: DelegateSpec, runtime: Runtime
) -> Observed | None:
    """Return the latest observation of a cell, in this runtime if runtimes differ in what they delegate."""
    if sha256 is None:
        return None
    any_runtime = not needs_runtime(delegate.name)
    key = Key(sha256, device, delegate.name, _as_text(delegate.name, delegate.options))
    matching = [
        observation
        for observation in seen.get(key, ())
        if any_runtime or observation.runtime == (runtime.name, runtime.version)
    ]
    return matching[-1] if matching else None


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


def _tells(row: Row) -> bool:
    """Return whether a row says what was delegated: it was measured, or refused at loading or compiling.

    An error during inference says nothing, because it may have any cause.
    """
    if row.status != "refused":
        return row.status in _OUTCOMES and row.ops is not None
    if row.refusal is not None:
        return row.refusal.stage in _TELLING_STAGES
    known = ACCELERATORS.get(row.delegate)
    return known is not None and known.compiler is not None


def _observation(run_id: str, row: Row, device: DeviceState) -> Observed:
    return Observed(
        run_id=run_id,
        runtime=(device.runtime, device.runtime_version),
        outcome=_OUTCOMES[row.status],
        total=row.ops.total if row.ops else None,
        taken=row.ops.delegated if row.ops else None,
        partitions=row.ops.partitions if row.ops else None,
        reason=row.reason,
        software=bool(row.delegate_facts.get("software")),
    )
