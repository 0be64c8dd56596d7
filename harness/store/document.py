"""The result document as a file: run.json, and what --json writes."""

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
_LARGEST = 1 << 62  # as on the wire: no count, size or time comes near it


def encode(document: Document) -> bytes:
    """UTF-8 JSON, a line per value.

    A file name that is not UTF-8 reaches Python as lone surrogates; as \\udcXX they are valid JSON.
    """
    text = json.dumps(plain_struct(document), indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def read_document(path: Path) -> Document:
    """The result document in a file. Raises ResultsError, one line, for anything else."""
    try:
        found = parse(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is not a result document: {error}") from None
    check_schema(found, path, SCHEMA, "a result document")
    try:
        return msgspec.convert(found, Document)
    except msgspec.ValidationError as error:
        raise ResultsError(f"{path} is not a result document: {where_and_what(error)}") from None


def check_schema(found: Any, path: Path, newest: int, what: str) -> None:
    """Raises ResultsError where the schema's number is missing or newer: of a newer one nothing is known."""
    schema = found.get("schema") if isinstance(found, dict) else None
    if type(schema) is not int:
        raise ResultsError(f"{path} is not {what}: it has no schema number")
    if schema > newest:
        raise ResultsError(
            f"{path} was written by a newer qbench (schema {schema}, this one reads {newest}); "
            "update qbench to read it"
        )


def parse(data: bytes) -> Any:
    """The JSON in some bytes, numbers finite and of human size. Raises ValueError or RecursionError."""
    return json.loads(
        data.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded
    )


def where_and_what(error: msgspec.ValidationError) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.cells[2].threads`", the place first and without quotes."""
    found = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", str(error), re.DOTALL)
    what, where = (error, None) if found is None else found.groups()
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
