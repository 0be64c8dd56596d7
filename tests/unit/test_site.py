"""`qbench site` on stored runs: its data, the page without scripts, raw files, damage."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

import qbench
from harness import analysis, store
from harness.cli import app
from harness.errors import ResultsError
from harness.record import schema
from harness.session.site import Request, publish
from tests.sites import DIGITS, cells_of, make_runs
from tests.unit.stores import store_of

HOSTILE = '</script><img src=x onerror="alert(1)"><script>alert(2)//\u202e\x1b[31m'
SHOWN = '</script><img src=x onerror="alert(1)"><script>alert(2)// [31m'


def site(results: Path, out: Path, *arguments: object) -> Result:
    """Run the command; its errors are raised."""
    done = CliRunner().invoke(
        app, ["site", "--results", str(results), "--out", str(out), *map(str, arguments)]
    )
    if done.exception is not None:
        raise done.exception
    return done


def data_of(out: Path) -> dict:
    return json.loads((out / "data.json").read_text("ascii"))


class Page(HTMLParser):
    """The tags of a page, the cells of its table's lines, and the text of each element with raw text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.lines: list[list[str]] = []
        self.raw: list[str] = []
        self.policy = ""
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.lines.append([])
        if tag == "td":
            self._inside = True
            self.lines[-1].append("")
        found = dict(attrs)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.lines[-1][-1] += data
        elif data.strip() and self.tags[-1] in ("style", "script"):
            self.raw.append(data)

    @property
    def embedded(self) -> dict:
        return json.loads(next(text for text in self.raw if text.startswith("{")))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_every_cell_has_a_point_per_run_with_the_figures_of_its_run_json(results, out):
    ids = make_runs(results, 3)
    done = site(results, out)
    assert done.stdout == f"{out / 'index.html'}\n"
    data = data_of(out)
    jsonschema.validate(data, json.loads(schema.SITE_FILE.read_text("utf-8")))
    assert [run["run_id"] for run in data["runs"]] == ids and data["stored"] == 3
    rows = json.loads((DIGITS / "run.json").read_text("utf-8"))["cells"]
    assert len(data["cells"]) == len(rows) == 14
    for row in rows:
        names = {key: row[key] for key in ("model", "variant", "delegate", "device", "threads")}
        (cell,) = cells_of(data, **names)
        assert [point["run"] for point in cell["points"]] == [0, 1, 2]
        point = cell["points"][-1]
        assert point["latency_ms"] == pytest.approx(row["latency_ms"]["median"], rel=1e-5)
        if row["baseline"]:
            assert point["baseline"] is True and "speedup" not in point
        else:
            assert point["speedup"]["value"] == pytest.approx(row["speedup"]["value"], rel=1e-5)
            assert data["baselines"][point["speedup"]["over"]] == "float32/cpu@cpu"
        assert (point["status"], point["size_bytes"]) == (row["status"], row["size_bytes"])
        assert [one["code"] for one in cell["messages"]] == [one["code"] for one in row["warnings"]]
        assert cell["figures"] == "measured"


def test_the_page_without_scripts_has_the_newest_figures(results, out):
    def slower(number, document):
        for row in document["cells"]:
            row["latency_ms"]["median"] = 2.0 if number == 2 else 1.0

    make_runs(results, 3, slower)
    site(results, out)
    page = Page((out / "index.html").read_text("utf-8"))
    lines = [line for line in page.lines if line]
    assert len(lines) == 14
    assert {line[5] for line in lines} == {"2.00 ms"}
    assert {line[13] for line in lines} == {"2026-09-03 12:00"}
    int8 = next(line for line in lines if line[1:3] == ["int8", "xnnpack"])
    assert int8[4] == "~ partial" and "6/7" in int8
    assert (
        lines[0][6] == "baseline"
        and int8[6].endswith("over float32/cpu@cpu")
        and int8[14].startswith("main ")
    )


def test_only_the_newest_runs_of_each_cell_are_shown(results, out):
    """A cell that newer runs do not have is kept: the limit is one of each cell."""

    def one_more(number, document):
        if number:
            document["cells"] = [row for row in document["cells"] if row["variant"] != "int16x8"]

    ids = make_runs(results, 5, one_more)
    site(results, out, "--limit", 2)
    data = data_of(out)
    assert [run["run_id"] for run in data["runs"]] == [ids[0], ids[3], ids[4]]
    assert len(cells_of(data, variant="int8")[0]["points"]) == 2
    assert len(cells_of(data, variant="int16x8")[0]["points"]) == 1
    assert {path.name for path in (out / "runs").iterdir()} == {ids[0], ids[3], ids[4]}
    page = (out / "index.html").read_text("utf-8")
    assert "the newest 2 runs are shown; 2 stored runs left out" in page


def test_raw_files_are_copies_and_are_copied_once(results, out):
    (run_id,) = make_runs(results, 1)
    site(results, out)
    copied = out / "runs" / run_id
    assert [path.name for path in copied.iterdir()] == ["run.json"]
    assert (copied / "run.json").read_bytes() == (results / run_id / "run.json").read_bytes()
    before = (copied / "run.json").stat().st_ino
    site(results, out, "--samples")
    assert (copied / "run.json").stat().st_ino == before
    assert {path.name for path in copied.iterdir()} == {"run.json", "samples.csv.gz", "launches.csv"}
    (run,) = data_of(out)["runs"]
    assert (out / run["raw"]).samefile(copied / "run.json")
    assert (out / run["samples"]).samefile(copied / "samples.csv.gz")


def test_a_run_without_an_export_is_derived(results, out):
    (run_id,) = store_of(results, 1)
    site(results, out)
    derived = analysis.document(store.load(results / run_id, results))
    assert (out / "runs" / run_id / "run.json").read_bytes() == store.encode(derived)
    assert len(data_of(out)["cells"]) == len(derived.cells)


