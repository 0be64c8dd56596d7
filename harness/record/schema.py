"""The JSON Schemas of documents, made from their types; `python -m harness.record.schema` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.record.comparison import Comparison
from harness.record.document import Document
from harness.record.forecast import Forecast
from harness.record.history import History
from harness.record.plain import JsonObject
from harness.record.site import Site

FILE = Path(__file__).with_name("run.schema.json")
COMPARISON_FILE = Path(__file__).with_name("comparison.schema.json")
SITE_FILE = Path(__file__).with_name("site.schema.json")
FORECAST_FILE = Path(__file__).with_name("forecast.schema.json")
HISTORY_FILE = Path(__file__).with_name("history.schema.json")
_OF: Mapping[Path, tuple[type, str]] = {
    FILE: (Document, "qbench's run.json"),
    COMPARISON_FILE: (Comparison, "qbench compare --format json"),
    SITE_FILE: (Site, "data.json of qbench site"),
    FORECAST_FILE: (Forecast, "qbench run --dry-run --json"),
    HISTORY_FILE: (History, "qbench history --json"),
}


def schema(file: Path = FILE) -> JsonObject:
    """Return the JSON Schema 2020-12 that a shipped file holds."""
    kind, title = _OF[file]
    made = msgspec.json.schema(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}


def text(file: Path = FILE) -> str:
    """Return the text of a shipped schema file."""
    return json.dumps(schema(file), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in _OF:
        path.write_text(text(path), encoding="utf-8")
