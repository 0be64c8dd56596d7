"""The oldest release that runs a model, and the ops that make it so."""

from __future__ import annotations

from typing import Any

from harness.accelerators import loading
from harness.tflite import ModelInfo


def needs(model: ModelInfo) -> dict[str, Any] | None:
    """{release, ops}: the first TensorFlow Lite release with all its op versions; None without ops.

    Those of other subgraphs count. Ops that the table of releases does not have are newer than all of it:
    `release` is None then. `int16` is true of an op that asks for more than its version says, because its
    tensors are int16.
    """
    written = loading.needed(model)
    if not written:
        return None
    found = {key: loading.since(*key) for key in written}
    unknown = sorted(key for key, release in found.items() if release is None)
    newest = max((release for release in found.values() if release is not None), default=())
    because = unknown or sorted(key for key, release in found.items() if release == newest)
    return {
        "release": None if unknown else ".".join(map(str, newest)),
        "ops": [
            {"op": op, "version": version, "int16": version > written[op, version]} for op, version in because
        ],
    }
