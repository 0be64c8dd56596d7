"""A model as a plain document: what `qbench inspect` shows and writes as JSON."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict

from harness.record.plain import JsonObject
from harness.tflite import work
from harness.tflite.edgetpu_package import Package, is_compiled, packages
from harness.tflite.model import ModelInfo, OpInfo, TensorInfo


def describe(model: ModelInfo) -> JsonObject:
    """Sizes in bytes, MACs per inference, one entry per op of the primary subgraph.

    `macs` is None for an op that has no such count; the total is of the others, and `macs_at_least` tells
    that some op without a count multiplies, too. `parameters_at_least`: other subgraphs may have some. Of a
    model that is compiled for the Edge TPU neither is known.
    """
    counts = [work.macs(op, model) for op in model.ops]
    known = not is_compiled(model)
    return {
        "scheme": model.scheme,
        "size_bytes": model.size_bytes,
        "description": model.description,
        "min_runtime_version": model.min_runtime_version,
        "subgraphs": model.subgraphs,
        "inputs": [_tensor(tensor) for tensor in model.inputs],
        "outputs": [_tensor(tensor) for tensor in model.outputs],
        "parameters": work.total_parameters(model) if known else None,
        "parameters_at_least": work.calls_others(model),
        "macs": sum(count or 0 for count in counts) if known else None,
        "macs_at_least": any(work.uncounted(op, model) for op in model.ops),
        "op_counts": dict(Counter(op.name for op in model.ops).most_common()),
        "custom_ops": sorted({op.name for op in model.ops if op.custom}),
        "edgetpu": [_package(package) for package in packages(model)],
        "ops": [_op(i, op, model, counts[i]) for i, op in enumerate(model.ops)],
    }


def _op(index: int, op: OpInfo, model: ModelInfo, macs: int | None) -> JsonObject:
    return {
        "index": index,
        "op": op.name,
        "version": op.version,
        "custom": op.custom,
        "inputs": [_tensor(model.tensors[i]) for i in op.inputs],
        "outputs": [_tensor(model.tensors[i]) for i in op.outputs],
        "options": {
            name: value if math.isfinite(value) else str(value) for name, value in op.options.items()
        },
        "macs": macs,
        "parameters": work.parameters(op, model),
    }


def _tensor(tensor: TensorInfo) -> JsonObject:
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "shape_signature": list(tensor.shape_signature),
        "constant": tensor.constant,
        "quantization": _quantization(tensor),
    }


def _quantization(tensor: TensorInfo) -> JsonObject | None:
    """Per tensor with its scale and zero point, or per axis with how many there are."""
    quantization = tensor.quantization
    if quantization is None:
        return None
    if quantization.axis is not None:
        return {"per": "axis", "axis": quantization.axis, "scales": len(quantization.scales)}
    return {
        "per": "tensor",
        "scales": 1,
        "scale": quantization.scales[0] if math.isfinite(quantization.scales[0]) else None,
        "zero_point": quantization.zero_points[0],
    }


def _package(package: Package) -> JsonObject:
    return {
        **asdict(package),
        "cached_bytes": package.cached_bytes,
        "streamed_bytes": package.streamed_bytes,
    }
