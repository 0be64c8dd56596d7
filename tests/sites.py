"""Stores of many runs, made of a stored one, for sites of results."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DIGITS = Path(__file__).parent / "fixtures" / "runs" / "20261121-173645-115-ebef"
Change = Callable[[int, dict[str, Any]], None]
TABLES = ("samples.csv.gz", "launches.csv")


def leave(number: int, document: dict[str, Any]) -> None:
    """Change nothing."""


def make_runs(results: Path, count: int, change: Change = leave) -> list[str]:
    """Make runs of digits, a day apart, of two revisions per branch; returns their ids, the oldest first."""
    made = json.loads((DIGITS / "run.json").read_text("utf-8"))
    ids = []
    for number in range(count):
        start = datetime(2026, 9, 1, 12, tzinfo=UTC) + timedelta(days=number)
        document = copy.deepcopy(made)
        document["run_id"] = f"{start:%Y%m%d-%H%M%S}-000-{number:04x}"
        document["started_at"] = f"{start:%Y-%m-%dT%H:%M:%S}.000Z"
        revision = hashlib.sha1(str(number // 2).encode(), usedforsecurity=False).hexdigest()
        branch = "main" if number % 3 else "topic"
        document["git"] = {"revision": revision, "branch": branch, "dirty": number == 1}
        document["tags"] = {"board": f"pi{number % 2}"}
        change(number, document)
        folder = results / document["run_id"]
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(document), "utf-8")
        for name in TABLES:
            shutil.copy(DIGITS / name, folder / name)
        ids.append(document["run_id"])
    return ids


def cells_of(data: dict[str, Any], **wanted: object) -> list[dict[str, Any]]:
    """The cells of data.json with these names."""
    return [cell for cell in data["cells"] if all(cell[key] == value for key, value in wanted.items())]
