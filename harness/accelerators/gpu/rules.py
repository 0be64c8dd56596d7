"""Predict what a GPU runs: with LiteRT's accelerator, or the classic delegate library of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from msgspec import Struct

from delegates.wire import Runtime
from harness.accelerators import loading
from harness.accelerators.gpu.checks import CHECKS, dimensions, read_twice
from harness.accelerators.ops import OpView, sized_while_running, unpacked, unpacks, views
from harness.accelerators.partition import kept, largest_part
from harness.accelerators.prediction import OpVerdict, Prediction, Refusal, Verdict, all_alike, joined
from harness.accelerators.tables import OpNames, read_table
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo
from harness.versions import release

_STATIC = "fix the batch size: build the model on an input of shape (1, …)"
_REPLACE = "replace it, or move it to the end"
_REPLACE_OTHERS = "replace the ops that are not delegated"
_OLDER = "convert with an older TensorFlow"
_INT8 = "convert with float16 or int8"


class AcceleratorRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What LiteRT's own accelerator was seen to support; see gpu.toml."""

    source: str
    version: str
    supported: OpNames
    unsupported: OpNames
    types: frozenset[str]
    bool_ops: OpNames
    unsupported_as_int16: OpNames
    supported_as_int16: OpNames
    versions: dict[str, int]
    most: dict[str, int]


class LibraryRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What the classic delegate library supports; see gpu.toml."""

    source: str
    types: frozenset[str]
    ops: dict[str, int]  # the highest version of each, 0: any


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """gpu.toml."""

    accelerator: AcceleratorRules
    library: LibraryRules


def predict(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    """Predict which ops of a model the GPU will run."""
    library = options.get("library")
    target = str(library or f"{runtime.name} {runtime.version}")
    refusal = loading.refusal(model, runtime) or _several(model)
    if library is None and runtime.name != "ai-edge-litert":
        reason = f"{runtime.name} has no GPU accelerator of its own"
        verdict = OpVerdict(
            Verdict.NOT_DELEGATED, reason, "the runtime", "use ai-edge-litert, or name a library"
        )
        return all_alike(model, "gpu", target, verdict, refusal)
    seen = unpacked(views(model))
    late = next((view for view in seen if sized_while_running(view)), None)
    if late is not None:
        reason = f"{late.name} makes a tensor whose size is known only while running; GPUs want fixed sizes"
        verdict = OpVerdict(Verdict.UNCERTAIN, reason, "delegates want static-sized tensors", _STATIC)
        return _without_fallback(all_alike(model, "gpu", target, verdict, refusal), options)
    single = [_library(view) if library else _accelerator(view, runtime) for view in seen]
    final = _kept(model, seen, [v.verdict for v in single])
    ops = tuple(_after_cut(*each) for each in zip(seen, single, final, strict=True))
    settled = Verdict.UNCERTAIN not in final
    partitions = int(Verdict.DELEGATED in final) if settled else None
    return _without_fallback(Prediction("gpu", target, ops, partitions, refusal), options)


def _kept(model: ModelInfo, seen: Sequence[OpView], single: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts once only the largest part of the graph is kept.

    Ops that unpack float16 weights belong to no part, and are delegated only if all other ops are: as in
    FP16GraphPartitionHelper of tflite/delegates/utils.cc, and as observed.
    """
    half = [unpacks(view) and view.inputs[0].dtype == "float16" for view in seen]
    ops = (
        replace(op, outputs=()) if unpacking else op for op, unpacking in zip(model.ops, half, strict=True)
    )
    alone = [Verdict.NOT_DELEGATED if unpacking else v for v, unpacking in zip(single, half, strict=True)]
    final = kept(replace(model, ops=tuple(ops)), alone, largest_part)
    others = {verdict for verdict, unpacking in zip(final, half, strict=True) if not unpacking}
    worst = next((v for v in (Verdict.NOT_DELEGATED, Verdict.UNCERTAIN) if v in others), Verdict.DELEGATED)
    return [worst if unpacking else verdict for verdict, unpacking in zip(final, half, strict=True)]


def _several(model: ModelInfo) -> Refusal | None:
    if model.subgraphs <= 1:
        return None
    reason = f"the file has {model.subgraphs} subgraphs, which was not tested"
    return Refusal(reason, rules().accelerator.source, certain=False)


def _without_fallback(prediction: Prediction, options: JsonObject) -> Prediction:
    """Return the prediction, refused if the CPU may not help: LiteRT then compiles all of a model or none."""
    refused = prediction.refusal is not None and prediction.refusal.certain
    if refused or "library" in options or options.get("fallback", True):
        return prediction
    left, unsure = prediction.count(Verdict.NOT_DELEGATED), prediction.count(Verdict.UNCERTAIN)
    if not left + unsure:
        return prediction
    reason = (
        f"{left + unsure} of {prediction.total} ops are {'not' if left else 'perhaps not'} delegated,"
        " and with fallback = false there is nothing else to run them"
    )
    refusal = Refusal(reason, rules().accelerator.source, "fallback = true", certain=left > 0)
    return replace(prediction, refusal=refusal)


