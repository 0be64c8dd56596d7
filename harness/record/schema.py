"""The JSON Schema of the result document. `python -m harness.record.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from harness.record.document import Document

FILE = Path(__file__).with_name("run.schema.json")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of run.json, generated from its types."""
    generated = msgspec.json.schema(Document)
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "qbench's run.json", **generated}


def text() -> str:
    """Return the text of the schema file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
