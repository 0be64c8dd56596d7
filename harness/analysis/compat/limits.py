"""The oldest release of TensorFlow Lite that runs a model, and the ops that decide it."""

from __future__ import annotations

from harness.accelerators import loading
from harness.analysis.compat.document import NeedingOp, Needs
from harness.tflite import ModelInfo


def needs(model: ModelInfo) -> Needs | None:
    """Return the oldest release with all op versions of a model, in all subgraphs; None without ops.

    Ops that are missing from the table of releases count as newer than all of them.
    """
    written = loading.needed(model)
    if not written:
        return None
    since = {key: loading.since(*key) for key in written}
    unknown = sorted(key for key, release in since.items() if release is None)
    newest = max((release for release in since.values() if release is not None), default=())
    because = unknown or sorted(key for key, release in since.items() if release == newest)
    return Needs(
        None if unknown else ".".join(map(str, newest)),
        tuple(NeedingOp(op, version, version > written[op, version]) for op, version in because),
    )
