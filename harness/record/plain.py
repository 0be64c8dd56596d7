"""Convert values from outside, which may hold anything, to plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

JsonObject = Mapping[str, Any]
"""A JSON object whose keys qbench does not define: a delegate's options, a converter's settings, facts."""


def plain_object(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping as a JSON object: numbers that are not finite become None, unknown types text."""
    return {str(key): _plain(value) for key, value in mapping.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_object(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def plain_struct(record: Any) -> dict[str, Any]:
    """Return a record type as a JSON object, including the values from outside that it holds."""
    built = msgspec.to_builtins(record, str_keys=True, enc_hook=_foreign)
    return plain_object(built)


def _foreign(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
