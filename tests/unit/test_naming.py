"""What a run can be called: a path, latest, the beginning of its id, a revision or a branch."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness import git, store
from harness.errors import ResultsError
from harness.record import Git
from tests.unit.record_builder import document, header, plan, recorded
from tests.unit.stores import ids, store_of

ONE, TWO, THREE = ids(3)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs, in a working directory that is no repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    store_of(tmp_path / "results", 3)
    return tmp_path / "results"


def found(name: str | Path, results: Path) -> str:
    return store.find(name, results).name


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        (ONE, ONE),
        ("latest", THREE),
        ("latest~0", THREE),
        ("latest~1", TWO),
        ("latest~2", ONE),
        ("20261121-054401", TWO),
        (ONE[:-1], ONE),
        (f"results/{TWO}", TWO),
        (f"results/{TWO}/events.jsonl", TWO),
        (Path("results") / TWO, TWO),
    ],
)
def test_names(results: Path, name: str | Path, run_id: str) -> None:
    assert found(name, results) == run_id
    assert store.load(name, results).header.run_id == run_id


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("latest~3", r"no run latest~3 in .*: there are 3$"),
        ("2026", rf"'2026' is the beginning of 3 runs in .*: {ONE}, {TWO}, {THREE}$"),
        ("2025", r"no run '2025' in .*, and no folder or file, git revision or branch of that name$"),
        ("latest~", "no run 'latest~'"),
        ("latest~-1", "no run 'latest~-1'"),
        ("--help", "no run '--help'"),
        ("", "no run ''"),
    ],
)
def test_names_of_none_and_of_several(results: Path, name: str, complaint: str) -> None:
    with pytest.raises(ResultsError, match=complaint):
        store.find(name, results)


def test_an_ambiguous_name_is_not_followed_by_thousands(results: Path) -> None:
    store_of(results.parent / "more", 6)
    with pytest.raises(ResultsError, match=r"of 6 runs in .*-0003 and 2 more$"):
        store.find("2", results.parent / "more")


def test_a_renamed_run_keeps_its_id_and_its_age(results: Path) -> None:
    (results / ONE).rename(results / "zero")
    (results / THREE).rename(results / "before the change")
    assert found("latest", results) == "before the change"
    assert found("latest~2", results) == "zero"
    assert found("20261121-054402", results) == "before the change"
    assert found("zero", results) == "zero"


def test_runs_of_older_qbench_have_names_too(results: Path) -> None:
    folder = results / "old"
    folder.mkdir()
    (folder / "run.json").write_bytes(store.encode(document("20251121-054412-123-3f9c")))
    assert found("latest~3", results) == "old"
    assert found("2025", results) == "old"


def test_what_has_no_plan_is_not_the_latest(results: Path) -> None:
    store.create(results, header(ids(4)[3])).close()
    assert found("latest", results) == THREE
    with store.create(results, header(ids(5)[4])) as running:
        running.planned(plan())
        assert found("latest", results) == ids(5)[4]


def test_what_can_not_be_read_is_passed_over_and_named(results: Path) -> None:
    (results / THREE / "events.jsonl").write_text("?\n")
    notes: list[str] = []
    assert store.find("latest", results, notes.append).name == TWO
    (note,) = notes
    assert note.startswith(f"{THREE} is passed over: ") and "line 1" in note
    with pytest.raises(ResultsError, match="is not a record"):
        store.load(THREE, results)


def command(folder: Path, *arguments: str) -> str:
    """What git prints."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(results: Path) -> Path:
    """The working directory as a repository of one commit, on the branch `main`."""
    folder = results.parent
    command(folder, "init", "--initial-branch", "main")
    (folder / "file").write_text("1")
    command(folder, "add", "file")
    command(folder, "commit", "--message", "one")
    return folder


def test_the_state_of_a_repository(repository: Path) -> None:
    revision = command(repository, "rev-parse", "HEAD")
    assert git.state(repository) == Git(revision, "main", False)  # `results` is not tracked
    (repository / "file").write_text("2")
    assert git.state(repository / "results") == Git(revision, "main", True)
    command(repository, "checkout", "--detach")
    assert git.state(repository) == Git(revision, None, True)


def test_no_repository_no_commit_no_git(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = results.parent
    assert git.state(folder) is None
    command(folder, "init")
    assert git.state(folder) is None
    monkeypatch.setenv("PATH", str(folder))
    assert git.state(folder) is None
    assert git.commit("main", folder) is None
    with pytest.raises(ResultsError, match="no run 'main'"):
        store.find("main", results)


def test_a_repository_starts_no_program_of_its_own(repository: Path) -> None:
    (repository / "monitor").write_text(f"#!/bin/sh\ntouch {repository}/started\n")
    (repository / "monitor").chmod(0o755)
    command(repository, "config", "core.fsmonitor", str(repository / "monitor"))
    assert git.state(repository) is not None
    assert not (repository / "started").exists()


def test_a_run_is_named_by_its_revision_and_its_branch(repository: Path, results: Path) -> None:
    first = command(repository, "rev-parse", "HEAD")
    command(repository, "tag", "v1")
    for number, branch in ((3, "main"), (4, "main"), (5, "gone")):
        recorded(results, ids(6)[number], git=Git(first, branch, False)).close()
    other = Git("abcd" * 10, "elsewhere", True)
    recorded(results, ids(7)[6], git=other).close()
    for name in (first, first[:7], "v1", "main", "HEAD", "main~0"):
        assert found(name, results) == ids(6)[5], name
    assert found("gone", results) == ids(6)[5]  # a branch that this repository does not have
    assert found("elsewhere", results) == found("abcdabc", results) == ids(7)[6]
    command(repository, "commit", "--allow-empty", "--message", "two")
    assert found("main", results) == ids(5)[4]  # its head has no run: the newest recorded on that branch
    with pytest.raises(ResultsError, match="no run 'HEAD'"):
        store.find("HEAD", results)
    assert found("HEAD~1", results) == ids(6)[5]


def test_a_hash_that_begins_two_revisions(results: Path) -> None:
    for number, rest in enumerate("01"):
        recorded(results, f"git-{number}", git=Git("abcd" + rest * 36, None, False)).close()
    with pytest.raises(ResultsError, match=r"'abcd' is the beginning of 2 revisions.*: abcd0+, abcd1+$"):
        store.find("abcd", results)
    assert found("abcd0", results) == "git-0"
