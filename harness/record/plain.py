"""Convert objects that may hold anything to plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

JsonObject = Mapping[str, Any]
"""A JSON object whose keys are not qbench's: a delegate's options, a converter's settings, facts."""


def plain_object(mapping: JsonObject) -> dict[str, Any]:
    """Return a copy that holds only types that JSON has.

    Numbers that are not finite become None, values of unknown types become text.
    """
    return {str(key): _plain(value) for key, value in mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_object(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def plain_struct(record: Any) -> JsonObject:
    """Return a record type as plain JSON, including the foreign objects in it."""
    built = msgspec.to_builtins(record, str_keys=True, enc_hook=_foreign)
    return plain_object(built)


def _foreign(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
