"""Predict what edgetpu_compiler maps: the ops that edgetpu.toml allows, of one part of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from msgspec import Struct

from delegates.wire import Runtime
from harness.accelerators import loading
from harness.accelerators.edgetpu import cut
from harness.accelerators.edgetpu.checks import CHECKS
from harness.accelerators.edgetpu.resize import CORAL
from harness.accelerators.ops import OpView, sized_while_running, views
from harness.accelerators.prediction import OpVerdict, Prediction, Refusal, Verdict, all_alike, joined
from harness.accelerators.tables import read_table
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo, OpInfo
from harness.tflite.edgetpu_package import CUSTOM_OP, is_compiled, packages
from harness.tflite.work import elements
from harness.versions import Version, release

_ISSUES = "issues of google-coral/edgetpu"
_INTEGER_BORDERS = "make inputs and outputs int8 or uint8"
_FULL_INTEGER = "convert with int8 or uint8 (full integer quantization)"


class CompilerRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the compiler; see edgetpu.toml."""

    name: str
    version: str
    last_known_release: str
    first_unknown_release: str
    activation_types: frozenset[str]
    inner_dimensions: int
    known_bytes: int
    harmless_args: frozenset[str]
    harmless_settings: frozenset[str]
    known_custom_ops: frozenset[str]


class OpRule(Struct, frozen=True, forbid_unknown_fields=True):
    """The conditions on one op: names of checks, each followed by numbers of issues."""

    checks: tuple[str, ...]
    also_types: frozenset[str] = frozenset()


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """edgetpu.toml."""

    compiler: CompilerRules
    ops: dict[str, OpRule]


