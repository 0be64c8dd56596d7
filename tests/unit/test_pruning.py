"""Old runs are removed, but never what is being written to, is to be kept, or is no run."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import store
from harness.cli import app
from harness.errors import ConfigError
from harness.store.pruning import prunable, remove
from tests.unit.record_builder import document, header, plan, recorded
from tests.unit.stores import ids, listed, make_read_only, mounted, names, store_of

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from harness.cli import main; main()"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))


def prune(results: Path, *arguments: str) -> str:
    """What `qbench prune` prints where nobody can be asked."""
    command = ["prune", "--results", str(results), *arguments]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("keep", [0, 1, 3, 4])
def test_the_newest_stay(tmp_path: Path, keep: int) -> None:
    made = store_of(tmp_path, 3)
    gone = made[: max(0, 3 - keep)]
    would = prune(tmp_path, "--keep", str(keep), "--dry-run")
    assert would.split() == [str(tmp_path / name) for name in gone]
    assert len(listed(tmp_path)) == 3
    assert prune(tmp_path, "--keep", str(keep), "--yes") == would
    assert names(listed(tmp_path)) == made[::-1][:keep]
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == made[len(gone) :]


def test_what_is_to_be_kept_or_running_or_no_run_stays(tmp_path: Path) -> None:
    kept, running, killed, old, newest = ids(5)
    recorded(tmp_path, kept, tags={"keep": ""}).close()
    writer = store.create(tmp_path, header(running))
    writer.planned(plan())
    with store.create(tmp_path, header(killed)) as cut_short:
        cut_short.planned(plan())
    (tmp_path / old).mkdir()
    (tmp_path / old / "run.json").write_bytes(store.encode(document(old)))
    recorded(tmp_path, newest).close()
    (tmp_path / "plots").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "events.jsonl").write_text("?\n")
    removed = prune(tmp_path, "--keep", "1", "--yes")
    assert removed.split() == [str(tmp_path / killed), str(tmp_path / old)]
    left = {path.name for path in tmp_path.glob("[!.]*")}
    assert left == {kept, running, newest, "plots", "broken"}
    writer.close()
    assert prune(tmp_path, "--keep", "1", "--yes").split() == [str(tmp_path / running)]


def test_what_a_run_that_stays_has_resumed_stays(tmp_path: Path) -> None:
    """Its figures are those of both; a run that nobody goes on from goes."""
    first, second, other, third, newest = ids(5)
    recorded(tmp_path, first).close()
    recorded(tmp_path, second, resumes=first).close()
    recorded(tmp_path, other).close()
    recorded(tmp_path, third, resumes=second).close()
    recorded(tmp_path, newest).close()
    assert prune(tmp_path, "--keep", "2", "--dry-run").split() == [str(tmp_path / other)]
    gone = [first, second, other, third]
    assert prune(tmp_path, "--keep", "1", "--dry-run").split() == [str(tmp_path / name) for name in gone]


def test_the_record_is_asked_once_more(tmp_path: Path) -> None:
    """Whatever the index said: a run that is locked or kept by now stays."""
    locked, tagged, gone, good = store_of(tmp_path, 4)
    runs, _ = prunable(tmp_path, 0, pytest.fail)
    (tmp_path / gone / "events.jsonl").unlink()
    for path in (tmp_path / gone).iterdir():
        path.unlink()
    (tmp_path / gone).rmdir()
    (tmp_path / tagged).rename(tmp_path / "old")
    recorded(tmp_path, tagged, tags={"keep": "yes"}).close()
    with (tmp_path / locked / "events.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        why = {run.run_id: reason for run, reason in remove(runs, tmp_path)}
    assert why[locked] == "it is being written to" and why[tagged] == "it is to be kept"
    assert why[good] is None and not (tmp_path / good).exists()
    assert (tmp_path / locked).exists() and (tmp_path / tagged).exists()


def test_what_a_kill_left_is_no_run_and_goes_next_time(tmp_path: Path) -> None:
    made = store_of(tmp_path, 2)
    left = (tmp_path / made[0]).rename(tmp_path / f".removed-{made[0]}")
    (left / "samples.bin").unlink()
    assert names(listed(tmp_path)) == made[1:]
    runs, skipped = prunable(tmp_path, 0, pytest.fail)
    assert not skipped.foreign and not skipped.damaged
    assert [run.run_id for run, _ in remove(runs, tmp_path)] == made[1:]
    assert not left.exists()


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (run_id,) = store_of(tmp_path / "elsewhere", 1)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / run_id).symlink_to(tmp_path / "elsewhere" / run_id)
    prune(tmp_path / "results", "--keep", "0", "--yes")
    assert listed(tmp_path / "results") == []
    assert names(listed(tmp_path / "elsewhere")) == [run_id]


def test_a_store_that_can_not_be_written_keeps_its_runs(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=1m") as disk:
        made = store_of(disk, 2)
        make_read_only(disk)
        done = CliRunner().invoke(app, ["prune", "--results", str(disk), "--keep", "1", "--yes"])
        assert done.exit_code == 2 and done.stdout == ""
        assert names(listed(disk)) == made[::-1]


def test_where_nobody_can_be_asked_it_takes_yes(tmp_path: Path) -> None:
    made = store_of(tmp_path, 2)
    with pytest.raises(ConfigError, match="add --yes"):
        prune(tmp_path, "--keep", "1")
    assert names(listed(tmp_path)) == made[::-1]
    assert prune(tmp_path, "--keep", "2") == ""  # there is nothing to ask about


@pytest.mark.parametrize(("answer", "left"), [("y\n", 1), ("n\n", 2), ("\n", 2)])
def test_on_a_terminal_it_asks(tmp_path: Path, answer: str, left: int) -> None:
    made = store_of(tmp_path, 2)
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    command = [*COMMAND, "prune", "--keep", "1", "--results", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True, check=False
    )
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    assert f"Remove 1 run of {tmp_path}, up to {made[0]}?" in said.replace("\r\n", "")
    assert len(listed(tmp_path)) == left
