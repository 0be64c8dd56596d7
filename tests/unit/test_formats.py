"""Stores of every format that there was are read for ever; those of a newer qbench are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from harness import analysis, store
from harness.errors import ResultsError
from harness.record import SCHEMA, events
from harness.session.comparing import compare_stored_sides
from harness.session.indexing import list_cells
from harness.session.stored import open_runs
from harness.store.index import CellFilter, RunFilter
from tests.unit.record_builder import document
from tests.unit.stores import listed, store_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORES = sorted(path.name for path in (FIXTURES / "stores").iterdir())
BEFORE_TAGS = ("before-tags", "first-events")


@pytest.fixture
def results(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a store of the fixtures, which nothing writes to."""
    monkeypatch.setenv("QBENCH_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(FIXTURES / request.param, tmp_path / "results"))


@pytest.mark.parametrize("results", [f"stores/{name}" for name in BEFORE_TAGS], indirect=True)
def test_a_record_of_an_earlier_format_has_all_that_was_measured(results: Path) -> None:
    (folder,) = results.iterdir()
    run = store.load("latest", results)
    assert not run.damage and not any(cell.damage for cell in run.cells)
    assert run.header.git is None and run.header.tags == {}
    then = {row["id"]: row for row in json.loads((folder / "run.json").read_text())["cells"]}
    for row in analysis.document(run).cells:
        assert row.latency_ms is not None and row.id is not None
        old = then.pop(row.id)
        assert row.status == old["status"]
        for figure in ("count", "launches", "min", "median", "mean"):
            assert getattr(row.latency_ms, figure) == pytest.approx(old["latency_ms"][figure])
        assert row.size_ratio == pytest.approx(old["size_ratio"])
    assert not then


@pytest.mark.parametrize("results", ["runs", *(f"stores/{name}" for name in STORES)], indirect=True)
def test_an_earlier_store_is_listed_with_all_its_cells(results: Path) -> None:
    notes: list[str] = []
    runs = listed(results, notes)
    assert sorted(run.folder for run in runs) == sorted(path.name for path in results.glob("[!.]*"))
    _, cells = list_cells(results, RunFilter(), CellFilter(base=True), notes.append)
    assert len(cells) == sum(run.cells for run in runs) and not notes
    for run in runs[:5]:
        shown = analysis.document(store.load(run.run_id, results))
        medians = [row.latency_ms and row.latency_ms.median for row in shown.cells]
        assert [cell.latency_ms for cell in cells if cell.folder == run.folder] == medians


@pytest.mark.parametrize("results", ["stores/sides-and-resumed"], indirect=True)
def test_runs_with_sides_and_runs_that_resume_others_open(results: Path) -> None:
    resuming, cut_short, sided = listed(results)
    assert (cut_short.state, resuming.resumes, sided.tags) == (
        "cut-short",
        cut_short.run_id,
        {"board": "pi4"},
    )
    together = open_runs(["latest"], results)
    assert together.document.run_id == f"{cut_short.run_id} + {resuming.run_id}"
    launches = {row.id: row.latency_ms and row.latency_ms.launches for row in together.document.cells}
    assert list(launches.values()) == [8, 7, 5, 8]
    found = compare_stored_sides(open_runs([sided.run_id], results))
    assert found is not None and (found.against, found.head.side) == ("HEAD~1", "head")
    assert [(cell.verdict, cell.clock) for cell in found.cells] == [("same", "wall"), ("slower", "wall")]
    _, cells = list_cells(results, RunFilter(), CellFilter(variants=("int8",)), pytest.fail)
    assert [(cell.folder, cell.side) for cell in cells if cell.delegate == "cpu"] == [
        (resuming.folder, None),
        (cut_short.folder, None),
        (sided.folder, "head"),
    ]


@pytest.mark.parametrize("name", ["events.jsonl", "run.json"])
def test_a_newer_format_is_refused_in_one_line_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    newer, older = store_of(tmp_path, 2)[::-1]
    (tmp_path / newer / "run.json").write_bytes(store.encode(document(newer)))
    if name == "run.json":
        (tmp_path / newer / "events.jsonl").unlink()
    path, schema = tmp_path / newer / name, {"events.jsonl": events.SCHEMA, "run.json": SCHEMA}[name]
    text = path.read_text().replace(f'"schema": {schema}', f'"schema": {schema + 1}', 1)
    path.write_text(text)
    with pytest.raises(ResultsError) as error:
        store.load(newer, tmp_path)
    assert str(error.value) == (
        f"{path} was written by a newer qbench (schema {schema + 1}, this one reads {schema}); "
        "update qbench to read it"
    )
    assert [run.run_id for run in listed(tmp_path)] == [older]
    assert store.load("latest", tmp_path).header.run_id == older


def test_keys_and_events_that_nobody_knows_yet_are_passed_over(tmp_path: Path) -> None:
    """What may be added within a format."""
    (run_id,) = store_of(tmp_path, 1)
    before = store.load(run_id, tmp_path)
    path = tmp_path / run_id / "events.jsonl"
    lines = [json.dumps({**json.loads(line), "new": {"a": 1}}) for line in path.read_text().splitlines()]
    path.write_text("\n".join([*lines[:2], '{"event": "unheard", "of": 1}', *lines[2:]]) + "\n")
    assert store.load(run_id, tmp_path) == before
    assert [run.run_id for run in listed(tmp_path)] == [run_id]


def figures_of(results: Path) -> list[dict[str, object]]:
    """The figures that the index holds of the store `before-tags`, without what was not there yet."""
    cells = list_cells(results, RunFilter(), CellFilter(), print)[1]
    newer = {"side", "shape", "signature"}
    return [{k: v for k, v in msgspec.to_builtins(cell).items() if k not in newer} for cell in cells]


@pytest.mark.parametrize("results", ["stores/before-tags"], indirect=True)
def test_the_estimator_of_this_version_derives_these_figures(results: Path) -> None:
    """Else an index would go on showing figures of before."""
    path = FIXTURES / "estimator" / f"{analysis.ESTIMATOR}.json"
    assert path.exists(), f"write {path}: the JSON of figures_of(results)"
    for found, expected in zip(figures_of(results), json.loads(path.read_text()), strict=True):
        assert found == pytest.approx(expected), "figures have changed: raise ESTIMATOR"