def predict(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    """Predict which ops edgetpu_compiler will map; read it from the file if the model is compiled."""
    compiler = rules().compiler
    target = f"{compiler.name} {compiler.version}"
    if is_compiled(model):
        return _compiled(model)
    refusal = _refusal(model)
    if refusal is not None and refusal.certain:
        return all_alike(model, "edgetpu", target, OpVerdict(Verdict.NOT_DELEGATED, refusal.reason), refusal)
    ops = cut.one_part(model, [_verdict(view) for view in views(model)])
    settled = not any(op.verdict is Verdict.UNCERTAIN for op in ops)
    partitions = int(any(op.verdict is Verdict.DELEGATED for op in ops)) if settled else None
    return _with_arguments(Prediction("edgetpu", target, ops, partitions, refusal), options)


@cache
def rules() -> Rules:
    """Read edgetpu.toml."""
    return read_table("harness.accelerators.edgetpu", "edgetpu.toml", Rules)


def _compiled(model: ModelInfo) -> Prediction:
    """Return the prediction for a compiled model: its custom ops run on the Edge TPU, all others do not."""
    mapped = OpVerdict(Verdict.DELEGATED, "compiled for the Edge TPU", "the file itself")
    left = OpVerdict(Verdict.NOT_DELEGATED, "the compiler left it on the CPU", "the file itself")
    ops = tuple(mapped if op.custom and op.name == CUSTOM_OP else left for op in model.ops)
    versions = [p.min_runtime_version for p in packages(model) if p.min_runtime_version is not None]
    target = f"Edge TPU runtime {max(versions)} or newer" if versions else "Edge TPU runtime"
    return Prediction("edgetpu", target, ops, sum(op is mapped for op in ops))


def _refusal(model: ModelInfo) -> Refusal | None:
    """Return why the compiler writes no output at all; certain reasons come before uncertain ones."""
    reasons = (_not_quantized, _unparsed, _unresolved, _resizing, _too_large, _several)
    found = [why for reason in reasons if (why := reason(model)) is not None]
    return next((why for why in found if why.certain), next(iter(found), None))


def _with_arguments(prediction: Prediction, options: JsonObject) -> Prediction:
    """Return the prediction, made uncertain if the compiler gets arguments whose effect is not known."""
    strange = _strange(options.get("compiler_args", ()))
    if not strange:
        return prediction
    reason = f"what compiler_args {' '.join(strange)} change is not known"
    verdict = OpVerdict(Verdict.UNCERTAIN, reason, CORAL)
    return replace(prediction, ops=(verdict,) * prediction.total, partitions=None)


def _strange(arguments: Sequence[str]) -> list[str]:
    """Return the arguments that may change what is mapped."""
    compiler, rest = rules().compiler, iter(map(str, arguments))
    harmless = compiler.harmless_args | compiler.harmless_settings
    found = []
    for word in rest:
        if word in compiler.harmless_settings:
            next(rest, None)
        elif word.split("=")[0] not in harmless:
            found.append(word)
    return found


def _unparsed(model: ModelInfo) -> Refusal | None:
    """Return the refusal for ops that are newer than the compiler's own TensorFlow Lite."""
    compiler = rules().compiler
    known, unknown = release(compiler.last_known_release), release(compiler.first_unknown_release)
    newer = sorted({(op.name, op.version) for op in model.ops if not op.custom and _release(op) > known})
    if not newer:
        return None
    certain = [op for op in newer if _release_of(*op) >= unknown and not loading.untold(*op)]
    words = joined([f"{name} version {version}" for name, version in certain or newer])
    if certain:
        reason = f'the compiler cannot parse {words}: "Didn\'t find op for builtin opcode"'
    else:
        reason = f"whether the compiler knows {words} is not documented"
    remedy = f"convert with TensorFlow {compiler.last_known_release} or older, or replace the op"
    return Refusal(reason, f"{_ISSUES} 879, 631, 845, 340", remedy, certain=bool(certain))


def _release(op: OpInfo) -> Version:
    return _release_of(op.name, op.version)


def _release_of(name: str, version: int) -> Version:
    """Return the release that brought an op; one that is not in the table counts as newer than all."""
    return loading.since(name, version) or (99,)


def _not_quantized(model: ModelInfo) -> Refusal | None:
    types = rules().compiler.activation_types
    seen = views(model)
    if any(t.dtype in types for view in seen for t in view.activations) or not seen:
        return None
    return Refusal('"Model not quantized": it has no 8-bit activation', CORAL, _FULL_INTEGER)


def _unresolved(model: ModelInfo) -> Refusal | None:
    known = rules().compiler.known_custom_ops
    custom = sorted({op.name for op in model.ops if op.custom} - known)
    if not custom:
        return None
    reason = f"the compiler runs the model first and has no kernel for the custom op {joined(custom)}"
    return Refusal(
        reason, f'{_ISSUES}, "Model failed in Tflite interpreter"', "replace it by builtin ops", certain=False
    )


def _resizing(model: ModelInfo) -> Refusal | None:
    late = next((view for view in views(model) if sized_while_running(view)), None)
    if late is None:
        return None
    reason = f"{late.name} makes a tensor whose size is known only while running; sizes have to be constant"
    return Refusal(reason, f"{CORAL}; {_ISSUES} 829", "fix the batch size", certain=False)


def _too_large(model: ModelInfo) -> Refusal | None:
    known = rules().compiler.known_bytes
    largest = max((sum(map(elements, view.activations)) for view in views(model)), default=0)
    if largest <= known:
        return None
    reason = (
        f"an op whose inputs and outputs take {largest / 2**20:.1f} MiB may be too large: up to"
        f" {known / 2**20:.0f} MiB compiled in all models seen, beyond that little is known"
    )
    return Refusal(reason, f"{_ISSUES} 439, 449, 508, 653", "use a smaller input", certain=False)


def _several(model: ModelInfo) -> Refusal | None:
    if model.subgraphs <= 1:
        return None
    reason = f"the file has {model.subgraphs} subgraphs; what the compiler does with them is not documented"
    return Refusal(reason, CORAL, "convert a single signature without control flow", certain=False)


def _verdict(view: OpView) -> OpVerdict:
    """Return the verdict on an op by itself."""
    rule = rules().ops.get(view.name)
    if view.name == "DEQUANTIZE":
        return OpVerdict(
            Verdict.NOT_DELEGATED, "it converts to float32, which the CPU does", CORAL, _INTEGER_BORDERS
        )
    if view.op.custom or rule is None:
        return OpVerdict(
            Verdict.NOT_DELEGATED, "the Edge TPU has no such op", CORAL, "replace it, or move it to the end"
        )
    if not view.inputs or not view.outputs:
        return OpVerdict(Verdict.NOT_DELEGATED, "it has no inputs or no outputs", CORAL)
    types = rules().compiler.activation_types | rule.also_types
    wrong = sorted({t.dtype for t in view.activations} - types)
    if wrong:
        return _wrong_type(view, wrong)
    deep = next((t for t in view.activations if _too_deep(t.shape)), None)
    if deep is not None:
        reason = f"a tensor {list(deep.shape)}: only the three innermost dimensions may be larger than 1"
        return OpVerdict(Verdict.NOT_DELEGATED, reason, CORAL, "fix the batch size to 1, or flatten")
    return _checked(view, rule.checks)


def _checked(view: OpView, checks: Sequence[str]) -> OpVerdict:
    """Return the verdict of the first check that fails; one that passes as likely counts if none fails."""
    likely = None
    for name, *issues in map(str.split, checks):
        found = CHECKS[name](view, *issues)
        if found is not None and found.verdict is not Verdict.DELEGATED:
            return found
        likely = likely or found
    return likely or OpVerdict(Verdict.DELEGATED, source=CORAL)


def _wrong_type(view: OpView, wrong: Sequence[str]) -> OpVerdict:
    if view.name == "QUANTIZE":
        reason = f"it converts between {' and '.join([*wrong])} and integers, which the CPU does"
        return OpVerdict(Verdict.NOT_DELEGATED, reason, "seen in public compiled models", _INTEGER_BORDERS)
    reason = f"{joined(wrong)} tensors; int8 and uint8 are supported"
    return OpVerdict(Verdict.NOT_DELEGATED, reason, CORAL, _FULL_INTEGER)


def _too_deep(shape: Sequence[int]) -> bool:
    inner = rules().compiler.inner_dimensions
    return any(size > 1 for size in shape[: max(0, len(shape) - inner)])
