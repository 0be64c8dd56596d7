"""qbench history: from stored runs to a table, a diagram, JSON and CSV."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from harness.record import schema
from tests.unit.stores import ids, store_of

STORES = Path(__file__).parents[1] / "fixtures" / "stores"


@pytest.fixture
def stored(tmp_path):
    """A folder with 12 runs; in the last four int8 on xnnpack takes longer, with another runtime."""
    (source,) = (STORES / "before-tags").iterdir()
    document = json.loads((source / "run.json").read_text())
    started, rest = (source / "events.jsonl").read_bytes().split(b"\n", 1)
    for number, run_id in enumerate(ids(12)):
        folder = tmp_path / "results" / run_id
        shutil.copytree(source, folder)
        slower = number >= 8
        git = {"revision": f"{number // 2:040x}", "branch": "main", "dirty": number == 3}
        about = {"run_id": run_id, "git": git, "started_at": f"2026-11-{number + 1:02d}T10:00:00.000Z"}
        first = json.loads(started)
        first["header"].update(about)
        (folder / "events.jsonl").write_bytes(json.dumps(first).encode() + b"\n" + rest)
        cells = [
            {
                **cell,
                "floor_ms": 1 + (slower and cell["id"] == "digits/int8/xnnpack/xnnpack/1") + number / 1e4,
            }
            for cell in document["cells"]
        ]
        devices = [{**one, "runtime_version": f"2.{3 + slower}.0"} for one in document["devices"]]
        made = {**document, **about, "cells": cells, "devices": devices, "estimator": 1}
        (folder / "run.json").write_text(json.dumps(made))
    return tmp_path


@pytest.mark.smoke
def test_a_table_names_the_step_and_what_differs(qbench, stored):
    done = qbench("history")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "floor of an inference over 12 runs, 2026-11-01 to 2026-11-12" in done.stdout
    assert "▲ 2026-11-09 10:00  20261121-054408-123-0008, main 0000000" in done.stdout
    assert "digits int8 on xnnpack: +100.0%" in done.stdout
    assert "differs from the run before: runtime version 2.3.0 → 2.4.0" in done.stdout
    one = qbench("history", "--variant", "int8", "--device", "xnnpack", "--limit", "11")
    assert "└" in one.stdout and "relative to the others +" in " ".join(one.stdout.split())
    assert "the 11 newest of 12 runs: --limit 12 reads all" in one.stdout


def test_json_and_csv(qbench, stored):
    done = qbench("history", "--json", "-", "--csv", "all.csv", "--since", "2026-11-02", "--variant", "int8")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(schema.HISTORY_FILE.read_text("utf-8")))
    assert [cell["id"] for cell in document["cells"]] == [
        "digits/int8/cpu/cpu/1",
        "digits/int8/xnnpack/xnnpack/1",
    ]
    assert document["runs"] == 11 and not document["cells"][0]["steps"]
    (step,) = document["cells"][1]["steps"]
    assert (step["at"], step["whose"], step["moved"], step["of"]) == (7, "cell", 1, 4)
    frame = pd.read_csv(stored / "all.csv")
    assert len(frame) == 22 and set(frame.variant) == {"int8"}
    assert frame.dirty.sum() == 2
    written = qbench("history", "--csv", "-")
    assert written.stdout.count("\n") == 1 + 12 * 4


def test_revisions_are_points(qbench, stored):
    done = qbench("history", "--by-revision", "--figure", "size", "--json", "-")
    document = json.loads(done.stdout)
    points = document["cells"][0]["points"]
    assert [(point["runs"], point["dirty"]) for point in points[:4]] == [
        (2, False), (1, False), (1, True), (2, False),
    ]  # fmt: skip
    assert (document["order"], document["by_revision"]) == ("time", True)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--results", "nowhere"), "no runs in nowhere; `qbench run` makes one"),
        (("--variant", "int4"), "no cell that is asked for in the newest 3 of 3 runs in results"),
        (("--tag", "board"), "no runs in results that are asked for; `qbench list` shows what there is"),
        (("--by-revision",), "no run in results was started in a git repository"),
        (("--since", "soon"), "--since soon: a date"),
        (("--figure", "weight"), "Invalid value for '--figure'"),
        (("--csv", "-", "--json", "-"), "--csv - and --json -: standard output holds one document"),
        (("--csv", "nowhere/x.csv"), "cannot write --csv nowhere/x.csv: its folder is missing"),
    ],
)
def test_what_can_not_be_is_said(qbench, tmp_path, arguments, complaint):
    store_of(tmp_path / "results", 3)
    done = qbench("history", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
