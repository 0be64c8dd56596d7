"""Write and read the result document: run.json, and the file of --json."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import ResultsError
from harness.record import SCHEMA, Document
from harness.record.plain import plain_struct

RUN_JSON = "run.json"
_LARGEST = 1 << 62  # as on the wire: far above any count, size or time


def encode(document: Document) -> bytes:
    """Encode a document as UTF-8 JSON, one line per value.

    File names that are not UTF-8 hold lone surrogates in Python; they are written as \\udcXX, valid JSON.
    """
    text = json.dumps(plain_struct(document), indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def read_document(path: Path) -> Document:
    """Read the result document in a file. Raises ResultsError if it is none."""
    try:
        raw = parse(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is not a result document: {error}") from None
    check_schema(raw, path, SCHEMA, "a result document")
    try:
        return msgspec.convert(raw, Document)
    except msgspec.ValidationError as error:
        raise ResultsError(f"{path} is not a result document: {where_and_what(error)}") from None


def check_schema(raw: Any, path: Path, newest: int, what: str) -> None:
    """Raise ResultsError if the schema number is missing or newer than `newest`."""
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if type(schema) is not int:
        raise ResultsError(f"{path} is not {what}: it has no schema number")
    if schema > newest:
        raise ResultsError(
            f"{path} was written by a newer qbench (schema {schema}, this one reads {newest}); "
            "update qbench to read it"
        )


def parse(data: bytes) -> Any:
    """Parse JSON with finite numbers below 2**62. Raises ValueError or RecursionError."""
    return json.loads(
        data.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded
    )


def where_and_what(error: msgspec.ValidationError) -> str:
    """Return "cells[2].threads: expected int, got str" for the text of a ValidationError of msgspec."""
    parts = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", str(error), re.DOTALL)
    what, where = (error, None) if parts is None else parts.groups()
    text = str(what).replace("`", "").replace("Object missing required field", "missing key")
    return f"{where}: {text[0].lower()}{text[1:]}" if where else text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _bounded(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(f"{text[:20]}… is too large")
    return number
