"""The index of a folder of runs: quick, derived, disposable, and never in the way."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from delegates.stats import tercile
from harness import analysis, store
from harness.record import Git
from harness.session.indexing import list_cells, newest_cells, remember
from harness.store.index import (
    FILE,
    CellFilter,
    Index,
    MachineEntry,
    RunEntry,
    RunFilter,
    cell_entry,
    file,
    using,
)
from harness.store.syncing import sync
from tests.unit.record_builder import document, header, plan, recorded
from tests.unit.stores import ids, listed, make_read_only, mounted, names, store_of

ROOT = Path(__file__).parents[2]
GIT = Git("1" * 40, "main", True)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache, in which an index may be."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("QBENCH_CACHE", str(folder))
    return folder


def no_note(text: str) -> None:
    pytest.fail(f"said: {text}")


def test_a_list_tells_what_a_run_is(tmp_path: Path) -> None:
    recorded(tmp_path, tags={"board": "pi 4"}, git=GIT).close()
    assert listed(tmp_path) == [
        RunEntry(
            run_id="20261121-054412-123-3f9c",
            folder="20261121-054412-123-3f9c",
            started_at="2026-11-21T05:44:12Z",
            finished_at="2026-11-21T05:50:00Z",
            state="interrupted",
            qbench_version="0.1.0",
            models=("digits",),
            devices=("cpu", "xnnpack"),
            cells=5,
            tags={"board": "pi 4"},
            git=GIT,
            machines=(MachineEntry("cpu", cores=2), MachineEntry("xnnpack", cores=2)),
        )
    ]


def test_the_newest_come_first_and_a_limit_counts_from_them(tmp_path: Path) -> None:
    made = store_of(tmp_path, 3)
    assert names(listed(tmp_path)) == made[::-1]
    (tmp_path / made[0]).rename(tmp_path / "zero")  # a name of its own does not make a run younger
    assert names(listed(tmp_path)) == made[::-1]
    newest = using(tmp_path, lambda index: index.runs(RunFilter(), limit=1), no_note)
    assert names(newest) == made[-1:]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "cba"),
        ({"models": ("digits",)}, "cba"),
        ({"models": ("digits", "other")}, "cba"),
        ({"models": ("digit",)}, ""),
        ({"devices": ("xnnpack",)}, "cba"),
        ({"devices": ("gpu",)}, ""),
        ({"tags": {"board": None}}, "ba"),
        ({"tags": {"board": "pi4"}}, "a"),
        ({"tags": {"board": "pi4", "x": "1"}}, ""),
        ({"tags": {"board": None, "x.y": '"'}}, "b"),
        ({"since": "2026-11-02T00:00:00.000Z"}, "cb"),
        ({"until": "2026-11-02T23:59:59.999Z"}, "ba"),
        ({"since": "2026-11-02", "until": "2026-11-03", "tags": {"board": "pi5"}}, "b"),
        ({"revision": "1" * 40}, "a"),
        ({"revision": "11"}, "a"),
        ({"branch": "main"}, "a"),
    ],
)
def test_filters(tmp_path: Path, wanted: dict[str, object], found: str) -> None:
    recorded(tmp_path, "a", started_at="2026-11-01T12:00:00Z", tags={"board": "pi4"}, git=GIT).close()
    tags = {"board": "pi5", "x.y": '"'}
    recorded(tmp_path, "b", started_at="2026-11-02T12:00:00Z", tags=tags).close()
    recorded(tmp_path, "c", started_at="2026-11-03T12:00:00Z").close()
    assert "".join(names(listed(tmp_path, **wanted))) == found


def test_the_state_of_a_run_is_that_of_now(tmp_path: Path) -> None:
    writer = store.create(tmp_path, header())
    assert listed(tmp_path) == []  # nothing is planned yet
    writer.planned(plan())
    for _ in range(2):
        assert [run.state for run in listed(tmp_path)] == ["running"]
    assert list_cells(tmp_path, RunFilter(), CellFilter(), no_note)[1] == []
    writer.close()  # as a kill does
    assert [run.state for run in listed(tmp_path)] == ["cut-short"]
    shutil.rmtree(tmp_path / header().run_id)
    assert listed(tmp_path) == []


def test_the_end_of_a_run_is_found_whatever_follows_it(tmp_path: Path) -> None:
    folder = recorded(tmp_path)
    folder.close()
    with (tmp_path / header().run_id / "events.jsonl").open("ab") as record:
        record.write(b'{"event": "later"}\n{"event": "hal')
    assert [run.state for run in listed(tmp_path)] == ["interrupted"]


@pytest.mark.parametrize("exported", [False, True])
def test_cells_have_the_figures_of_the_table(tmp_path: Path, exported: bool) -> None:
    run_id = store_of(tmp_path, 2)[1]
    run = store.load(run_id, tmp_path)
    derived = analysis.document(run)
    if exported:
        store.export(run, derived, tmp_path / run_id)
    runs, cells = list_cells(tmp_path, RunFilter(), CellFilter(), no_note)
    assert names(runs) == [run_id, ids(2)[0]]
    assert [cell for cell in cells if cell.folder == run_id] == [cell_entry(run_id, r) for r in derived.cells]
    assert len(cells) == 10
    first = cells[0]
    assert (first.model, first.variant, first.delegate) == ("digits", "float32", "cpu")
    assert first.latency_ms == pytest.approx(1.35) and first.floor_ms == pytest.approx(tercile([1.1, 1.65]))
    assert (first.ops_delegated, first.ops_total, first.size_bytes) == (4, 4, 10_000)


def test_cells_are_filtered_by_themselves_and_by_their_runs(tmp_path: Path) -> None:
    made = store_of(tmp_path, 3)
    wanted = CellFilter(variants=("dynamic",), delegates=("cpu", "xnnpack"), devices=("cpu",), threads=(1,))
    _, cells = list_cells(tmp_path, RunFilter(), wanted, no_note)
    assert [cell.folder for cell in cells] == made[::-1]
    assert {(cell.variant, cell.device) for cell in cells} == {("dynamic", "cpu")}
    two = RunFilter(folders=(made[2], made[0], "unknown"))
    _, cells = list_cells(tmp_path, two, CellFilter(devices=("cpu",)), no_note)
    assert [cell.folder for cell in cells[::3]] == [made[2], made[0]]
    assert [cell.id for cell in cells[:3]] == [one.id for one in plan().cells if one.device == "cpu"]


def test_of_the_newest_runs_only_the_cells_are_read(tmp_path: Path) -> None:
    made = store_of(tmp_path, 4)
    wanted = CellFilter(variants=("dynamic",), devices=("cpu",))
    for runs, newest in ((RunFilter(), made[:1:-1]), (RunFilter(folders=tuple(made[:3])), made[2:0:-1])):
        found = newest_cells(tmp_path, runs, wanted, no_note, 2)
        assert names(found.runs) == newest and [cell.folder for cell in found.cells] == newest
        assert found.stored == (4 if runs == RunFilter() else 3)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM runs WHERE estimator = 1").fetchone() == (3,)


def test_the_index_of_an_older_qbench_is_replaced(tmp_path: Path) -> None:
    """Its entries lack something: all runs are read again."""
    made = store_of(tmp_path, 2)
    for name in file.EARLIER:
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / f"{name}-journal").write_bytes(b"x")
    assert names(listed(tmp_path)) == made[::-1]
    assert [path.name for path in tmp_path.glob(".*")] == [FILE]


def test_figures_of_another_estimator_are_derived_again(tmp_path: Path) -> None:
    (run_id,) = store_of(tmp_path, 1)
    wrong = [cell_entry(run_id, document().cells[0])]

    def put(index: Index) -> None:
        sync(index, tmp_path, no_note)
        index.put_figures([(run_id, wrong), ("unknown", wrong)], analysis.ESTIMATOR - 1)

    using(tmp_path, put, no_note)
    run = store.load(run_id, tmp_path)
    assert using(tmp_path, lambda index: index.cells(RunFilter(), CellFilter()), no_note) == wrong
    old = {
        **json.loads(store.encode(analysis.document(run))),
        "estimator": analysis.ESTIMATOR - 1,
        "cells": [],
    }
    (tmp_path / run_id / "run.json").write_text(json.dumps(old))
    _, cells = list_cells(tmp_path, RunFilter(), CellFilter(), no_note)
    assert cells == [cell_entry(run_id, row) for row in analysis.document(run).cells]


def test_a_run_is_remembered_when_it_ends_and_when_it_is_read(tmp_path: Path) -> None:
    run_id, other = store_of(tmp_path, 2)
    derived = analysis.document(store.load(run_id, tmp_path))
    remember(tmp_path / run_id, derived, tmp_path, no_note, only_if_made=True)
    assert not (tmp_path / FILE).exists()
    remember(tmp_path / run_id, derived, tmp_path, no_note)
    remember(tmp_path / other, derived, tmp_path / "elsewhere", no_note)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT folder, estimator FROM runs").fetchall() == [
            (run_id, analysis.ESTIMATOR)
        ]
    remember(tmp_path / other, derived, tmp_path, no_note, only_if_made=True)
    assert len(using(tmp_path, lambda index: index.cells(RunFilter(), CellFilter()), no_note)) == 10


def test_names_that_are_not_utf8_are_spelled_as_in_run_json(tmp_path: Path) -> None:
    odd = os.fsdecode(b"m\xff")
    recorded(tmp_path, planned=plan([odd])).close()
    _, cells = list_cells(tmp_path, RunFilter(), CellFilter(variants=("m\\udcff",)), no_note)
    assert len(cells) == 2


def test_what_is_no_run_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    made = store_of(tmp_path, 2)
    (tmp_path / "plots").mkdir()
    (tmp_path / "notes.txt").write_text("a file")
    (tmp_path / ids(3)[2]).mkdir()  # killed while its files were made
    recorded(tmp_path, "odd", started_at="\ud800").close()
    for name, text in (("broken", "?\n"), ("newer", '{"event": "started", "schema": 99, "header": {}}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.jsonl").write_text(text)
    for _ in range(2):
        skipped = using(tmp_path, lambda index: sync(index, tmp_path, no_note), no_note)
        assert skipped.foreign == ("plots",)
        assert set(skipped.damaged) == {"broken", "newer", "odd"}
        assert "written by a newer qbench (schema 99, this one reads 1)" in skipped.damaged["newer"]
        assert names(listed(tmp_path)) == made[::-1]


def test_there_need_be_no_folder(tmp_path: Path) -> None:
    assert listed(tmp_path / "nothing") == []
    assert not (tmp_path / "nothing").exists()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 100])


def zeros(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)


def wrong_entry(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET entry = '{'")


def missing_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE figures")


@pytest.mark.parametrize("damage", [garbage, cut, zeros, wrong_entry, missing_table])
def test_a_damaged_index_is_made_again_and_said_once(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    store_of(tmp_path, 12)
    before = list_cells(tmp_path, RunFilter(), CellFilter(), no_note)
    damage(tmp_path / FILE)
    notes: list[str] = []
    assert list_cells(tmp_path, RunFilter(), CellFilter(), notes.append) == before
    assert notes == [f"the index {tmp_path / FILE} is damaged; it is made again"]
    assert list_cells(tmp_path, RunFilter(), CellFilter(), no_note) == before


def test_an_index_that_is_lost_is_made_again_without_a_word(tmp_path: Path) -> None:
    made = store_of(tmp_path, 3)
    assert names(listed(tmp_path)) == made[::-1]
    (tmp_path / FILE).unlink()
    notes: list[str] = []
    assert names(listed(tmp_path, notes)) == made[::-1] and not notes


def test_a_read_only_store_has_its_index_in_the_cache(tmp_path: Path, cache: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        made = store_of(disk, 3)
        make_read_only(disk)
        notes: list[str] = []
        assert names(listed(disk, notes)) == made[::-1] and not notes
        assert not (disk / FILE).exists()
        (path,) = cache.rglob(FILE)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_without_a_place_to_write_the_index_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QBENCH_CACHE", str(tmp_path / "file"))
    with mounted(tmp_path / "disk", "size=1m") as disk:
        made = store_of(disk, 3)
        make_read_only(disk)
        assert names(listed(disk)) == made[::-1]


def test_a_full_disk_keeps_nobody_from_reading(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        made = store_of(disk, 3)
        found = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize))
        notes: list[str] = []
        assert names(listed(disk, notes)) == made[::-1] and not notes


def test_an_index_that_somebody_holds_keeps_nobody_from_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store_of(tmp_path, 3)
    assert len(listed(tmp_path)) == 3
    monkeypatch.setattr(file, "_BUSY_S", 0.1)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert names(listed(tmp_path)) == made[::-1]


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python that has imported what the tests use."""
    begin = (
        "import sys; from pathlib import Path\n"
        "from harness import analysis, store; from harness.session.indexing import remember\n"
        "from tests.unit.record_builder import recorded; from tests.unit.stores import *\n"
        "results = Path(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", begin + code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WRITE = """
for number in range(int(sys.argv[3])):
    with recorded(results, f"20261121-0544{number:02d}-123-{int(sys.argv[2]):04x}") as writer:
        run = writer.run()
        remember(writer.folder, analysis.document(run), results, print)
"""


@pytest.mark.slow
def test_ten_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [python(WRITE, tmp_path, number, 8) for number in range(10)]
    for writer in writers:
        assert writer.communicate(timeout=120) == ("", "") and writer.returncode == 0
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert Index(connection).is_sound()
        assert connection.execute("SELECT count(*) FROM runs WHERE estimator = 1").fetchone() == (80,)
        assert connection.execute("SELECT count(*) FROM figures").fetchone() == (400,)
    assert len(listed(tmp_path)) == 80


LIST = "notes = []; print(len(listed(results, notes)), len(notes))"


@pytest.mark.slow
def test_several_that_find_an_index_damaged_make_one(tmp_path: Path) -> None:
    store_of(tmp_path, 20)
    listed(tmp_path)
    for _ in range(3):
        zeros(tmp_path / FILE)
        readers = [python(LIST, tmp_path) for _ in range(4)]
        said = [reader.communicate(timeout=60) for reader in readers]
        assert {out.split()[0] for out, _ in said} == {"20"}, said
        assert len(listed(tmp_path)) == 20
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            assert Index(connection).is_sound()


@pytest.mark.slow
@pytest.mark.parametrize("of", ["index", "upgrade"])
def test_a_kill_at_any_moment_leaves_a_sound_index(of: str) -> None:
    """A few of the kills of `python -m benchmarks.kills`, which says what is checked."""
    command = [sys.executable, "-m", "benchmarks.kills", "--of", of, "--count", "8", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 kills" in done.stdout
