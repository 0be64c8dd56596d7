"""Stored runs: readable by anyone, whole whatever happens, one clear line when something is wrong."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from harness import store as results
from harness.analysis.rows import document
from harness.errors import ResultsError
from harness.report.table import render
from harness.store import Run, Store
from tests.unit.run_builder import cell, device, measured, run, typical, variant

NOW = datetime(2026, 11, 21, 5, 44, 12, 123_456, UTC)


def save(store: Store, built: Run) -> None:
    store.save(built, document(built))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stored(tmp_path: Path, built: Run | None = None) -> Store:
    store = results.create(tmp_path, "a-run")
    save(store, built or typical())
    return store


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `folder`; skips the test where mounting is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_run_ids_sort_by_time_and_are_unique() -> None:
    times = [NOW + timedelta(milliseconds=137 * n) for n in range(20)]
    ids = [results.new_run_id(now) for now in times]
    assert ids == sorted(ids) and re.fullmatch(r"20261121-054412-123-[0-9a-f]{4}", ids[0])
    assert len({results.new_run_id(NOW) for _ in range(20)}) > 1
    assert results.new_run_id(NOW.astimezone()).startswith("20261121-054412")


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    store = stored(tmp_path)
    expected = document(typical())
    for which in ("a-run", store.folder, store.folder / "run.json", str(store.folder)):
        assert results.load(which, tmp_path) == expected
    assert names(store.folder) == ["copies.csv.gz", "launches.csv", "run.json", "samples.csv.gz"]


def test_pandas_reads_every_raw_sample_in_one_call(tmp_path: Path) -> None:
    built = typical()
    built.cells[0].variant = 'comma, "quote"'
    samples = pd.read_csv(stored(tmp_path, built).folder / "samples.csv.gz")
    columns = [
        "model",
        "variant",
        "delegate",
        "device",
        "threads",
        "launch",
        "block",
        "run_ns",
        "own_ns",
    ]
    assert list(samples) == columns
    assert samples.own_ns.isna().all()
    expected = [
        (c.model, c.variant, c.delegate, c.device, c.threads, m.launch, block, ns)
        for c in built.cells
        for m in c.measurements
        for block, values in enumerate(m.blocks_ns)
        for ns in values
    ]
    assert list(samples[columns[:-1]].itertuples(index=False, name=None)) == expected


def test_launches_carry_what_samples_do_not(tmp_path: Path) -> None:
    launches = pd.read_csv(stored(tmp_path).folder / "launches.csv")
    assert len(launches) == sum(len(c.measurements) for c in typical().cells)
    assert set(launches["init_ns"]) == {3_000_000} and set(launches["first_ns"]) == {2_000_000}
    assert set(launches["affinity"]) == {1} and set(launches["runtime"]) == {"ai-edge-litert"}


def test_saving_after_each_answer_stores_each_sample_once(tmp_path: Path) -> None:
    built, store = typical(), results.create(tmp_path, "a-run")
    answers = [(c, m) for c in built.cells for m in c.measurements]
    for c in built.cells:
        c.measurements = []
    for number, (c, m) in enumerate(answers, start=1):
        c.measurements.append(m)
        save(store, built)
        assert len(pd.read_csv(store.folder / "samples.csv.gz")) == 20 * number
    assert len(pd.read_csv(store.folder / "launches.csv")) == len(answers)


def test_names_from_file_systems_survive(tmp_path: Path) -> None:
    odd = os.fsdecode(b"m\xff\xc3\xa4\n")  # not UTF-8: a lone surrogate in Python
    built = run([measured(cell(odd, "cpu"), [1.0])], [variant(odd)], [device("cpu")])
    store = stored(tmp_path, built)
    assert results.load("a-run", tmp_path)["cells"][0]["variant"] == odd
    (store.folder / "run.json").read_text(encoding="utf-8")
    assert len(pd.read_csv(store.folder / "samples.csv.gz")) == 20


def test_latest_is_the_newest_that_was_stored(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no runs in .*qbench run"):
        results.latest(tmp_path / "nothing")
    for name in ("20261121-2", "20261121-1"):
        built = typical()
        built.run_id = name
        save(results.create(tmp_path, name), built)
    results.create(tmp_path, "20261121-3")  # ended before anything was stored
    assert results.latest(tmp_path)["run_id"] == "20261121-2"


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    results.create(tmp_path, "a-run").discard()
    assert list(tmp_path.iterdir()) == []


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
        (b'{"schema": true}', "no schema number"),
        (b'{"schema": 1}', "run_id is missing"),
    ],
)
def test_what_is_no_result_document_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ResultsError, match=complaint) as error:
        results.load(tmp_path / "run.json", tmp_path)
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


@pytest.mark.slow
def test_whatever_is_changed_in_a_document_is_refused_or_shown(tmp_path: Path) -> None:
    """By hand, by another tool, by a damaged disk: never an error that is no ResultsError."""
    path = stored(tmp_path).folder / "run.json"
    sound = json.loads(path.read_text())
    sound["cells"] = [sound["cells"][5], sound["cells"][0]]  # one with all there is; its baseline
    sound = {**sound, "models": [], "variants": [], "host": {}}
    refused = 0
    for place in places(sound):
        for value in (None, "x", 5, [], {"a": 1}):
            path.write_text(json.dumps(put(sound, place, value)))
            try:
                render(results.load(path, tmp_path), Console(file=io.StringIO(), width=100))
            except ResultsError as error:
                refused += "\n" not in str(error)
    assert refused > 50


def test_a_complaint_names_the_place(tmp_path: Path) -> None:
    path = stored(tmp_path).folder / "run.json"
    changed = put(json.loads(path.read_text()), ("cells", 2, "latency_ms", "median"), "fast")
    path.write_text(json.dumps(changed))
    with pytest.raises(ResultsError, match=r"cells\[2\]\.latency_ms\.median is not what it should be"):
        results.load(path, tmp_path)


@pytest.mark.parametrize("name", ["no-such-run", "x" * 300])
def test_a_run_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResultsError, match=r"no run|cannot read"):
        results.load(name, tmp_path)


def test_a_run_is_never_stored_over_another(tmp_path: Path) -> None:
    stored(tmp_path)
    with pytest.raises(ResultsError, match="File exists"):
        results.create(tmp_path, "a-run")
    assert results.load("a-run", tmp_path) == document(typical())


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot write results to .*--results"):
        results.create(tmp_path / "file", "a-run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsError, match="Permission denied; choose another folder with --results"):
        results.create(tmp_path, "a-run")


def test_a_read_only_file_system_is_noticed_before_measuring(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "ro,size=64k") as disk,
        pytest.raises(ResultsError, match="Read-only file system; choose another folder with --results"),
    ):
        results.create(disk, "a-run")


def test_a_disk_already_full_is_noticed_before_measuring(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / "ballast").write_bytes(bytes(64 * 1024))
        with pytest.raises(ResultsError, match="No space left on device"):
            results.create(disk, "a-run")
        assert names(disk) == ["ballast"]


@pytest.mark.parametrize("measure_more", [False, True], ids=["document", "samples"])
def test_a_disk_that_fills_up_keeps_what_was_stored(tmp_path: Path, measure_more: bool) -> None:
    """Once so that the samples still fit but the document does not, once so that the samples do not."""
    with mounted(tmp_path / "disk", "size=512k") as disk:
        built = typical()
        store = results.create(disk, "a-run")
        save(store, built)
        before, samples = document(built), pd.read_csv(store.folder / "samples.csv.gz")
        (disk / "ballast").write_bytes(bytes(free_bytes(disk)))
        built.finished_at = "2027-01-01T00:00:00Z"
        if measure_more:
            blocks = [[time.perf_counter_ns() * n % 10**9 for n in range(15_000)]]  # hardly compressible
            measured(built.cells[3], [1.0], blocks=blocks)
        with pytest.raises(ResultsError, match="No space left on device; what was stored before is kept"):
            save(store, built)
        assert results.load("a-run", disk) == before
        assert pd.read_csv(store.folder / "samples.csv.gz").equals(samples)
        assert names(store.folder) == ["copies.csv.gz", "launches.csv", "run.json", "samples.csv.gz"]
        (disk / "ballast").unlink()
        save(store, built)  # once there is room again, nothing is missing and nothing is there twice
        more = 15_000 if measure_more else 0
        assert len(pd.read_csv(store.folder / "samples.csv.gz")) == len(samples) + more
        assert results.load("a-run", disk)["finished_at"] == "2027-01-01T00:00:00Z"


def free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_reading_needs_no_numpy_pandas_or_tensorflow(tmp_path: Path, python: Callable[..., str]) -> None:
    stored(tmp_path)
    code = (
        "import sys, io; from pathlib import Path\n"
        "from rich.console import Console; from harness import store as results\n"
        "from harness.report.table import render\n"
        f"render(results.latest(Path({str(tmp_path)!r})), Console(file=io.StringIO()))\n"
        "print(sorted({'numpy', 'pandas', 'tensorflow'} & set(sys.modules)))"
    )
    assert python("-c", code).strip() == "[]"


def test_the_documented_way_to_read_samples_works(tmp_path: Path, python: Callable[..., str]) -> None:
    folder = stored(tmp_path).folder
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    said = python("-c", re.sub(r"results/[^/]+/", f"{folder}/", example))
    assert re.search(r"dynamic +cpu +cpu +1 +1\.2375\n +xnnpack +xnnpack +1 +0\.6125", said)


@pytest.fixture
def python() -> Callable[..., str]:
    import sys

    def call(*arguments: str) -> str:
        root = Path(__file__).parents[2]
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout

    return call


def test_the_document_is_plain_utf8_json(tmp_path: Path) -> None:
    built = typical()
    built.models[0].variants[0].settings["note"] = "größe"  # type: ignore[index]
    path = stored(tmp_path, built).folder / "run.json"
    text = path.read_text(encoding="utf-8")
    assert "größe" in text and json.loads(text)["schema"] == 1
