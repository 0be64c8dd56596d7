"""The JSON Schema of run.json, made from its types; `python -m harness.record.schema` writes the file."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from harness.record.document import Document
from harness.record.plain import JsonObject

FILE = Path(__file__).with_name("run.schema.json")


def schema() -> JsonObject:
    """Return the JSON Schema 2020-12 of run.json."""
    made = msgspec.json.schema(Document)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "qbench's run.json", **made}


def text() -> str:
    """Return the text of the shipped schema file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
