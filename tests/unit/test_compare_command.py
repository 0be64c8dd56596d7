"""`qbench compare` on stored runs: exit codes, formats, files, damage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import ConfigError, ResultsError
from harness.record import schema

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs"
NAMES = sorted(path.parent.name for path in RUNS.glob("*/run.json"))
DIGITS, DIGITS_AGAIN = "20261121-173645-115-ebef", "20261121-173657-310-8452"
NET = ["20261121-173737-299-97f8", "20261121-173740-344-7325", "20261121-173743-765-8fab"]


def compare(*arguments: object, results: Path = RUNS, code: int | None = 0):
    done = CliRunner().invoke(
        app, ["compare", *map(str, arguments), "--results", str(results)], env={"COLUMNS": "80"}
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert code in (None, done.exit_code), done.output
    return done


@pytest.fixture
def copied(tmp_path):
    """A folder with the two runs of digits, to be changed."""
    for name in (DIGITS, DIGITS_AGAIN):
        shutil.copytree(RUNS / name, tmp_path / name)
    return tmp_path


def change(folder: Path, changed) -> None:
    """Change the rows of a stored run."""
    path = folder / "run.json"
    document = json.loads(path.read_text("utf-8"))
    for row in document["cells"]:
        changed(row)
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_run_can_be_compared_with_itself(name, tmp_path):
    file, gates = tmp_path / "c.json", ["--fail-over", "5%", "--fail-size", "0%", "--fail-ops", "0"]
    done = compare(name, name, *gates, "--json", file)
    assert "BASE and HEAD are the same run" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    document = json.loads(file.read_text("utf-8"))
    assert {cell["verdict"] for cell in document["cells"]} <= {"same", "undecided", "not_measured"}


def test_the_formats_and_the_files_hold_the_same(tmp_path):
    files = [tmp_path / name for name in ("c.json", "c.md", "c.xml")]
    options = [word for pair in zip(("--json", "--markdown", "--junit"), files, strict=True) for word in pair]
    table = compare(*NET[:2], *options).stdout
    assert table == compare(*NET[:2]).stdout
    for path, shown in zip(files, ("json", "markdown", "junit"), strict=True):
        assert compare(*NET[:2], "--format", shown).stdout == path.read_text("utf-8")
    document = json.loads(compare(*NET[:2], "--json", "-").stdout)
    assert document == json.loads(files[0].read_text("utf-8"))
    jsonschema.validate(document, json.loads(schema.COMPARISON_FILE.read_text("utf-8")))
    assert set(document) >= {"base", "head", "facts", "cells", "failed"}
    assert set(document["cells"][0]) >= {
        *("id", "model", "variant", "device", "delegate", "threads", "verdict", "ratio", "failed"),
        *("size_change", "memory_change", "accuracy_change", "ops_change"),
    }
    cases = ElementTree.fromstring(files[2].read_text("utf-8")).iter("testcase")  # noqa: S314
    assert len([*cases]) == len(document["cells"]) == 4


def test_old_runs_have_intervals_by_their_tables_and_without_them_by_their_rows(copied):
    def cells():
        done = compare(DIGITS, DIGITS_AGAIN, "--format", "json", results=copied)
        return {(one["variant"], one["delegate"]): one for one in json.loads(done.stdout)["cells"]}

    assert cells()["float32", "cpu"]["ratio"]["low"] is not None
    assert cells()["float32", "cpu"]["clock"] == "wall"
    (copied / DIGITS_AGAIN / "samples.csv.gz").write_bytes(b"\x1f\x8bnonsense")
    assert cells()["float32", "cpu"]["ratio"]["low"] is None
    assert cells()["dynamic", "xnnpack"]["ratio"]["low"] is not None
    assert cells()["dynamic", "xnnpack"]["clock"] is None


def test_a_gate_ends_with_1_and_one_line_per_offender(copied):
    def larger(row):
        if row["variant"] == "int8":
            row["size_bytes"] += 1000

    change(copied / DIGITS_AGAIN, larger)
    done = compare(DIGITS, DIGITS_AGAIN, "--fail-size", "1%", results=copied, code=1)
    assert done.stderr.splitlines() == [
        "qbench: failed: digits int8 on cpu: size +2.6%, over 1%",
        "qbench: failed: digits int8 on xnnpack: size +2.6%, over 1%",
    ]
    assert done.stdout.count("✗") == 2
    assert json.loads(compare(DIGITS, DIGITS_AGAIN, "--json", "-", results=copied).stdout)["failed"] is False
    compare(DIGITS, DIGITS_AGAIN, "--fail-size", "3%", results=copied, code=0)
    compare(DIGITS_AGAIN, DIGITS, "--fail-size", "1%", results=copied, code=0)


def test_undecided_gates_are_listed_and_fail_if_asked_to():
    done = compare(DIGITS, DIGITS_AGAIN, "--fail-over", "5%", code=0)
    lines = done.stderr.splitlines()
    assert lines and all(line.startswith("qbench: can't tell: digits ") for line in lines)
    strict = compare(DIGITS, DIGITS_AGAIN, "--fail-over", "5%", "--undecided", "fail", code=1)
    assert len(strict.stderr.splitlines()) == len(lines)
    assert all(line.startswith("qbench: failed: ") for line in strict.stderr.splitlines())


def test_output_that_cannot_be_written_is_worse_than_a_failed_gate(copied, tmp_path):
    def broken(row):
        row["size_bytes"] += 10_000

    change(copied / DIGITS_AGAIN, broken)
    full = tmp_path / "full.json"
    full.symlink_to("/dev/full")
    done = compare(DIGITS, DIGITS_AGAIN, "--fail-size", "1%", "--json", full, results=copied, code=2)
    assert "cannot write --json" in done.stderr and "failed: digits" in done.stderr
    with pytest.raises(ResultsError, match="cannot write --junit"):
        compare(DIGITS, DIGITS_AGAIN, "--junit", tmp_path / "none" / "x.xml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", DIGITS), "no run 'nothing'"),
        ((DIGITS, RUNS / NET[0]), "no cell in common"),
        (("", DIGITS), "no run ''"),
        (("+", DIGITS), r"no run '\+'"),
    ],
)
def test_runs_that_cannot_be_compared_are_one_line(arguments, said, copied):
    with pytest.raises(ResultsError, match=said) as error:
        compare(*arguments, results=copied)
    assert "\n" not in str(error.value) and error.value.exit_code == 2


@pytest.mark.parametrize("option", ["--fail-over", "--fail-size", "--fail-memory", "--within"])
@pytest.mark.parametrize("value", ["much", "-1%", "nan", "inf"])
def test_limits_that_cannot_be_are_config_errors(option, value):
    with pytest.raises(ConfigError, match=f"{option} {value}: a percentage"):
        compare(DIGITS, DIGITS_AGAIN, f"{option}={value}")


def test_usage_errors_end_with_2():
    for wrong in (["--format", "xml"], ["--undecided", "ask"], ["--fail-ops", "-1"], ["--by", "luck"]):
        compare(DIGITS, DIGITS_AGAIN, *wrong, code=2)
    compare(DIGITS, code=2)


def test_several_runs_joined_by_plus_are_pooled():
    document = json.loads(compare("+".join(NET[:2]), NET[2], "--format", "json").stdout)
    assert document["base"]["run_id"] == " + ".join(NET[:2])
    assert {cell["threads"] for cell in document["cells"]} == {1, 2}
    assert json.loads(compare(" + ".join(NET[:2]), NET[2], "--format", "json").stdout) == document


def test_damaged_runs_are_named_or_compared_as_far_as_they_go(copied):
    (copied / DIGITS_AGAIN / "run.json").write_text("{", "utf-8")
    with pytest.raises(ResultsError, match="is not a result document"):
        compare(DIGITS, DIGITS_AGAIN, results=copied)


def test_a_lone_document_is_a_run_too(tmp_path):
    lone = tmp_path / "main.json"
    shutil.copy(RUNS / DIGITS / "run.json", lone)
    document = json.loads(compare(lone, DIGITS_AGAIN, "--format", "json").stdout)
    assert {cell["verdict"] for cell in document["cells"]} <= {"same", "undecided", "faster", "slower"}
    assert document["cells"][1]["relative"] is not None


def test_in_a_github_job_gates_are_annotations(copied, monkeypatch):
    """Standard output stays as it is; elsewhere the same lines are plain text."""

    def worse(row):
        if row["variant"] == "int8":
            row["size_bytes"], row["model"] = row["size_bytes"] * 2, "100%\n::error::,x"
        else:
            row["model"] = "100%\n::error::,x"

    for name, changed in ((DIGITS, lambda row: row.update(model="100%\n::error::,x")), (DIGITS_AGAIN, worse)):
        change(copied / name, changed)
    gates = [DIGITS, DIGITS_AGAIN, "--fail-size", "10%", "--fail-over", "0%"]
    plain = compare(*gates, results=copied, code=1)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    job = compare(*gates, results=copied, code=1)
    assert job.stdout == plain.stdout
    told = [line for line in job.stderr.splitlines() if line.startswith("::")]
    assert len(told) == len(plain.stderr.splitlines()) == len(job.stderr.splitlines())
    failed = [line for line in told if "size" in line]
    assert len(failed) == 2
    assert all(line.startswith("::error title=qbench%3A failed::100%25 ::error::,x int8") for line in failed)
    assert all(line.endswith("size +100.0%25, over 10%25") for line in failed)
    assert any(line.startswith("::warning title=qbench%3A can't tell::") for line in told)
