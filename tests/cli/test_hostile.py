"""Folders that can't be written, disks that fill up, Ctrl-C: nothing is lost, nothing is left behind."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import COMMAND, SLEEPER, ended, environment, wait_for_launches
from tests.models import dense_model


@pytest.fixture
def tmpfs(tmp_path):
    """Mount a small tmpfs where that is allowed."""
    mounted = []

    def mount(options: str):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip("needs the right to mount a tmpfs (root)")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_read_only_results_are_said_before_anything_is_measured(qbench, twins, tmpfs):
    folder = tmpfs("ro,size=1m")
    started = time.monotonic()
    done = qbench("run", "--model", twins, "--results", folder / "results", "--budget", "30")
    assert done.returncode == 2
    assert time.monotonic() - started < 20
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(folder) in done.stderr


def test_a_disk_that_fills_up_loses_nothing(qbench, twins, tmpfs, tmp_path, cache):
    """The table is printed, and the whole run is stored where there is room."""
    folder, spare = tmpfs("size=24k"), tmp_path / "spare"
    spare.mkdir()
    env = {**environment(cache), "TMPDIR": str(spare)}
    done = qbench(
        "run",
        "--model",
        twins,
        "--results",
        folder,
        "--budget",
        "1",
        "--json",
        tmp_path / "out.json",
        env=env,
    )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "twins" in done.stdout
    document = json.loads((tmp_path / "out.json").read_text())
    (stored,) = spare.glob("qbench-*/*/run.json")
    assert json.loads(stored.read_text()) == document
    samples = pd.read_csv(stored.parent / "samples.csv.gz")
    assert len(samples) == sum(cell["latency_ms"]["count"] for cell in document["cells"])
    for kept in folder.glob("*/run.json"):
        json.loads(kept.read_text())


def test_no_room_anywhere_costs_the_file_but_not_the_table(qbench, twins, tmpfs, tmp_path, cache):
    folder, spare = tmpfs("size=24k"), tmpfs("size=24k")
    env = {**environment(cache), "TMPDIR": str(spare)}
    out = tmp_path / "out.json"
    asked = ("--model", twins, "--results", folder, "--budget", "1", "--json", out)
    done = qbench("run", *asked, env=env)
    assert done.returncode == 2
    assert "nor can a temporary folder take the run" in done.stderr
    cells = json.loads(out.read_text())["cells"]
    assert {cell["status"] for cell in cells} == {"ok"}
    assert all(cell["latency_ms"]["launches"] >= 6 for cell in cells)
    assert not any(spare.iterdir())


def test_results_that_are_moved_meanwhile_are_shown_and_found(twins, tmp_path, cache, qbench):
    slow(twins)
    process = start_run(twins, tmp_path, cache, "--device", "cpu", "--budget", "0.5")
    wait_for_launches(tmp_path / "results", 1)
    (tmp_path / "results").rename(tmp_path / "moved")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "twins on cpu" in out
    assert "has been moved: the run is where that folder is now" in err
    assert qbench("show", "--results", tmp_path / "moved").stdout.splitlines() == out.splitlines()[:-1]
    assert list(tmp_path.glob("moved/*/run.json"))


def test_who_reads_a_run_that_goes_on_exports_nothing(twins, tmp_path, cache, qbench):
    slow(twins)
    process = start_run(twins, tmp_path, cache, "--device", "cpu", "--budget", "0.5")
    folder = wait_for_launches(tmp_path / "results", 2)
    before = sorted(path.name for path in folder.iterdir())
    shown = qbench("show", "--json", "-")
    assert process.poll() is None, "it ended too soon for this test"
    assert sorted(path.name for path in folder.iterdir()) == before
    document = json.loads(shown.stdout)
    assert (document["finished_at"], document["interrupted"]) == (None, False)
    assert document["cells"][0]["latency_ms"]["launches"] >= 1
    process.communicate(timeout=120)
    assert (folder / "run.json").exists()


def test_a_second_ctrl_c_waits_for_nothing_and_keeps_what_was_recorded(twins, tmp_path, cache):
    slow(twins)
    process = start_run(twins, tmp_path, cache, "--device", "cpu", "--budget", "60")
    folder = wait_for_launches(tmp_path / "results", 2)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)  # measuring ends soon after the first
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err.splitlines()[-1]) == (130, "qbench: interrupted")
    assert "twins on cpu" in out
    document = json.loads((folder / "run.json").read_text())
    assert document["interrupted"] is True
    assert all(cell["latency_ms"]["launches"] >= 1 for cell in document["cells"])


def slow(twins):
    """Make models of them that take long enough to be caught at it."""
    for file in twins.iterdir():
        file.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))


def start_run(model, folder, cache, *more):
    """`qbench run` that goes on by itself."""
    return subprocess.Popen(
        [*COMMAND, "run", "--model", str(model), *more],
        cwd=folder,
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.smoke
def test_ctrl_c_keeps_what_was_measured(twins, tmp_path, cache):
    slow(twins)
    process = start_run(twins, tmp_path, cache, "--budget", "60", "--device", "cpu")
    wait_for_launches(tmp_path / "results", 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "twins" in out
    (stored,) = tmp_path.glob("results/*/run.json")
    document = json.loads(stored.read_text())
    assert document["interrupted"] is True
    assert all(cell["latency_ms"]["count"] > 0 for cell in document["cells"])


def heed_signals():
    """As in a terminal: whoever started the tests may have told them to ignore Ctrl-C (nohup, `&`)."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_ended_while_converting_no_process_and_no_file_is_left(tmp_path, cache, number):
    if importlib.util.find_spec("tf_keras") is None:  # looked for, not imported: runtimes clash with it
        pytest.skip("needs what makes variants: pip install '.[convert]'")
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "run", "--model", "sleeper:build"],
        preexec_fn=heed_signals,  # noqa: PLW1509  (no thread of the tests holds a lock)
        cwd=tmp_path,
        env={**environment(cache), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (tmp_path / "pid").exists():
        time.sleep(0.05)
    converter = int((tmp_path / "pid").read_text())
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert ended(converter)
    if number != signal.SIGKILL:
        assert (process.returncode, out) == (130, "")
        assert err.splitlines()[-1] == "qbench: interrupted"
        assert not list(scratch.iterdir())
        assert not list(tmp_path.glob("results/*"))


def test_output_that_nobody_reads_is_no_failure(tmp_path, cache):
    """Exit code 1 means that a gate failed: `qbench show | head` must not say so."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "devices"],
        cwd=tmp_path,
        env=environment(cache),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["devices"], ["devices", "--json", "-"]])
def test_output_that_cannot_be_written_is_one_line(tmp_path, cache, arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment(cache),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "qbench: cannot write the output: No space left on device\n"


def test_a_working_directory_that_is_gone(tmp_path, cache):
    leave = (
        "import os, sys; os.mkdir('x'); os.chdir('x'); os.rmdir('../x'); os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", leave, *COMMAND, "run"],
        cwd=tmp_path,
        env=environment(cache),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "qbench: the working directory no longer exists; change to another one\n"


def test_a_cache_that_cannot_be_written(qbench, twins, cache, tmp_path):
    (tmp_path / "file").write_text("no folder")
    env = {**environment(cache), "QBENCH_CACHE": str(tmp_path / "file" / "cache")}
    done = qbench("run", "--model", twins, "--quiet", env=env)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Not a directory" in done.stderr and "internal" not in done.stderr
