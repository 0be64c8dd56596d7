"""The oldest release of TensorFlow Lite that runs a model, and the ops that make it so."""

from __future__ import annotations

from harness.accelerators import loading
from harness.analysis.compat.document import NeedingOp, Needs
from harness.tflite import ModelInfo


def needs(model: ModelInfo) -> Needs | None:
    """The first release that has all op versions of a model, other subgraphs included; None without ops.

    Ops that are missing in the table of releases are newer than all of it.
    """
    written = loading.needed(model)
    if not written:
        return None
    found = {key: loading.since(*key) for key in written}
    unknown = sorted(key for key, release in found.items() if release is None)
    newest = max((release for release in found.values() if release is not None), default=())
    because = unknown or sorted(key for key, release in found.items() if release == newest)
    return Needs(
        None if unknown else ".".join(map(str, newest)),
        tuple(NeedingOp(op, version, version > written[op, version]) for op, version in because),
    )
