"""Predict which ops XNNPACK runs, per runtime and version.

Two builds were tested op by op. For versions between them, a verdict is certain if both builds agree. Older
versions do not run what the older build does not run; newer ones run what the newer build runs. All other
verdicts are uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from delegates.wire import Runtime
from harness.accelerators import loading
from harness.accelerators.ops import OpView, sized_while_running, unpacked, unpacks, views
from harness.accelerators.partition import parts
from harness.accelerators.prediction import OpVerdict, Prediction, Verdict
from harness.accelerators.xnnpack import checks as c
from harness.accelerators.xnnpack.builds import Build, builds, others, type_reason
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo
from harness.versions import release

SOURCE = "xnnpack_delegate.cc of google-ai-edge/LiteRT, and tested with the runtime"

_BINARY = (c.activation,)
_SUM = (*_BINARY, c.ratio(2**-10, 256))
_REDUCE = (c.static(1), c.reduction)
_CHECKS: Mapping[str, tuple[c.Check, ...]] = {
    "ADD": _SUM,
    "SUB": _SUM,
    "MUL": (*_BINARY, c.product_ratio),
    "DIV": _BINARY,
    "MAXIMUM": _BINARY,
    "MINIMUM": _BINARY,
    "SQUARED_DIFFERENCE": _BINARY,
    "PRELU": (c.static(1), c.slope),
    "AVERAGE_POOL_2D": (c.pool, c.activation),
    "MAX_POOL_2D": (c.pool, c.activation),
    "BATCH_MATMUL": (c.second_factor,),
    "CONCATENATION": (c.concatenation,),
    "CONV_2D": (c.rank(4), c.static(1, 2), c.bias, c.activation, c.weights_axis(0)),
    "DEPTHWISE_CONV_2D": (c.rank(4), c.static(1, 2), c.bias, c.activation, c.weights_axis(3)),
    "FULLY_CONNECTED": (c.weights_format, c.static(1, 2), c.activation, c.weights_axis(0)),
    "TRANSPOSE_CONV": (c.static(0, 1, 3), c.activation, c.weights_axis(0)),
    "DEPTH_TO_SPACE": (c.block,),
    "SPACE_TO_DEPTH": (c.block,),
    "LEAKY_RELU": (c.leaky_relu,),
    "MEAN": _REDUCE,
    "SUM": _REDUCE,
    "REDUCE_MAX": _REDUCE,
    "REDUCE_MIN": _REDUCE,
    "PAD": (c.static(1), c.dimensions, c.paddings),
    "QUANTIZE": (c.quantize,),
    "RESHAPE": (c.static(1), c.dimensions, c.reshape),
    "RESIZE_BILINEAR": (c.rank(4), c.static(1)),
    "SLICE": (c.static(1, 2), c.dimensions, c.slice_sizes),
    "SOFTMAX": (c.beta,),
    "SPLIT": (c.static(0), c.splits),
    "STRIDED_SLICE": (c.static(1, 2, 3), c.dimensions, c.strided_slice),
    "TRANSPOSE": (c.static(1),),
}
_NOT_SETTLED = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "STABLEHLO_COMPOSITE", "DENSIFY"})
_DELEGATE_NOTHING = {(2, n) for n in range(8)}  # versions; seen with 2.7.0, not with 2.8.0
_TESTED = "tested with the runtime"
_NEWER = "use ai-edge-litert"
_RECURRENT = frozenset(
    {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "WHILE"}
)
_FIX_BATCH = "fix the batch size: build the model on an input of shape (1, …)"


def predict(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    """Predict which ops of a model the XNNPACK of a runtime will run."""
    target = f"{runtime.name} {runtime.version}"
    seen = unpacked(views(model))
    ops = tuple(_of_runtime(model, seen, runtime))
    partitions = None
    if not any(op.verdict is Verdict.UNCERTAIN for op in ops):
        taken = [op.verdict is Verdict.DELEGATED for op in ops]
        partitions = sum(kind for kind, _ in parts(model, taken))
    return Prediction("xnnpack", target, ops, partitions, loading.refusal(model, runtime))


def _of_runtime(model: ModelInfo, seen: Sequence[OpView], runtime: Runtime) -> list[OpVerdict]:
    """Return the verdicts of the build that was tested, else those that follow from its neighbours."""
    version = release(runtime.version)
    if runtime.name == "tflite-runtime" and version[:2] in _DELEGATE_NOTHING:
        reason = f"{runtime.name} {runtime.version} delegates nothing to XNNPACK by itself; 2.8 and newer do"
        return [OpVerdict(Verdict.NOT_DELEGATED, reason, "tested with 2.7.0", "use a newer runtime")] * len(
            seen
        )
    for build in (*builds(), *others()):
        if (build.runtime, build.version) == (runtime.name, version[:2]):
            return _verdicts(model, seen, structs.replace(build, version=version))
    older, newer = (_verdicts(model, seen, build) for build in builds())
    return [_settle(a, b, runtime) for a, b in zip(older, newer, strict=True)]


def _settle(old: OpVerdict, new: OpVerdict, runtime: Runtime) -> OpVerdict:
    """Combine the verdicts for the two builds that were tested to one for this runtime."""
    version = release(runtime.version)[:2]
    first, last = builds()
    older = runtime.name != last.runtime and () < version < first.version
    newer = runtime.name == last.runtime and version > last.version
    agreed = old.verdict is new.verdict
    if older and old.verdict is Verdict.NOT_DELEGATED and (agreed or runtime.name == first.runtime):
        return old
    if (newer and new.verdict is Verdict.DELEGATED) or (agreed and not older and not newer):
        return new
    words = " and ".join(f"{v.verdict} by {b.target}" for b, v in zip(builds(), (old, new), strict=True))
    reason = f"{words}; {runtime.name} {runtime.version} was not tested"
    return replace(new, verdict=Verdict.UNCERTAIN, reason=reason)


def _verdicts(model: ModelInfo, seen: Sequence[OpView], build: Build) -> list[OpVerdict]:
    lost = _whole_loss(seen, build)
    if lost is not None:
        return [lost] * len(seen)
    verdicts = [_verdict(view, build) for view in seen]
    verdicts = [_unpacking(i, seen, verdicts) for i in range(len(seen))]
    if build.integer_graphs or any(t.dtype == "float32" for t in model.tensors):
        return verdicts
    reason = f"{build.target} uses XNNPACK only for models that have a float32 tensor; ai-edge-litert for all"
    none = OpVerdict(Verdict.NOT_DELEGATED, reason, SOURCE, _NEWER)
    return [none if own.verdict is Verdict.DELEGATED else own for own in verdicts]


def _whole_loss(seen: Sequence[OpView], build: Build) -> OpVerdict | None:
    """Return the verdict on all ops if one op makes the build lose all of XNNPACK."""
    late = next((view for view in seen if sized_while_running(view)), None)
    if late is not None and not build.dynamic_graphs:
        reason = (
            f"{late.name} makes a tensor whose size is known only while running, which costs all of XNNPACK"
        )
        return OpVerdict(Verdict.NOT_DELEGATED, reason, SOURCE, f"{_FIX_BATCH}, or {_NEWER}")
    odd = next((why for view in seen if (why := _breaking(view, build))), None)
    if odd is None:
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, f"{odd} costs all of XNNPACK in {build.target}", _TESTED, _NEWER)


def _breaking(view: OpView, build: Build) -> str | None:
    """Return an op that the build accepts although it cannot run it: creating the delegate then fails."""
    if not build.takes_too_much:
        return None
    if view.name == "TRANSPOSE" and view.inputs and c.untransposable(view):
        return f"a TRANSPOSE of {view.inputs[0].dtype}"
    deep = c.dimensions(view, build)
    return f"{view.name} of {deep.partition(';')[0]}" if deep and _reason(view, build) is None else None


def _verdict(view: OpView, build: Build) -> OpVerdict:
    if view.op.custom and view.name not in loading.XNNPACK_CUSTOM:
        return OpVerdict(Verdict.NOT_DELEGATED, "no kernel in XNNPACK for this custom op", SOURCE)
    if view.op.custom or view.name in _NOT_SETTLED:
        return OpVerdict(Verdict.UNCERTAIN, "depends on how the runtime was built", SOURCE)
    reason = _reason(view, build) or c.dimensions(view, build)
    if reason is None:
        if any(t.dtype == "float16" for t in view.activations):
            return OpVerdict(Verdict.UNCERTAIN, "float16 activations were not tested", SOURCE)
        return OpVerdict(Verdict.DELEGATED, source=SOURCE)
    remedy = _remedy(view, build)
    if remedy == _NEWER:
        reason += f"; {builds()[1].runtime} supports it"
    return OpVerdict(Verdict.NOT_DELEGATED, reason, SOURCE, remedy)


def _reason(view: OpView, build: Build) -> str | None:
    checks = _CHECKS.get(view.name, ())
    return type_reason(view, build) or next((why for check in checks if (why := check(view, build))), None)


def _unpacking(index: int, seen: Sequence[OpView], verdicts: Sequence[OpVerdict]) -> OpVerdict:
    """Return the verdict on an op; a DEQUANTIZE of constant weights follows the ops that use them."""
    view = seen[index]
    if not unpacks(view):
        return verdicts[index]
    users = [verdicts[i] for i, other in enumerate(seen) if set(other.op.inputs) & set(view.op.outputs)]
    left = next((user for user in users if user.verdict is not Verdict.DELEGATED), None)
    if left is None:
        return OpVerdict(Verdict.DELEGATED, "unpacked once, beforehand", SOURCE)
    return replace(left, reason="the op that uses these weights is not delegated", remedy=None)


def _remedy(view: OpView, build: Build) -> str | None:
    """Return what to do about an op that is not delegated; None if nothing known helps."""
    newest = builds()[1]
    if view.name in _RECURRENT:
        return "build the layer with unroll=True"
    if any(t.dtype == "int16" for t in view.activations):
        if view.name not in newest.quantized_ops:
            return None
        return "convert with int8 instead of int16x8" + ("" if build.computes_in_8_bit else f", and {_NEWER}")
    if build.runtime != newest.runtime and not (_reason(view, newest) or c.dimensions(view, newest)):
        return _NEWER
    return _FIX_BATCH if sized_while_running(view) else None
