"""Standard streams that are closed, full or no longer read: measuring goes on, and the exit code is right."""

from __future__ import annotations

import json
import shlex
import subprocess

import pytest

from tests.cli.conftest import COMMAND, environment

RUN = ["run", "--model", "twins", "--device", "cpu", "--budget", "0.02"]


@pytest.fixture
def shell(tmp_path, cache):
    """Run qbench with redirections as a shell does them."""

    def run(arguments: list[str], redirections: str) -> subprocess.CompletedProcess:
        line = f"{shlex.join([*COMMAND, *arguments])} {redirections}"
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(cache),
            timeout=120,
        )

    return run


def stored(tmp_path) -> list[str]:
    """The status of every cell of the one run that is stored."""
    (path,) = tmp_path.glob("results/*/run.json")
    return [cell["status"] for cell in json.loads(path.read_text())["cells"]]


@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_without_standard_error_or_input_all_is_measured_and_shown(shell, twins, tmp_path, redirections):
    done = shell(RUN, redirections)
    assert done.returncode == 0
    assert "twins on cpu" in done.stdout
    assert stored(tmp_path) == ["ok", "ok"]


@pytest.mark.parametrize(
    ("redirections", "why"), [(">&-", "standard output is closed"), (">/dev/full", "No space left on device")]
)
@pytest.mark.parametrize("more", [[], ["--json", "-"]])
def test_a_table_that_is_lost_is_said_with_where_the_run_is(shell, twins, tmp_path, redirections, why, more):
    done = shell([*RUN, *more, "--quiet"], redirections)
    assert done.returncode == 2
    (folder,) = (tmp_path / "results").glob("2*")
    where = f"the run is stored in {folder.relative_to(tmp_path)}"
    assert done.stderr == f"qbench: cannot write the output: {why}; {where}\n"
    assert stored(tmp_path) == ["ok", "ok"]


def test_a_lost_table_does_not_cost_the_json_file(shell, twins, tmp_path):
    assert shell([*RUN, "--json", "out.json"], ">&-").returncode == 2
    assert json.loads((tmp_path / "out.json").read_text())["cells"]


def test_without_any_stream_the_run_is_stored(shell, twins, tmp_path):
    assert shell(RUN, "<&- >&- 2>&-").returncode == 2
    assert stored(tmp_path) == ["ok", "ok"]


@pytest.mark.parametrize("redirections", ["| head -1", "2>&1 | head -1", "2>&1 | true"])
def test_a_reader_that_has_seen_enough_is_no_failure(shell, twins, tmp_path, redirections):
    done = shell(RUN, redirections)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (0, False)
    assert stored(tmp_path) == ["ok", "ok"]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
@pytest.mark.parametrize("redirections", [">&-", ">/dev/full"])
def test_help_that_cannot_be_written(shell, arguments, redirections):
    done = shell(arguments, redirections)
    assert done.returncode == 2
    assert done.stderr.startswith("qbench: cannot write the output: ")
    assert len(done.stderr.splitlines()) == 1


def test_help_that_nobody_reads_is_no_failure(shell):
    assert shell(["run", "--help"], "| true").returncode == 0


@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full"])
def test_an_error_that_cannot_be_said_keeps_its_exit_code(shell, redirections):
    assert shell(["show", "nothing"], redirections).returncode == 2
