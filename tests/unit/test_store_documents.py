"""Result documents: plain JSON, refused in one line where they are none, and those of older versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from harness import store
from harness.errors import ResultsError
from harness.record import Artifact, Crashed, Done, FailedVariant, Pending, Refused, Skipped, schema
from harness.record.plain import plain_struct
from tests.unit.record_builder import document

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
OLDER = sorted(path.name for path in RUNS.iterdir())
DIGITS = "20261121-173645-115-ebef"
CELL = ["model", "variant", "delegate", "device", "threads"]


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    return path


def test_a_document_is_plain_utf8_json(tmp_path: Path) -> None:
    text = store.encode(document()).decode("utf-8")
    assert "größe" in text and json.loads(text)["schema"] == 1
    assert text.startswith('{\n "schema": 1,\n "run_id": ') and text.endswith("}\n")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a result document"),
        (b"{", "not a result document"),
        (b"\xff\xfe", "not a result document"),
        (b"[" * 100_000, "not a result document"),
        (b"[1]", "no schema number"),
        (b'{"schema": "1"}', "no schema number"),
        (b'{"schema": 99}', "newer qbench .schema 99, this one reads 1.; update"),
        (b'{"schema": 1, "value": NaN}', "NaN is not JSON"),
        (b'{"schema": 1, "value": 1e999}', "1e999 is too large"),
        (b'{"schema": 1, "value": 1%s}' % (b"0" * 30), "is too large"),
        (b'{"schema": true}', "no schema number"),
        (b'{"schema": 1}', "missing key run_id"),
    ],
)
def test_what_is_no_result_document_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ResultsError, match=complaint) as error:
        store.load(tmp_path / "run.json", tmp_path)
    assert "\n" not in str(error.value)


def places(item: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document; of lists only the first item."""
    inside = item.items() if isinstance(item, dict) else enumerate(item[:1]) if isinstance(item, list) else ()
    for key, value in inside:
        yield (*place, key)
        yield from places(value, (*place, key))


def put(document: Any, place: Sequence[Any], value: Any) -> Any:
    changed = json.loads(json.dumps(document))
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return changed


def test_whatever_is_changed_in_a_document_is_refused_or_read(tmp_path: Path) -> None:
    """By hand, by another tool, by a damaged disk: never an error that is no ResultsError."""
    sound = json.loads((RUNS / DIGITS / "run.json").read_text())
    sound = {**sound, "cells": sound["cells"][1:2], "variants": sound["variants"][:1], "host": {}}
    refused = 0
    for place in places(sound):
        for value in (None, "x", 5, {"a": 1}):
            path = written(tmp_path, put(sound, place, value))
            try:
                store.load(path, tmp_path)
            except ResultsError as error:
                refused += "\n" not in str(error)
    assert refused > 100


def test_a_complaint_names_the_place(tmp_path: Path) -> None:
    sound = json.loads((RUNS / DIGITS / "run.json").read_text())
    path = written(tmp_path, put(sound, ("cells", 2, "latency_ms", "median"), "fast"))
    with pytest.raises(ResultsError, match=r"cells\[2\]\.latency_ms\.median: expected float, got str$"):
        store.load(path, tmp_path)


@pytest.mark.parametrize("run_id", OLDER)
def test_older_runs_are_read_as_the_rows_they_hold(run_id: str) -> None:
    """Every key that is there, as it is there; newer keys may come in between."""
    path = RUNS / run_id / "run.json"
    run = store.load(run_id, RUNS)
    assert run.exported is not None
    assert only(json.loads(path.read_text()), json.loads(store.encode(run.exported))) == json.loads(
        path.read_text()
    )
    assert [cell.cell.id for cell in run.cells] == [row.id for row in run.exported.cells]
    assert not any(cell.launches for cell in run.cells)


