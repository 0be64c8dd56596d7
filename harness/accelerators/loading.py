"""Predict whether a runtime loads a model: from the versions of its ops, and its custom ops."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

from msgspec import Struct

from delegates.wire import Runtime
from harness.accelerators.prediction import Refusal, joined
from harness.accelerators.tables import Releases, read_table
from harness.tflite import ModelInfo, OpInfo
from harness.tflite.edgetpu_package import CUSTOM_OP
from harness.versions import Version, release

SOURCE = "runtime_version.cc of google-ai-edge/LiteRT"
_CUSTOM_SOURCE = "register.cc of google-ai-edge/LiteRT and TensorFlow"

# Custom ops in the runtimes' builtin resolver (`AddCustom` in register.cc).
_KNOWN_CUSTOM = frozenset({"TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"})

# Custom ops that the runtimes have no kernels for, but some delegates do.
XNNPACK_CUSTOM = frozenset({"Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D"})

# LiteRT left TensorFlow's repository after 2.17; of LiteRT 2.3 all ops were tested.
_LITERT_KNOWS_AT_LEAST: Version = (2, 17)
_LITERT_TESTED: Version = (2, 3)
_NEWEST: Version = (9,)


class OpVersions(Struct, frozen=True, forbid_unknown_fields=True):
    """op_versions.toml: the versions of ops that runtimes know."""

    since: dict[str, Releases]
    int16: dict[str, int]  # the version that brought quantized int16 activations
    registered: dict[str, dict[str, int]]  # runtime and version -> highest versions, where not as in `since`


def since(op: str, version: int) -> Version | None:
    """Return the TensorFlow release that brought a version of an op; None if it is not in the table."""
    releases = _table().since.get(op, ())
    return releases[version - 1] if 0 < version <= len(releases) else None


def needed_version(op: OpInfo, model: ModelInfo) -> int:
    """Return the version whose kernel runs an op: for int16 tensors, converters write the one for int8."""
    tensors = (model.tensors[i] for i in (*op.inputs, *op.outputs))
    if not any(tensor.dtype == "int16" and tensor.quantization is not None for tensor in tensors):
        return op.version
    return max(op.version, _table().int16.get(op.name, 1))


def needed(model: ModelInfo) -> dict[tuple[str, int], int]:
    """Return (builtin op, version it needs) -> version in the file, for the ops of all subgraphs."""
    here = {(op.name, needed_version(op, model)): op.version for op in model.ops if not op.custom}
    return {(name, version): version for name, version in model.elsewhere} | here


def untold(op: str, version: int) -> bool:
    """Return True if the table has a gap at this version of an op, or lacks the op."""
    releases = _table().since.get(op)
    return releases is None or None in releases[max(0, version - 1) : version]


def refusal(model: ModelInfo, runtime: Runtime) -> Refusal | None:
    """Return why `runtime` will not load `model`; None if it will."""
    return (
        _custom_refusal(model, runtime) or _version_refusal(model, runtime) or _kernel_refusal(model, runtime)
    )


def highest(op: str, runtime: Runtime) -> tuple[int, int]:
    """Return the version of an op that a runtime certainly has, and the highest that it may have."""
    version = release(runtime.version)
    if runtime.name != "ai-edge-litert":
        minor = ".".join(map(str, version[:2]))
        exceptions = _table().registered.get(f"{runtime.name} {minor}", {})
        known = exceptions.get(op, _up_to(op, version))
        return known, known
    tested = _table().registered["ai-edge-litert 2.3"].get(op, _up_to(op, _NEWEST))
    if version[:2] == _LITERT_TESTED:
        return tested, tested
    if version[:2] > _LITERT_TESTED:
        return tested, max(tested, 99)
    return min(tested, _up_to(op, _LITERT_KNOWS_AT_LEAST)), tested


@cache
def _table() -> OpVersions:
    return read_table("harness.accelerators", "op_versions.toml", OpVersions)


def _up_to(op: str, known: Version) -> int:
    """Return the highest version of an op in a TensorFlow release; 0 if it lacks the op."""
    releases = enumerate(_table().since.get(op, ()), start=1)
    return max((n for n, first in releases if first and first <= _padded(known, first)), default=0)


def _padded(known: Version, like: Version) -> Version:
    """Pad 2.14 to 2.14.0, to compare it with 2.14.4."""
    return known + (0,) * (len(like) - len(known))


def _version_refusal(model: ModelInfo, runtime: Runtime) -> Refusal | None:
    builtin = needed(model)
    if not release(runtime.version):
        return _of_unknown_version(builtin, runtime) if builtin else None
    limits = {name: highest(name, runtime) for name, _ in builtin}
    refused = sorted(
        (name, version)
        for name, version in builtin
        if version > limits[name][1] and not _in_a_gap(name, version)
    )
    doubtful = sorted((name, version) for name, version in builtin if version > limits[name][0])
    if not doubtful:
        return None
    words = joined([_too_new(*key, builtin[key], limits[key[0]][0]) for key in refused or doubtful])
    verb = "does not know" if refused else "may not know"
    return Refusal(
        f"{runtime.name} {runtime.version} {verb} {words}",
        SOURCE,
        _remedy({key: builtin[key] for key in refused or doubtful}, runtime),
        certain=bool(refused),
    )


def _of_unknown_version(builtin: Collection[tuple[str, int]], runtime: Runtime) -> Refusal:
    first = [since(*key) for key in builtin]
    known = max((version for version in first if version), default=())
    complete = known and all(first)
    words = f"TensorFlow {'.'.join(map(str, known))}" if complete else "a release newer than all known ones"
    reason = f"the version of {runtime.name} is not known; the model's ops came with {words}"
    return Refusal(reason, SOURCE, certain=False)


def _in_a_gap(name: str, version: int) -> bool:
    return name in _table().since and untold(name, version)


def _too_new(name: str, version: int, written: int, known: int) -> str:
    first = since(name, version)
    came = f", which came with TensorFlow {'.'.join(map(str, first))}" if first else ""
    if version > written:
        return f"{name} with int16 tensors{came}"
    return f"{name} version {version} (it has {f'up to {known}' if known else 'no such op'}{came})"


def _remedy(written: Mapping[tuple[str, int], int], runtime: Runtime) -> str:
    """Return what to do about ops that are too new; `written` is as `needed` returns it."""
    newer = "" if runtime.name == "ai-edge-litert" else "use ai-edge-litert"
    if ("FULLY_CONNECTED", 12) in written:
        older = "convert with qbench quantize --for-runtime " + ".".join(
            map(str, release(runtime.version)[:2])
        )
    elif all(version > in_file for (_, version), in_file in written.items()):
        older = "convert with int8"
    else:
        older = "convert with an older TensorFlow"
    return f"{newer}, or {older}" if newer else f"use a newer ai-edge-litert, or {older}"


def _kernel_refusal(model: ModelInfo, runtime: Runtime) -> Refusal | None:
    """Return the refusal for an op of a known version whose kernel does not support its types."""
    if runtime.name != "tflite-runtime":
        return None
    for op in model.ops:
        kinds = [model.tensors[i].dtype for i in op.inputs]
        if op.name == "TRANSPOSE_CONV" and not op.custom and kinds[1:3] == ["int8", "float32"]:
            reason = (
                f"{runtime.name} {runtime.version} has no TRANSPOSE_CONV for int8 weights with float inputs"
            )
            return Refusal(
                reason, "tested with 2.14.0", "use ai-edge-litert, or convert with float16 or int8"
            )
    return None


def _custom_refusal(model: ModelInfo, runtime: Runtime) -> Refusal | None:
    unknown = sorted({op.name for op in model.ops if op.custom and not _resolved(op, runtime)})
    if not unknown:
        return None
    if unknown == [CUSTOM_OP]:
        return Refusal(
            f"it is compiled for the Edge TPU: no kernel for {CUSTOM_OP} without the edgetpu delegate",
            _CUSTOM_SOURCE,
            "run it with the edgetpu delegate, or take the model it was compiled from",
        )
    if XNNPACK_CUSTOM.issuperset(unknown):
        reason = f"only a delegate has kernels for {joined(unknown)}"
        return Refusal(reason, "xnnpack_delegate.cc of google-ai-edge/LiteRT", None, certain=False)
    flex = [name for name in unknown if name.startswith("Flex")]
    remedy = "convert without SELECT_TF_OPS, or use the tensorflow runtime" if flex else None
    return Refusal(
        f"{runtime.name} has no kernel for the custom op{'s' if len(unknown) > 1 else ''} {joined(unknown)}",
        _CUSTOM_SOURCE,
        remedy or "replace the op by builtin ones; qbench registers no kernels of your own",
    )


def _resolved(op: OpInfo, runtime: Runtime) -> bool:
    return op.name in _KNOWN_CUSTOM or (op.name.startswith("Flex") and runtime.name == "tensorflow")
