"""How variants and devices came to be what they are, as plain JSON types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.quantize import VariantSet
from harness.record import Variant
from harness.store import Device


def of_model(made: VariantSet) -> dict[str, Any]:
    return dict(msgspec.to_builtins(made.model))


def of_variant(variant: Variant) -> dict[str, Any]:
    left_out = {"custom_ops", "warnings"}
    return {key: value for key, value in msgspec.to_builtins(variant).items() if key not in left_out}


def of_device(device: Device) -> dict[str, Any]:
    profile, machine = device.profile, device.machine
    return {
        "name": profile.name,
        "place": profile.place,
        "note": profile.note,
        "problem": device.problem,
        **{key: machine.get(key) for key in ("os", "arch", "cpu", "cores", "memory_bytes")},
        "python": device.python,
        "runtime": device.runtime,
        "runtime_version": device.runtime_version,
        "profile": {
            "python": profile.python,
            "runtime": profile.runtime,
            "delegates": [{"name": d.name, "options": d.options} for d in profile.delegates],
            "threads": profile.threads,
            "affinity": profile.affinity,
            "timeout_s": profile.timeout_s,
            "env": sorted(profile.env),  # names only: values may be secrets
        },
        "facts_before": device.facts_before,
        "facts_after": device.facts_after,
    }


def plain_dict(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Only what JSON knows: settings, facts and quantization come from elsewhere and may hold anything.

    Numbers that are not finite become None, unknown types their text.
    """
    return {str(key): _plain(value) for key, value in mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_dict(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
