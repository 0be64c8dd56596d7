"""The result document's JSON Schema, made from its types; `python -m harness.record.schema` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from harness.record.document import Document

FILE = Path(__file__).with_name("run.schema.json")


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of run.json."""
    made = msgspec.json.schema(Document)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "qbench's run.json", **made}


def text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
