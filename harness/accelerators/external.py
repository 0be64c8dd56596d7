"""external: any delegate library, named in the profile. Only the library knows which ops it runs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from harness.accelerators.base import Accelerator
from harness.accelerators.options import scalars
from harness.config.checks import InvalidValue, text
from harness.record.plain import JsonObject


def _complete(options: JsonObject, folder: Path | None) -> JsonObject:
    if "library" not in options:
        raise InvalidValue('"external" needs a library: { name = "external", library = "libsomething.so" }')
    return options


def _skips(scheme: str, custom_ops: Collection[str]) -> str | None:
    """Return None: the library may be one for compiled models."""
    return None


ACCELERATOR = Accelerator(
    "external",
    "the external delegate",
    options={"library": text, "options": scalars},
    device_files=("library",),
    complete=_complete,
    skips=_skips,
    rules_need_runtime=False,
)