def only(wanted: Any, found: Any) -> Any:
    """`found` without keys that `wanted` lacks."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: only(value, found[key]) for key, value in wanted.items() if key in found}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [only(one, other) for one, other in zip(wanted, found, strict=True)]
    return found


@pytest.mark.parametrize("run_id", OLDER)
def test_launches_of_older_runs_are_those_of_their_tables(run_id: str) -> None:
    run = store.load(run_id, RUNS, launches=True)
    assert run.exported is not None
    for row, cell in zip(run.exported.cells, run.cells, strict=True):
        samples = [ns for one in cell.launches for block in one.blocks_ns for ns in block]
        if run.finished_at is None and samples:
            continue  # killed between the tables and the document
        assert len(cell.launches) == (row.latency_ms.launches if row.latency_ms else 0)
        assert len(samples) == (row.latency_ms.count if row.latency_ms else 0)
        assert min(samples, default=0) / 1e6 == (row.latency_ms.min if row.latency_ms else 0)
        assert {repr(one.ops) for one in cell.launches} <= {repr(row.ops)}


def test_launches_of_older_runs_hold_every_sample() -> None:
    run = store.load(DIGITS, RUNS, launches=True)
    expected = [
        ("digits", c.cell.variant.name, c.cell.delegate.name, c.cell.device.name, 1, m.launch, block, ns, own)
        for c in run.cells
        for m in c.launches
        for block, values in enumerate(m.blocks_ns)
        for ns, own in zip(values, m.cpu_time_ns[block] if m.cpu_time_ns else [0] * len(values), strict=True)
    ]
    table = pd.read_csv(RUNS / DIGITS / "samples.csv.gz").fillna(0)
    assert sorted(table.itertuples(index=False, name=None)) == sorted(expected)
    copies = pd.read_csv(RUNS / DIGITS / "copies.csv.gz")
    end_to_end = [ns for c in run.cells for m in c.launches for ns in m.end_to_end_ns]
    assert sorted(copies.run_ns) == sorted(end_to_end)
    once = pd.read_csv(RUNS / DIGITS / "launches.csv", float_precision="round_trip")
    columns = {
        "init_ns": "init_ns",
        "first_ns": "first_ns",
        "warmup": "warmup",
        "peak_memory_bytes": "peak_memory_bytes",
        "tick_ns": "timer_resolution_ns",
        "runtime_version": "runtime_version",
    }
    for column, field in columns.items():
        found = sorted(getattr(m, field) for c in run.cells for m in c.launches)
        assert found == sorted(once[column])


@pytest.mark.parametrize(
    ("run_id", "kinds"),
    [
        (DIGITS, {Done}),
        ("20261121-173806-499-d3fb", {Pending}),  # killed
        ("20261121-173811-225-c4cb", {Pending}),  # killed before the first launch
        ("20261121-173828-038-eafd", {Pending}),  # interrupted
        ("20261121-173859-203-1d34", {Refused}),
    ],
)
def test_how_cells_of_older_runs_ended(run_id: str, kinds: set[type]) -> None:
    assert {type(cell.ended) for cell in store.load(run_id, RUNS).cells} == kinds


def test_failures_of_older_runs_keep_what_the_worker_left() -> None:
    run = store.load("20261121-173926-120-d126", RUNS)
    assert run.exported is not None
    for row, cell in zip(run.exported.cells, run.cells, strict=True):
        assert getattr(cell.ended, "worker", None) == row.refusal
        if isinstance(cell.ended, Crashed | Refused | Skipped):
            assert row.reason is not None and row.reason.startswith(cell.ended.reason)
            assert "the launches before" not in cell.ended.reason


def test_variants_of_older_runs_that_could_not_be_made() -> None:
    run = store.load("20261121-174106-902-ac07", RUNS)
    assert {cell.cell.variant.name for cell in run.cells if isinstance(cell.cell.variant, FailedVariant)} == {
        variant.name for variant in run.failed
    }
    assert len(run.failed) == 2


def test_what_older_runs_compiled() -> None:
    run = store.load("20261121-173832-641-852e", RUNS)
    compiled = [cell.cell.artifact for cell in run.cells if cell.cell.artifact is not None]
    assert compiled and all(isinstance(one, Artifact) and one.size_bytes > 0 for one in compiled)


@pytest.mark.parametrize("name", ["samples.csv.gz", "launches.csv", "copies.csv.gz"])
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "nonsense"])
def test_damaged_tables_of_older_runs_are_said_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    for path in (RUNS / DIGITS).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = (tmp_path / name).read_bytes()
    if damage == "missing":
        (tmp_path / name).unlink()
    else:
        nonsense = b"\x1f\x8b" + bytes(range(256))
        broken = {"cut": data[: len(data) // 2 - 3], "empty": b"", "nonsense": nonsense}
        (tmp_path / name).write_bytes(broken[damage])
    with pytest.raises(ResultsError, match="the raw samples can't be read") as error:
        store.load(tmp_path, tmp_path, launches=True)
    assert "\n" not in str(error.value)
    assert store.load(tmp_path, tmp_path).exported is not None


def test_the_shipped_schema_is_that_of_the_types() -> None:
    """`python -m harness.record.schema` writes it."""
    assert schema.FILE.read_text(encoding="utf-8") == schema.text()


def test_documents_are_as_the_schema_says() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema.FILE.read_text(encoding="utf-8")))
    validator.check_schema(validator.schema)
    for run_id in OLDER:
        validator.validate(json.loads((RUNS / run_id / "run.json").read_text(encoding="utf-8")))
    validator.validate(plain_struct(document()))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**plain_struct(document()), "cells": [{"model": "digits"}]})