@cache
def rules() -> Rules:
    """Read gpu.toml."""
    return read_table("harness.accelerators.gpu", "gpu.toml", Rules)


def _accelerator(view: OpView, runtime: Runtime) -> OpVerdict:
    rule = rules().accelerator
    source = rule.source
    if release(runtime.version)[:2] != release(rule.version):
        return OpVerdict(Verdict.UNCERTAIN, f"only {rule.version} was tested", source)
    if view.name in rule.unsupported:
        return OpVerdict(Verdict.NOT_DELEGATED, "Operation is not supported", source, _REPLACE)
    if view.op.custom or view.name not in rule.supported:
        return OpVerdict(Verdict.UNCERTAIN, "not documented, and not tested", source)
    if not view.inputs or not view.outputs:
        return OpVerdict(Verdict.UNCERTAIN, "it has no inputs or no outputs", source)
    checks = (dimensions, read_twice, *CHECKS.get(view.name, ()))
    decided = (
        _of_version(view, rule),
        _of_types(view, rule),
        *(check(view, source) for check in checks),
    )
    found = [verdict for verdict in decided if verdict is not None]
    left = next((verdict for verdict in found if verdict.verdict is Verdict.NOT_DELEGATED), None)
    return left or next(iter(found), OpVerdict(Verdict.DELEGATED, source=source))


def _of_version(view: OpView, rule: AcceleratorRules) -> OpVerdict | None:
    most = rule.most.get(view.name)
    if most is not None and view.op.version > most:
        reason = f"Max version supported: {most}. Requested version {view.op.version}."
        return OpVerdict(Verdict.NOT_DELEGATED, reason, rule.source, _OLDER)
    tested = max(rule.versions.get(view.name, 0), rules().library.ops.get(view.name) or 2)
    if view.op.version <= tested:
        return None
    return OpVerdict(Verdict.UNCERTAIN, f"version {view.op.version} was not tested", rule.source)


def _of_types(view: OpView, rule: AcceleratorRules) -> OpVerdict | None:
    kinds = {tensor.dtype for tensor in view.activations}
    if view.name in rule.bool_ops:
        kinds.discard("bool")
    odd = sorted(kinds - rule.types)
    if odd == ["int64"] and view.name == "ARG_MAX":
        return OpVerdict(Verdict.NOT_DELEGATED, "Tensor type(INT64) is not supported", rule.source)
    if odd == ["int16"]:
        if view.name in rule.supported_as_int16:
            return None
        known = view.name in rule.unsupported_as_int16
        verdict = Verdict.NOT_DELEGATED if known else Verdict.UNCERTAIN
        return OpVerdict(verdict, "Tensor type(INT16) is not supported", rule.source, _INT8)
    if not odd:
        return None
    return OpVerdict(Verdict.UNCERTAIN, f"{joined(odd)} tensors were not tested", rule.source)


def _library(view: OpView) -> OpVerdict:
    rule = rules().library
    most, source = rule.ops.get(view.name), rule.source
    if view.op.custom or most is None:
        return OpVerdict(Verdict.NOT_DELEGATED, "Operation is not supported", source, _REPLACE)
    if most and view.op.version > most:
        reason = f"Max version supported: {most}. Requested version {view.op.version}."
        return OpVerdict(Verdict.NOT_DELEGATED, reason, source, _OLDER)
    odd = sorted({tensor.dtype for tensor in view.activations} - rule.types)
    if odd:
        return OpVerdict(Verdict.NOT_DELEGATED, f"{joined(odd)} tensors are not supported", source, _INT8)
    return dimensions(view, source) or OpVerdict(Verdict.DELEGATED, source=source)


def _after_cut(view: OpView, own: OpVerdict, final: Verdict) -> OpVerdict:
    """Return the verdict on an op once only the largest part of the graph is kept."""
    if own.verdict is final or final is Verdict.DELEGATED:
        return own
    if final is Verdict.UNCERTAIN:
        return OpVerdict(final, "depends on ops that are uncertain", own.source)
    if own.verdict is Verdict.NOT_DELEGATED:
        return own
    if view.name == "DEQUANTIZE" and unpacks(view):
        reason = "weights are unpacked on the GPU only if it runs the whole model"
        return OpVerdict(final, reason, own.source, _REPLACE_OTHERS)
    reason = "supported, but not in the largest part of the graph: only that goes to the GPU"
    return OpVerdict(final, reason, own.source, f"{_REPLACE_OTHERS}, or move them to the end")
