"""What a GPU takes: LiteRT's own accelerator, or the classic delegate library that a profile names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from delegates.wire import Runtime
from harness.inspect import ModelInfo
from harness.predict import OpVerdict, Prediction, Verdict, all_alike, loading
from harness.predict.ops import OpView, sized_while_running, views
from harness.predict.partition import kept, largest_part

_STATIC = "fix the batch size: build the model on an input of shape (1, …)"
_MOST_DIMENSIONS = 4  # batch, height, width and channels


def predict(model: ModelInfo, runtime: Runtime, options: Mapping[str, Any]) -> Prediction:
    library = options.get("library")
    target = str(library or f"{runtime.name} {runtime.version}")
    refusal = loading.refusal(model, runtime)
    if library is None and runtime.name != "ai-edge-litert":
        reason = f"{runtime.name} has no GPU accelerator of its own"
        verdict = OpVerdict(Verdict.LEFT, reason, "the runtime", "use ai-edge-litert, or name a library")
        return all_alike(model, "gpu", target, verdict, refusal)
    seen = views(model)
    late = next((view for view in seen if sized_while_running(view)), None)
    if late is not None:
        reason = f"{late.name} makes a tensor whose size is known only while running; GPUs want fixed sizes"
        verdict = OpVerdict(Verdict.UNCERTAIN, reason, "delegates want static-sized tensors", _STATIC)
        return all_alike(model, "gpu", target, verdict, refusal)
    single = [_library(view) if library else _accelerator(view, runtime) for view in seen]
    final = kept(model, [v.verdict for v in single], largest_part)
    ops = tuple(_after_cut(own, v) for own, v in zip(single, final, strict=True))
    settled = Verdict.UNCERTAIN not in final
    return Prediction("gpu", target, ops, int(Verdict.TAKEN in final) if settled else None, refusal)


@cache
def rules() -> dict[str, Any]:
    """gpu.toml as it stands."""
    return tomllib.loads(resources.files("harness.predict").joinpath("gpu.toml").read_text("utf-8"))


def _accelerator(view: OpView, runtime: Runtime) -> OpVerdict:
    rule = rules()["accelerator"]
    source = rule["source"]
    if view.name in rule["unsupported"]:
        return OpVerdict(
            Verdict.LEFT, "Operation is not supported", source, "replace it, or move it to the end"
        )
    if loading.parse_version(runtime.version)[:2] != loading.parse_version(rule["version"]):
        return OpVerdict(Verdict.UNCERTAIN, f"only {rule['version']} was asked", source)
    if view.op.custom or view.name not in rule["supported"]:
        return OpVerdict(Verdict.UNCERTAIN, "not documented, and not tried", source)
    return _unfit(view, rule["types"], source) or OpVerdict(Verdict.TAKEN, source=source)


def _library(view: OpView) -> OpVerdict:
    rule = rules()["library"]
    most, source = rule["ops"].get(view.name), rule["source"]
    if view.op.custom or most is None:
        return OpVerdict(
            Verdict.LEFT, "Operation is not supported", source, "replace it, or move it to the end"
        )
    if most and view.op.version > most:
        reason = f"version {view.op.version}; at most {most} is supported"
        return OpVerdict(Verdict.LEFT, reason, source, "convert with an older TensorFlow")
    return _unfit(view, rule["types"], source, Verdict.LEFT) or OpVerdict(Verdict.TAKEN, source=source)


def _unfit(
    view: OpView, types: Sequence[str], source: str, verdict: Verdict = Verdict.UNCERTAIN
) -> OpVerdict | None:
    """Types and ranks; `verdict` is how sure that is."""
    odd = sorted({t.dtype for t in view.activations} - set(types))
    if odd:
        return OpVerdict(verdict, f"{' and '.join(odd)} tensors", source, "convert with float16 or int8")
    deep = max((len(t.shape) for t in (*view.inputs, *view.outputs)), default=0)
    if deep > _MOST_DIMENSIONS:
        return OpVerdict(verdict, f"{deep} dimensions; at most {_MOST_DIMENSIONS} are supported", source)
    return None


def _after_cut(own: OpVerdict, final: Verdict) -> OpVerdict:
    """The verdict once the largest part of the graph has been kept."""
    if own.verdict is final or final is Verdict.TAKEN:
        return own
    if final is Verdict.UNCERTAIN:
        return OpVerdict(final, "depends on ops that are uncertain", own.source)
    if own.verdict is Verdict.LEFT:
        return own
    reason = "supported, but not in the largest part of the graph: only that goes to the GPU"
    return OpVerdict(final, reason, own.source, "replace the ops that are not taken, or move them to the end")
