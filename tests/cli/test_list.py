"""qbench list, prune and show: from runs in a repository to their names."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.models import dense_model

RUN = ("run", "--model", "net.tflite", "--device", "cpu", "--budget", "0.02", "--precision", "50%", "--quiet")


@pytest.fixture
def repository(tmp_path):
    """The working directory as a repository of one commit, with a model."""
    (tmp_path / "net.tflite").write_bytes(dense_model(seed=1))
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    for arguments in (["init", "-b", "main"], ["add", "net.tflite"], ["commit", "-m", "one"]):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_runs_are_tagged_listed_named_and_removed(qbench, repository):
    first = qbench(*RUN, "--tag", "board=none", "--tag", "keep=for ever")
    assert first.returncode == 0, first.stderr
    assert "tags: board=none, keep=for ever" in first.stdout
    (repository / "net.tflite").write_bytes(dense_model(seed=2))
    second, third = (json.loads(qbench(*RUN, "--json", "-").stdout) for _ in range(2))

    listed = json.loads(qbench("list", "--json", "-").stdout)
    assert listed["results"] == "results"
    one, two = listed["runs"][2], listed["runs"][1]
    assert [run["run_id"] for run in listed["runs"][:2]] == [third["run_id"], second["run_id"]]
    assert one["tags"] == {"board": "none", "keep": "for ever"}
    assert not one["git"]["dirty"] and two["git"] == {**one["git"], "branch": "main", "dirty": True}
    assert second["git"] == two["git"] and second["tags"] == {} and second["estimator"] >= 1
    assert (one["state"], one["models"], one["devices"], one["cells"]) == ("finished", ["net"], ["cpu"], 1)
    tagged = json.loads(qbench("list", "--tag", "keep", "--model", "net", "--json", "-").stdout)
    assert tagged["runs"] == [one]

    table = qbench("list", "--limit", "2")
    assert table.stderr == ""
    assert third["run_id"] in table.stdout and one["run_id"] not in table.stdout
    assert "and 1 older run: --limit 3 shows all" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80

    for name in ("main", one["git"]["revision"][:9], "latest", third["run_id"][:-2]):
        shown = qbench("show", name, "--json", "-")
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["run_id"] == third["run_id"]
    assert json.loads(qbench("show", "latest~2", "--json", "-").stdout)["run_id"] == one["run_id"]

    assert qbench("prune", "--keep", "1").returncode == 2
    removed = qbench("prune", "--keep", "1", "--yes")
    assert removed.stdout == f"results/{second['run_id']}\n"
    assert removed.stderr == "qbench: removed 1 run\n"
    left = json.loads(qbench("list", "--json", "-").stdout)["runs"]
    assert [run["run_id"] for run in left] == [third["run_id"], one["run_id"]]


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("run", "--tag", "board"), "--tag board: KEY=VALUE expected, for example board=pi4"),
        (("run", "--tag", "=pi4"), "--tag =pi4: KEY=VALUE expected, for example board=pi4"),
        (("run", "--tag", "a=b\nc"), "tag a=b c: one line of at most 200 characters expected"),
        (("list", "--since", "soon"), "--since soon: a date"),
        (("list", "--limit", "0"), "Invalid value for '--limit'"),
        (("prune",), "Missing option '--keep'"),
        (("show", "latest~1"), "no runs in results; `qbench run` makes one"),
    ],
)
def test_what_can_not_be_is_said_in_one_line(qbench, arguments, complaint):
    done = qbench(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.smoke
def test_a_store_without_runs(qbench, tmp_path):
    (tmp_path / "results" / "plots").mkdir(parents=True)
    done = qbench("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "qbench: plots in results is no run\nqbench: no runs in results\n"
    assert json.loads(qbench("list", "--json", "-").stdout) == {"results": "results", "runs": []}
    nowhere = qbench("list", "--tag", "x", "--results", "nowhere", "--json", "-")
    assert json.loads(nowhere.stdout) == {"results": "nowhere", "runs": []}
