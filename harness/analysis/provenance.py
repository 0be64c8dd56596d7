"""How variants and devices came to be what they are, as plain JSON types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.quantize import Variant, VariantSet
from harness.store import Device
from harness.tflite import TensorInfo


def of_model(made: VariantSet) -> dict[str, Any]:
    samples = made.fidelity_samples
    return {
        "name": made.model,
        "sha256": made.sha256,
        "source": made.source,
        "fidelity_samples": None if samples is None else asdict(samples),
    }


def of_variant(variant: Variant) -> dict[str, Any]:
    return {
        "model": variant.model,
        "variant": variant.name,
        "scheme": variant.scheme,
        "sha256": variant.sha256,
        "size_bytes": variant.size_bytes,
        "source_sha256": variant.source_sha256,
        "converter": variant.converter,
        "settings": variant.settings,
        "calibration": variant.calibration,
        "inputs": [_tensor(tensor) for tensor in variant.inputs],
        "outputs": [_tensor(tensor) for tensor in variant.outputs],
    }


def _tensor(tensor: TensorInfo) -> dict[str, Any]:
    left_out = {"constant", "values", "sparse"}
    return {key: value for key, value in asdict(tensor).items() if key not in left_out}


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