def test_files_of_others_stay_and_none_of_ours_is_left_half_done(results, out):
    make_runs(results, 1)
    out.mkdir()
    (out / "CNAME").write_text("example.org")
    (out / "index.html").write_text("old")
    site(results, out)
    assert (out / "CNAME").read_text() == "example.org"
    assert {path.name for path in out.iterdir()} == {"CNAME", "index.html", "data.json", "runs"}


def test_the_page_is_not_touched_if_the_data_can_not_be_written(results, out):
    make_runs(results, 1)
    (out / "data.json").mkdir(parents=True)
    (out / "index.html").write_text("old")
    with pytest.raises(ResultsError, match=r"cannot write .*data\.json"):
        site(results, out)
    assert (out / "index.html").read_text() == "old"


@pytest.mark.parametrize("inside", [".", "site"])
def test_the_store_itself_is_no_place_for_a_site(results, inside):
    make_runs(results, 1)
    with pytest.raises(ResultsError, match="choose another"):
        site(results, results / inside)


def test_an_empty_store_is_an_error_and_leaves_no_page(results, out):
    for make in (False, True):
        if make:
            results.mkdir()
        with pytest.raises(ResultsError, match="no runs with figures"):
            site(results, out)
        assert not (out / "index.html").exists()


def test_damaged_runs_are_named_and_passed_over(results, out):
    ids = [*make_runs(results, 3), *store_of(results, 2)]
    (results / ids[1] / "run.json").write_text("{")
    record = results / ids[3] / "events.jsonl"
    record.write_text(record.read_text().replace('"threads": 1', '"threads": "x"'))  # listed, but not loaded
    (results / "notes").mkdir()
    done = site(results, out)
    assert [run["run_id"] for run in data_of(out)["runs"]] == [ids[0], ids[2], ids[4]]
    said = done.stderr.splitlines()
    assert sum(ids[1] in line for line in said) == 1
    assert sum(ids[3] in line for line in said) == 1
    assert any("notes" in line and "is no run" in line for line in said)


def test_another_machine_under_the_same_profile_has_another_number(results, out):
    def moved(number, document):
        for device in document["devices"]:
            device["cpu"] = "Other" if number == 1 else device["cpu"]
            device["runtime_version"] = f"2.{number}.0"

    make_runs(results, 3, moved)
    site(results, out)
    data = data_of(out)
    (cell,) = cells_of(data, variant="int8", device="cpu")
    setups = [data["setups"][point["setup"]] for point in cell["points"]]
    first, second, third = (setup["machine"] for setup in setups)
    assert first == third != second
    assert [setup["runtime_version"] for setup in setups] == ["2.0.0", "2.1.0", "2.2.0"]


def test_of_a_run_with_two_sides_head_is_shown(results, out):
    def sided(number, document):
        base = json.loads(json.dumps(document["cells"]))
        for side, rows in (("base", base), ("head", document["cells"])):
            for row in rows:
                row["side"], row["id"] = side, f"{row['model']}/{row['variant']}/{row['device']}/{side}"
        for row in base:
            row["latency_ms"]["median"] = 777.0
        document["cells"] += base

    make_runs(results, 2, lambda number, document: sided(number, document) if number else None)
    site(results, out)
    data = data_of(out)
    assert len(data["cells"]) == 14
    assert all(len(cell["points"]) == 2 for cell in data["cells"])
    assert 777.0 not in [point["latency_ms"] for cell in data["cells"] for point in cell["points"]]


def test_hostile_names_stay_text(results, out):
    def named(_, document):
        for row in document["cells"]:
            row["model"] = HOSTILE
        document["tags"] = {HOSTILE: HOSTILE}
        document["git"]["branch"] = HOSTILE
        document["devices"][0]["cpu"] = HOSTILE

    make_runs(results, 1, named)
    shutil.move(results / "20260901-120000-000-0000", results / "100% & #1?.html")
    site(results, out)
    text = (out / "index.html").read_text("utf-8")
    page = Page(text)
    assert page.tags.count("script") == 2 and "img" not in page.tags
    assert all(char.isprintable() or char == "\n" for char in text)
    assert {line[0] for line in page.lines if line} == {SHOWN}
    (run,) = page.embedded["runs"]
    assert run["raw"] == "runs/100%25%20%26%20%231%3F.html/run.json"
    assert data_of(out)["cells"][0]["model"] == HOSTILE  # as it is stored


def test_the_policy_allows_just_the_style_and_the_script(results, out):
    make_runs(results, 1)
    site(results, out)
    page = Page((out / "index.html").read_text("utf-8"))
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in page.raw
        if not text.startswith("{")
    ]
    assert re.findall(r"'sha256-([^']+)'", page.policy) == digests
    assert page.policy.startswith("default-src 'none';") and "unsafe" not in page.policy


def test_what_could_not_be_made_leaves_the_old_page(results, out):
    make_runs(results, 1)
    site(results, out)
    before = (out / "index.html").read_bytes()

    def broken(_: object) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(Request(results, out, 5), broken, lambda _: "{}", print)
    assert (out / "index.html").read_bytes() == before


def test_the_same_from_python(results, out):
    ids = make_runs(results, 2)
    (results / ids[0] / "run.json").write_text("{")
    with pytest.warns(UserWarning, match=f"{ids[0]} is passed over"):
        page = qbench.site(out, results=results, limit=1, samples=True)
    assert page == out / "index.html" and page.is_file()
    assert (out / "runs" / ids[1] / "samples.csv.gz").is_file()


def test_the_schema_is_that_of_the_types():
    assert schema.SITE_FILE.read_text("utf-8") == schema.text(schema.SITE_FILE)
