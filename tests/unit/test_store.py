"""The record of a run: whole whatever happens, readable by anyone, one clear line when something is wrong."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from msgspec import structs

from harness import store
from harness.errors import ResultsError
from harness.record import Done, FailedVariant, Pending, Refused, Run, Skipped, events
from tests.unit.record_builder import (
    RUN_ID,
    document,
    header,
    launch,
    launches,
    plan,
    random_launch,
    recorded,
)
from tests.unit.record_builder import cell as cell_of
from tests.unit.stores import mounted

NOW = datetime(2026, 11, 21, 5, 44, 12, 123_456, UTC)
RECORD = ["events.jsonl", "outputs.bin", "samples.bin"]
EXPORTED = ["copies.csv.gz", "events.jsonl", "launches.csv", "outputs.bin", "run.json"]
EXPORTED += ["samples.bin", "samples.csv.gz"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stored(tmp_path: Path, run_id: str = RUN_ID, planned: events.Planned | None = None) -> Path:
    """The folder of a run that has ended, and was not exported."""
    with recorded(tmp_path, run_id, planned) as writer:
        assert writer.problem is None
    return writer.folder


def exported(tmp_path: Path, planned: events.Planned | None = None) -> Path:
    folder = stored(tmp_path, planned=planned)
    store.export(store.load(folder, tmp_path), document(), folder)
    return folder


@pytest.fixture
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "spare"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_run_ids_sort_by_time_and_are_unique() -> None:
    times = [NOW + timedelta(milliseconds=137 * n) for n in range(20)]
    ids = [store.new_run_id(now) for now in times]
    assert ids == sorted(ids) and re.fullmatch(r"20261121-054412-123-[0-9a-f]{4}", ids[0])
    assert len({store.new_run_id(NOW) for _ in range(20)}) > 1
    assert store.new_run_id(NOW.astimezone()).startswith("20261121-054412")


def test_what_is_loaded_is_what_was_recorded(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    run = store.load(RUN_ID, tmp_path)
    assert names(folder) == RECORD
    assert run.header == header() and run.exported is None
    assert (run.finished_at, run.interrupted, run.damage) == ("2026-11-21T05:50:00Z", True, ())
    planned = plan()
    assert (run.models, run.variants, run.failed) == (planned.models, planned.variants, planned.failed)
    measured = [(cell.cell.id, one) for cell in run.cells for one in cell.launches]
    assert sorted(measured, key=repr) == sorted(launches(planned), key=repr)
    assert not any(cell.damage for cell in run.cells)


def test_a_cell_holds_what_it_consists_of_and_how_it_ended(tmp_path: Path) -> None:
    stored(tmp_path)
    run = store.load(RUN_ID, tmp_path)
    first, second, compiled, _, failed = run.cells
    assert first.cell.variant is run.variants[0] and first.cell.device is run.devices[0]
    assert first.cell.delegate.options == {"power": 1}
    assert first.cell.expected == plan().cells[0].expected
    assert compiled.cell.artifact == plan().cells[2].artifact
    assert isinstance(failed.cell.variant, FailedVariant) and failed.ended == Skipped("not asked for")
    assert first.ended == Done() and compiled.ended == Pending()
    assert isinstance(second.ended, Refused) and second.ended.worker is not None
    assert second.ended.worker.stderr == "oh\nno"


def test_what_machines_said_is_put_onto_their_devices(tmp_path: Path) -> None:
    stored(tmp_path)
    cpu, xnnpack = store.load(RUN_ID, tmp_path).devices
    assert (cpu.os, cpu.cores, cpu.arch) == ("Linux", 4, None)
    assert (cpu.facts_before, cpu.facts_after) == ({"load_1min": 0.1}, {"load_1min": 0.4})
    assert (cpu.problem, xnnpack.problem) == (None, "the link was lost")
    assert xnnpack.facts_after == {}


def test_facts_before_a_run_count_once(tmp_path: Path) -> None:
    """A machine that was lost says them again when it is back."""
    with store.create(tmp_path, header()) as writer:
        writer.planned(plan())
        for load in (0.1, 0.9):
            writer.system_facts(events.SystemFacts(("cpu",), "before", {}, {"load_1min": load}))
    assert store.load(RUN_ID, tmp_path).devices[0].facts_before == {"load_1min": 0.1}


@pytest.mark.parametrize("file", ["", "run.json", "events.jsonl"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_run_is_named_by_its_folder_or_a_file_in_it(
    tmp_path: Path, file: str, kind: Callable[[str], str | Path]
) -> None:
    folder = exported(tmp_path)
    run = store.load(RUN_ID, tmp_path)
    assert store.load(kind(str(folder / file)), tmp_path / "elsewhere") == run
    assert store.find(kind(str(folder / file)), tmp_path / "elsewhere") == folder


def test_a_document_alone_is_a_run_without_launches(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.json"
    shutil.copy(exported(tmp_path) / "run.json", copy)
    run = store.load(copy, tmp_path)
    assert run.exported == document() and run.header.run_id == RUN_ID
    assert [cell.launches for cell in run.cells] == [()]
    with pytest.raises(ResultsError, match="the raw samples can't be read"):
        store.load(copy, tmp_path, launches=True)


def test_objects_from_elsewhere_become_plain_json(tmp_path: Path) -> None:
    settings = {1: float("nan"), "path": Path("a/b"), "deep": {"x": (1, {2})}}
    planned = plan(["float32"])
    planned = structs.replace(planned, variants=(structs.replace(planned.variants[0], settings=settings),))
    with store.create(tmp_path, header()) as writer:
        writer.planned(planned)
    read = store.load(RUN_ID, tmp_path).variants[0].settings
    assert read == {"1": None, "path": "a/b", "deep": {"x": [1, [2]]}}


def test_pandas_reads_every_raw_sample_in_one_call(tmp_path: Path) -> None:
    planned = plan(['comma, "quote"'])
    samples = pd.read_csv(exported(tmp_path, planned) / "samples.csv.gz")
    columns = ["model", "variant", "delegate", "device", "threads", "launch", "block", "run_ns", "own_ns"]
    assert list(samples) == columns
    expected = [
        ("digits", 'comma, "quote"', name, name, 1, one.launch, block, ns)
        for name in ("cpu", "xnnpack")
        for cell_id, one in launches(planned)
        if name in cell_id
        for block, values in enumerate(one.blocks_ns)
        for ns in values
    ]
    assert list(samples[columns[:-1]].itertuples(index=False, name=None)) == expected
    of_cpu = samples[samples.delegate == "cpu"]
    assert (of_cpu.own_ns == of_cpu.run_ns - 7).all()
    assert samples[samples.delegate == "xnnpack"].own_ns.isna().all()


def test_launches_carry_what_samples_do_not(tmp_path: Path) -> None:
    folder = exported(tmp_path)
    found = pd.read_csv(folder / "launches.csv")
    assert len(found) == len(list(launches(plan())))
    assert set(found["init_ns"]) == {3_000_000} and set(found["first_ns"]) == {2_000_000}
    assert set(found["affinity"]) == {"0 1"} and set(found["runtime"]) == {"ai-edge-litert"}
    assert set(found["peak_memory_bytes"]) == {50_000_000, 50_000_001, 50_000_002}
    assert set(found["launcher"]) == {0}
    copies = pd.read_csv(folder / "copies.csv.gz")
    assert copies.run_ns.tolist() == [4_000_000, 5_000_000] * len(found)


def test_records_from_before_launchers_are_read(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    events_file = folder / "events.jsonl"
    events_file.write_text(re.sub(r', ?"launcher": ?\d+', "", events_file.read_text()))
    kept = [one for cell in store.load(folder, tmp_path).cells for one in cell.launches]
    assert [one.launcher for one in kept] == [None] * len(list(launches(plan())))


def test_names_from_file_systems_survive(tmp_path: Path) -> None:
    odd = os.fsdecode(b"m\xff\xc3\xa4\n")  # not UTF-8: a lone surrogate in Python
    folder = exported(tmp_path, plan([odd]))
    assert store.load(RUN_ID, tmp_path).cells[0].cell.variant.name == odd
    (folder / "events.jsonl").read_text(encoding="utf-8")
    assert len(pd.read_csv(folder / "samples.csv.gz")) == 2 * 3 * 20


def test_latest_is_the_newest_that_was_planned(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no runs in .*qbench run"):
        store.load("latest", tmp_path / "nothing")
    for name in ("20261121-2", "20261121-1"):
        stored(tmp_path, name)
    store.create(tmp_path, header("20261121-3")).close()  # ended before anything was planned
    (tmp_path / "20261121-4").mkdir()
    (tmp_path / "20261121-4" / "events.jsonl").write_bytes(b"")
    assert store.load("latest", tmp_path).header.run_id == "20261121-2"
    assert [run.header.run_id for run in store.load_all(tmp_path)] == ["20261121-1", "20261121-2"]
    with pytest.raises(ResultsError, match=r"20261121-3: nothing was planned"):
        store.load("20261121-3", tmp_path)


def test_one_damaged_run_does_not_cost_the_others(tmp_path: Path) -> None:
    stored(tmp_path, "1")
    (stored(tmp_path, "2") / "events.jsonl").write_bytes(b"?\n")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "run.json").write_text("{}")
    (tmp_path / "4").mkdir()
    (tmp_path / "5").write_text("a file")
    assert [run.header.run_id for run in store.load_all(tmp_path)] == ["1"]
    assert store.load_all(tmp_path / "nothing") == []
    notes: list[str] = []
    assert store.load("latest", tmp_path, note=notes.append).header.run_id == "1"
    assert [note.partition(" is passed over: ")[0] for note in notes] == ["3", "2"]


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    store.create(tmp_path, header()).discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no-such-run", "x" * 300, "a\0b"])
def test_a_run_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResultsError, match=r"no run|cannot read"):
        store.load(name, tmp_path)


def test_a_run_is_never_stored_over_another(tmp_path: Path) -> None:
    stored(tmp_path)
    before = store.load(RUN_ID, tmp_path)
    with pytest.raises(ResultsError, match="File exists"):
        store.create(tmp_path, header())
    assert store.load(RUN_ID, tmp_path) == before


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot write results to .*--results"):
        store.create(tmp_path / "file", header())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsError, match="Permission denied; choose another folder with --results"):
        store.create(tmp_path, header())


def test_a_read_only_file_system_is_noticed_before_measuring(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "ro,size=64k") as disk,
        pytest.raises(ResultsError, match="Read-only file system; choose another folder with --results"),
    ):
        store.create(disk, header())


def test_a_disk_already_full_is_noticed_before_measuring(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / "ballast").write_bytes(bytes(64 * 1024))
        with pytest.raises(ResultsError, match="No space left on device"):
            store.create(disk, header())
        assert names(disk) == ["ballast"]


def fill(disk: Path) -> None:
    found = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize))


def fresh(folder: Path) -> tuple[store.Writer, list[str]]:
    """A run on its way, and its cells."""
    writer = store.create(folder, header())
    writer.planned(plan())
    return writer, [cell.id for cell in plan().cells]


def test_a_disk_that_fills_up_keeps_what_was_stored(tmp_path: Path) -> None:
    """Whatever does not fit is tried again with the next event."""
    with mounted(tmp_path / "disk", "size=256k") as disk:
        writer, cells = fresh(disk)
        made = [random_launch(cells[0], number, 1) for number in range(6)]
        writer.launched(cells[0], made[0])
        sizes = {path.name: path.stat().st_size for path in writer.folder.iterdir()}
        fill(disk)
        for one in made[1:4]:
            writer.launched(cells[0], one)
        assert writer.problem is not None
        assert re.fullmatch(
            r"cannot write results to .*: No space left on device; what was stored before is kept",
            writer.problem,
        )
        kept = store.load(RUN_ID, disk)
        assert list(kept.cells[0].launches) == made[: len(kept.cells[0].launches)] and not kept.damage
        assert sizes["samples.bin"] <= (writer.folder / "samples.bin").stat().st_size
        (disk / "ballast").unlink()
        for one in made[4:]:  # once there is room again, nothing is missing and nothing is there twice
            writer.launched(cells[0], one)
        writer.finished("2026-11-21T05:50:00Z", False)
        writer.close()
        assert writer.problem is None and writer.folder.parent == disk
        assert list(store.load(RUN_ID, disk).cells[0].launches) == made


def test_a_disk_that_stays_full_costs_no_measurement(tmp_path: Path, spare: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k") as disk:
        writer, cells = fresh(disk)
        made = [random_launch(cells[0], number, 1) for number in range(6)]
        writer.launched(cells[0], made[0])
        fill(disk)
        for one in made[1:]:
            writer.launched(cells[0], one)
        writer.finished("2026-11-21T05:50:00Z", False)
        run = store.load(writer.folder, disk)
        assert writer.folder.is_relative_to(spare) and writer.folder.name == RUN_ID
        assert writer.problem is not None
        assert writer.problem.endswith(f"is kept; everything measured is in {writer.folder}")
        assert list(run.cells[0].launches) == made and run.finished_at == "2026-11-21T05:50:00Z"
        store.export(run, document(), writer.folder)
        writer.close()
        assert names(writer.folder) == EXPORTED
        kept = list(store.load(disk / RUN_ID, disk).cells[0].launches)
        assert kept and kept == made[: len(kept)]


def test_a_full_disk_takes_no_half_export(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k") as disk:
        folder = stored(disk)
        fill(disk)
        with pytest.raises(ResultsError, match="No space left on device; nothing is lost"):
            store.export(store.load(folder, disk), document(), folder)
        assert names(folder) == RECORD


@pytest.mark.parametrize(("failures", "in_place"), [(1, True), (100, False)])
def test_what_a_sync_lost_is_written_again(
    tmp_path: Path, spare: Path, monkeypatch: pytest.MonkeyPatch, failures: int, in_place: bool
) -> None:
    """On a network drive, a full disk may be noticed only then."""
    writer, cells = fresh(tmp_path)
    made = [random_launch(cells[0], number, 1) for number in range(4)]
    record, sync, left = writer.folder, os.fsync, [None] * failures

    def lose(descriptor: int) -> None:
        if not left or not Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(record):
            return sync(descriptor)
        left.pop()
        os.truncate(record / "samples.bin", 0)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    for one in made[:2]:
        writer.launched(cells[0], one)
    monkeypatch.setattr(os, "fsync", lose)
    monkeypatch.setattr("harness.store.writer._SYNC_S", 0.0)
    for one in made[2:]:
        writer.launched(cells[0], one)
    writer.finished("2026-11-21T05:50:00Z", False)
    writer.close()
    assert len(left) < failures
    stored = store.load(writer.folder, tmp_path)
    assert list(stored.cells[0].launches) == made and not stored.damage
    assert writer.folder.is_relative_to(spare) is not in_place
    assert (writer.problem is None) is in_place


def test_no_room_anywhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        writer, cells = fresh(disk)
        fill(disk)
        made = [random_launch(cells[0], number, 1) for number in range(20)]
        for one in made:
            writer.launched(cells[0], one)
        writer.finished("2026-11-21T05:50:00Z", False)
        shown = writer.run()  # what is measured is not lost: it is still in memory
        assert list(shown.cells[0].launches) == made and shown.finished_at == "2026-11-21T05:50:00Z"
        assert writer.problem is not None
        assert "nor can a temporary folder take the run: " in writer.problem
        assert writer.problem.count("temporary") == 1
        assert store.load(writer.folder, disk).finished_at is None
        writer.close()
        assert names(disk) == [RUN_ID, "ballast"] and writer.folder == disk / RUN_ID
        assert writer.problem.count("temporary") == 1


def test_a_folder_that_is_removed_while_the_run_goes_on(tmp_path: Path, spare: Path) -> None:
    writer, cells = fresh(tmp_path / "results")
    writer.launched(cells[0], launch(cells[0], 0))
    shutil.rmtree(tmp_path / "results")
    writer.launched(cells[0], launch(cells[0], 1))
    assert writer.problem is not None and "the folder has been removed" in writer.problem
    writer.close()
    assert list(store.load(writer.folder, spare).cells[0].launches) == [
        launch(cells[0], 0),
        launch(cells[0], 1),
    ]


def test_a_folder_that_is_renamed_while_the_run_goes_on(tmp_path: Path) -> None:
    writer, cells = fresh(tmp_path / "results")
    (tmp_path / "results").rename(tmp_path / "renamed")
    writer.launched(cells[0], launch(cells[0]))
    assert writer.problem is None
    writer.finished("2026-11-21T05:50:00Z", False)
    assert list(writer.run().cells[0].launches) == [launch(cells[0])]
    writer.close()
    assert writer.problem is not None and "results/" + RUN_ID + " has been moved: " in writer.problem
    assert list(store.load(RUN_ID, tmp_path / "renamed").cells[0].launches) == [launch(cells[0])]


def test_several_machines_append_at_once(tmp_path: Path) -> None:
    writer, cells = fresh(tmp_path)

    def measure(cell_id: str) -> None:
        for number in range(10):
            writer.launched(cell_id, random_launch(cell_id, number, 2))

    threads = [threading.Thread(target=measure, args=(cell_id,)) for cell_id in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    for cell in store.load(RUN_ID, tmp_path).cells:
        assert list(cell.launches) == [random_launch(cell.cell.id, number, 2) for number in range(10)]


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    """A thread may be late: the run ended without it."""
    writer, cells = fresh(tmp_path)
    writer.close()
    before = (writer.folder / "events.jsonl").read_bytes()
    writer.launched(cells[0], launch(cells[0]))
    writer.close()
    assert (writer.folder / "events.jsonl").read_bytes() == before


def test_kinds_and_keys_of_newer_versions_are_passed_over(tmp_path: Path) -> None:
    path = stored(tmp_path) / "events.jsonl"
    before = store.load(RUN_ID, tmp_path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [{**line, "newer": {"a": [1]}} for line in lines]
    lines.insert(3, {"event": "unheard", "cell": "x"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert store.load(RUN_ID, tmp_path) == before


def test_a_newer_record_says_update(tmp_path: Path) -> None:
    path = stored(tmp_path) / "events.jsonl"
    path.write_text('{"event": "started", "schema": 2, "all": "different"}\n')
    with pytest.raises(ResultsError, match=r"newer qbench .schema 2, this one reads 1.; update qbench"):
        store.load(RUN_ID, tmp_path)


@pytest.mark.parametrize(
    ("first_line", "complaint"),
    [
        (b"{", "is not a record: line 1: "),
        (b"\xff", "is not a record: line 1: "),
        (b"[1]", "is not a record: it has no schema number"),
        (b'{"event": "started", "schema": 1}', "is not a record: line 1: .*header"),
        (b"[" * 100_000, "is not a record: line 1: "),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path, first_line: bytes, complaint: str) -> None:
    (stored(tmp_path) / "events.jsonl").write_bytes(first_line + b"\n")
    with pytest.raises(ResultsError, match=complaint) as error:
        store.load(RUN_ID, tmp_path)
    assert "\n" not in str(error.value)


def is_prefix(part: Run, whole: Run) -> bool:
    """Whether a run says nothing but what another one says, too."""
    return all(
        one.launches == other.launches[: len(one.launches)] and not one.damage
        for one, other in zip(part.cells, whole.cells, strict=True)
    )


def test_a_record_cut_off_anywhere_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    cell = cell_of("float32", "cpu")
    small = structs.replace(plan(["float32"]), cells=(cell,), failed=())
    with store.create(tmp_path, header()) as writer:
        writer.planned(small)
        for number in range(2):
            writer.launched(cell.id, launch(cell.id, number))
    path, whole = writer.folder / "events.jsonl", store.load(RUN_ID, tmp_path)
    data = path.read_bytes()
    most = 2
    for size in reversed(range(len(data))):
        os.truncate(path, size)
        if data[:size].count(b"\n") < 2:
            with pytest.raises(ResultsError, match=r"nothing was planned"):
                store.load(RUN_ID, tmp_path)
        else:
            run = store.load(RUN_ID, tmp_path)
            assert is_prefix(run, whole) and run.damage == ()
            read = sum(len(cell.launches) for cell in run.cells)
            assert read <= most
            most = read
    assert most == 0


@pytest.mark.parametrize("name", ["samples.bin", "outputs.bin"])
def test_chunks_cut_off_anywhere_lose_what_they_held_and_say_so(tmp_path: Path, name: str) -> None:
    path, whole = stored(tmp_path, planned=plan(["float32"])) / name, store.load(RUN_ID, tmp_path)
    data = path.read_bytes()
    for size in reversed(range(len(data))):
        os.truncate(path, size)
        run = store.load(RUN_ID, tmp_path)
        assert any(cell.damage for cell in run.cells)
        for cell, sound in zip(run.cells, whole.cells, strict=True):
            bare = [dataclasses.replace(one, outputs=[]) for one in cell.launches]
            assert all(one in [dataclasses.replace(m, outputs=[]) for m in sound.launches] for one in bare)


@pytest.mark.parametrize("name", RECORD)
def test_flipped_bits_never_end_in_anything_but_a_run_or_one_line(tmp_path: Path, name: str) -> None:
    path = stored(tmp_path, planned=plan(["float32"])) / name
    chance = random.Random(7)  # noqa: S311 - damage
    data, said = path.read_bytes(), 0
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 1, 3])):
            damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with path.open("r+b") as file:  # as long as before
            file.write(damaged)
        try:
            run = store.load(RUN_ID, tmp_path)
            said += bool(run.damage) or any(cell.damage for cell in run.cells)
        except ResultsError as error:
            said += "\n" not in str(error)
    assert said > 50 if name == "events.jsonl" else said == 200


def rewritten(path: Path, **changes: object) -> None:
    """The record with the first `launched` event changed."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    event = next(line for line in lines if line["event"] == "launched")
    event.update(changes)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_damaged_launch_is_lost_and_the_others_are_not(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    whole = store.load(RUN_ID, tmp_path)
    data = bytearray((folder / "samples.bin").read_bytes())
    data[3] ^= 1
    (folder / "samples.bin").write_bytes(data)
    cell, *others = store.load(RUN_ID, tmp_path).cells
    assert cell.damage == ("launch 0 can't be read from samples.bin: its checksum differs",)
    assert cell.launches == whole.cells[0].launches[1:]
    assert tuple(others) == whole.cells[1:]


def test_damaged_outputs_cost_no_samples(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    whole = store.load(RUN_ID, tmp_path)
    (folder / "outputs.bin").unlink()
    cell = store.load(RUN_ID, tmp_path).cells[0]
    assert cell.damage == ("its outputs can't be read from outputs.bin: No such file or directory",)
    assert cell.launches[0].blocks_ns == whole.cells[0].launches[0].blocks_ns
    assert cell.launches[0].outputs == []


@pytest.mark.parametrize(
    "changes",
    [
        {"block_sizes": [1 << 60]},
        {"block_sizes": [-5, 25]},
        {"block_sizes": [10, 10, 1]},
        {"end_to_end": -1},
        {"samples": {"offset": -9, "size_bytes": 9, "crc32": 0}},
        {"samples": {"offset": 0, "size_bytes": 1 << 60, "crc32": 0}},
        {"samples": {"offset": 0, "size_bytes": 0, "crc32": 0}},
    ],
)
def test_sizes_that_can_not_be_are_no_launch(tmp_path: Path, changes: dict[str, object]) -> None:
    rewritten(stored(tmp_path) / "events.jsonl", **changes)
    cell = store.load(RUN_ID, tmp_path).cells[0]
    assert len(cell.launches) == 2 and cell.damage[0].startswith("launch 0 can't be read from samples.bin: ")


@pytest.mark.parametrize("shape", [[1 << 40], [-1, -2], [1 << 20, 1 << 20, 0, 1 << 60], [3]])
def test_shapes_that_can_not_be_are_no_outputs(tmp_path: Path, shape: list[int]) -> None:
    path = stored(tmp_path) / "events.jsonl"
    lines = map(json.loads, path.read_text().splitlines())
    outputs = next(line["outputs"] for line in lines if line["event"] == "launched")
    rewritten(path, outputs=[{**outputs[0], "shape": shape}])
    cell = store.load(RUN_ID, tmp_path).cells[0]
    assert len(cell.launches) == 3 and cell.launches[0].outputs == [] and len(cell.damage) == 1


def test_what_unpacks_to_more_than_it_says_fills_no_memory(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    bomb = zlib.compress(bytes(1 << 26), 1)
    (folder / "samples.bin").write_bytes(bomb)
    chunk = {"offset": 0, "size_bytes": len(bomb), "crc32": zlib.crc32(bomb)}
    rewritten(folder / "events.jsonl", samples=chunk)
    tracemalloc.start()
    cell = store.load(RUN_ID, tmp_path).cells[0]
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert cell.damage[0] == "launch 0 can't be read from samples.bin: its size differs"


def test_events_of_cells_that_were_not_planned_are_named(tmp_path: Path) -> None:
    rewritten(stored(tmp_path) / "events.jsonl", cell="nobody's")
    run = store.load(RUN_ID, tmp_path)
    assert run.damage == ("line 4 of events.jsonl can't be read",)
    assert len(run.cells[0].launches) == 2


def test_a_run_is_exported_by_readers_only_when_it_is_over(tmp_path: Path) -> None:
    writer, cells = fresh(tmp_path)
    writer.launched(cells[0], launch(cells[0]))
    run = store.load(RUN_ID, tmp_path)
    assert not store.export_if_over(run, document(), writer.folder)
    assert names(writer.folder) == RECORD
    writer.close()
    assert store.export_if_over(run, document(), writer.folder)
    assert names(writer.folder) == EXPORTED
    assert store.read_document(writer.folder / "run.json") == document()
    assert not store.export_if_over(run, document(), writer.folder)


def test_a_reader_exports_nothing_but_what_is_recorded(tmp_path: Path) -> None:
    """The run went on after the reader had loaded it, and was killed then."""
    writer, cells = fresh(tmp_path)
    run = store.load(RUN_ID, tmp_path)
    writer.launched(cells[0], launch(cells[0]))
    writer.close()
    assert not store.export_if_over(run, document(), writer.folder)
    assert names(writer.folder) == RECORD


def test_an_export_clears_away_what_a_killed_one_left(tmp_path: Path) -> None:
    folder = stored(tmp_path)
    for name in ("run.json.tmp", "samples.csv.gz.tmp"):
        (folder / name).write_bytes(b"half")
    assert store.export_if_over(store.load(RUN_ID, tmp_path), document(), folder)
    assert names(folder) == EXPORTED


def test_an_older_export_is_made_anew(tmp_path: Path) -> None:
    folder = exported(tmp_path)
    os.utime(folder / "run.json", (1, 1))
    assert store.export_if_over(store.load(RUN_ID, tmp_path), document(), folder)


def test_a_folder_that_can_not_be_written_is_only_read(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k") as disk:
        folder = stored(disk)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        run = store.load(RUN_ID, disk)
        assert len(run.cells[0].launches) == 3
        assert not store.export_if_over(run, document(), folder)
        assert names(folder) == RECORD


def test_a_run_without_a_record_is_exported_by_nobody(tmp_path: Path) -> None:
    folder = exported(tmp_path)
    (folder / "events.jsonl").unlink()
    assert not store.export_if_over(store.load(RUN_ID, tmp_path), document(), folder)


@pytest.fixture
def python() -> Callable[..., str]:
    def call(*arguments: str) -> str:
        root = Path(__file__).parents[2]
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout

    return call


def test_writing_and_reading_need_no_numpy_pandas_or_tensorflow(
    tmp_path: Path, python: Callable[..., str]
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.record_builder import document, recorded; from harness import store\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "with recorded(folder) as writer: pass\n"
        "run = store.load('latest', folder); store.export(run, document(), writer.folder)\n"
        "(writer.folder / 'events.jsonl').unlink()\n"
        "store.load(writer.folder, folder, launches=True)\n"
        "print(sorted({'numpy', 'pandas', 'tensorflow'} & set(sys.modules)))"
    )
    assert python("-c", code).strip() == "[]"


def test_the_documented_way_to_read_samples_works(tmp_path: Path, python: Callable[..., str]) -> None:
    folder = exported(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    said = python("-c", re.sub(r"results/[^/]+/", f"{folder}/", example))
    assert re.search(r"dynamic +cpu +cpu +1 +1\.350\n +xnnpack +xnnpack +1 +0\.675", said)
