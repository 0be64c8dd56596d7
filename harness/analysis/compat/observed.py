"""What stored runs saw of a cell: of the same file, on the device of that name, with the same options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS
from harness.analysis.compat.document import Observed, Outcome
from harness.analysis.compat.targets import needs_runtime
from harness.config import DelegateSpec
from harness.record import DeviceState, Document, Row
from harness.record.plain import JsonObject, plain_object

_OUTCOMES: dict[str, Outcome] = {"ok": "all", "partial": "partly", "fallback": "none", "refused": "refused"}
_TELLING_STAGES = ("runtime", "delegate", "load", "allocate")  # before anything has run


class Key(NamedTuple):
    """What makes two cells of different runs the same, but for the runtime."""

    sha256: str  # of the variant's file
    device: str
    delegate: str
    options: str


Seen = Mapping[Key, Sequence[Observed]]
"""What runs saw, oldest first."""


def collect(documents: Iterable[Document]) -> Seen:
    """All cells of stored runs (oldest first) that say what a delegate took."""
    seen: dict[Key, list[Observed]] = {}
    for document in documents:
        files = {(variant.model, variant.name): variant.sha256 for variant in document.variants}
        devices = {device.name: device for device in document.devices}
        for row in document.cells:
            sha256, device = files.get((row.model, row.variant)), devices.get(row.device)
            options = None if device is None else _options(device, row.delegate)
            if sha256 is None or device is None or options is None or not _tells(row):
                continue
            key = Key(sha256, row.device, row.delegate, options)
            seen.setdefault(key, []).append(_observation(document.run_id, row, device))
    return seen


def find(
    seen: Seen, sha256: str | None, device: str, delegate: DelegateSpec, runtime: Runtime
) -> Observed | None:
    """The latest observation of a cell; in this runtime, if that makes a difference to what is taken."""
    if sha256 is None:
        return None
    any_runtime = not needs_runtime(delegate.name)
    key = Key(sha256, device, delegate.name, _as_text(delegate.name, delegate.options))
    matching = [
        found
        for found in seen.get(key, ())
        if any_runtime or found.runtime == (runtime.name, runtime.version)
    ]
    return matching[-1] if matching else None


def _options(device: DeviceState, delegate: str) -> str | None:
    """The options that a device's delegate was used with; None if the run does not say."""
    for used in () if device.profile is None else device.profile.delegates:
        if used.name == delegate:
            return _as_text(delegate, used.options)
    return None


def _as_text(delegate: str, options: JsonObject) -> str:
    """Options as one text, the same for a profile and for what a run stored of it."""
    known = ACCELERATORS.get(delegate)
    immaterial = () if known is None else known.immaterial
    return json.dumps(
        plain_object({key: value for key, value in options.items() if key not in immaterial}), sort_keys=True
    )


def _tells(row: Row) -> bool:
    """True for a cell that was measured with a count of ops, or refused when loaded or compiled.

    An error in an inference may have any cause.
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
