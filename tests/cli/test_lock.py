"""This machine is one run's at a time: whoever comes second is told, and waits."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, environment
from tests.cli.test_hostile import heed_signals
from tests.models import dense_model

USED = r"in use by \S+@\S+ \(run \S+\) for \d+ s"


def is_held(folder: Path) -> bool:
    """Whether a process holds the lock: asked of the kernel."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def until(holds, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path, cache, twins):
    """Start `qbench run` with a lock folder; what is still there at the end is killed."""
    started = []

    def run(folder: Path, *options: str, results: str = "results", model=twins, **env: str):
        process = subprocess.Popen(
            [*COMMAND, "run", "--model", str(model), "--device", "cpu", "--results", results,
             "--precision", "50%", *options],
            preexec_fn=heed_signals,  # noqa: PLW1509  (no thread of the tests holds a lock)
            cwd=tmp_path, env={**environment(cache), "QBENCH_LOCK_DIR": str(folder), **env},
            start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def busy(start, tmp_path):
    """A lock folder, and the run that holds its lock for a long time."""
    folder, model = tmp_path / "lock", tmp_path / "large.tflite"
    model.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))
    process = start(folder, "--budget", "600", "--precision", "0%", results="first", model=model)
    until(lambda: is_held(folder))
    return folder, process


def lines_of(process: subprocess.Popen, pattern: str) -> str:
    """stderr up to the line that has the pattern."""
    said = ""
    for line in process.stderr:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(said)


def test_the_second_run_says_so_waits_and_is_measured(start, busy):
    """A killed owner frees the machine: the kernel does that."""
    folder, owner = busy
    second = start(folder, "--budget", "0.05")
    said = lines_of(second, f"^qbench: this machine is {USED}; waiting$")
    assert "looking at the devices" in said  # that needs no lock
    os.kill(owner.pid, signal.SIGKILL)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert "twins" in out
    until(lambda: not is_held(folder), 20)


@pytest.mark.smoke
def test_wait_gives_up_and_names_who_and_which_run(start, busy, tmp_path):
    folder, _ = busy
    second = start(folder, "--wait", "0.5", "--json", "out.json")
    _, err = second.communicate(timeout=120)
    assert second.returncode == 4, err
    document = json.loads((tmp_path / "out.json").read_text())
    assert {cell["status"] for cell in document["cells"]} == {"unavailable"}
    (run_id,) = [path.name for path in (tmp_path / "first").glob("2*")]
    for cell in document["cells"]:
        assert re.search(f"this machine: it is {USED}; --wait gives more time", cell["reason"])
        assert f"(run {run_id})" in cell["reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_waiting(start, busy, number):
    folder, owner = busy
    second = start(folder)
    lines_of(second, "waiting$")
    os.killpg(second.pid, number)
    started = time.monotonic()
    _, err = second.communicate(timeout=60)
    assert time.monotonic() - started < 20  # a limit, no measure: it must not wait for the owner
    assert second.returncode == 130, err
    assert "Traceback" not in err
    assert owner.poll() is None
    assert is_held(folder)


def test_another_lock_folder_is_another_machine(start, busy, tmp_path):
    _, owner = busy
    second = start(tmp_path / "other", "--budget", "0.05")
    _, err = second.communicate(timeout=120)
    assert (second.returncode, "waiting" in err) == (0, False), err
    assert owner.poll() is None


def test_probing_shows_who_has_the_machine_and_waits_for_nobody(qbench, busy, cache):
    folder, _ = busy
    env = {**environment(cache), "QBENCH_LOCK_DIR": str(folder)}
    probed = qbench("devices", "cpu", "xnnpack", "--probe", env=env)
    assert probed.returncode == 0
    assert len(re.findall(f"^cpu, xnnpack: {USED}$", probed.stdout, re.M)) == 1, probed.stdout


def test_models_are_looked_at_while_another_run_measures(qbench, busy, twins, tmp_path, cache):
    """The lock is held for measuring only."""
    folder, _ = busy
    env = {**environment(cache), "QBENCH_LOCK_DIR": str(folder)}
    assert qbench("inspect", twins / "a.tflite", env=env).returncode == 0
    assert qbench("compat", "--model", twins, "--device", "cpu", env=env).returncode == 0


# Where the lock is


def test_without_a_lock_folder_it_is_in_the_users_cache(start, tmp_path):
    """One per machine: home folders are shared over networks."""
    home = tmp_path / "home"
    home.mkdir()
    done = start_at(start, home)
    assert done == (0, "")
    (lock,) = home.glob(".cache/qbench/on-*/lock")
    assert lock.stat().st_mode & 0o777 == 0o600
    assert lock.parent.stat().st_mode & 0o777 == 0o700


def test_where_the_home_folder_cannot_be_written_it_is_in_the_temporary_one(start, tmp_path):
    (tmp_path / "tmp").mkdir()
    assert start_at(start, Path("/dev/null"), TMPDIR=str(tmp_path / "tmp")) == (0, "")
    assert [path.name for path in (tmp_path / "tmp").glob("qbench-*/lock")] == ["lock"]


def test_where_anybody_can_write_the_home_folder_it_is_in_the_temporary_one(start, tmp_path):
    """As in containers whose user is chosen when they start."""
    (tmp_path / "tmp").mkdir()
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    assert start_at(start, home, TMPDIR=str(tmp_path / "tmp")) == (0, "")
    assert [path.name for path in (tmp_path / "tmp").glob("qbench-*/lock")] == ["lock"]


NOBODY = """
import os, sys
from harness.devices.transports.bootstrapping import WorkFolder
from harness.devices.transports.local import lock_folder
import platformdirs, platformdirs.unix
os.setuid(54321)
for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME", "QBENCH_LOCK_DIR"):
    os.environ.pop(name, None)
print(WorkFolder(None, "workdir").locked_for("r", None).owner["who"])
print(lock_folder())
"""


def test_a_user_id_that_has_no_name_and_no_home(cache):
    """As containers are often started."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    done = subprocess.run(
        [sys.executable, "-c", NOBODY],
        cwd="/", env=environment(cache), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    who, folder = done.stdout.splitlines()
    assert who.startswith("user 54321@")
    assert Path(folder).name == "qbench-54321"


def start_at(start, home: Path, **env: str) -> tuple[int, str]:
    process = start("", "--budget", "0.05", "--quiet", HOME=str(home), XDG_CACHE_HOME="", **env)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/null/x", "/dev/null/x cannot be used: Not a directory; name another folder with"),
        ("open", "open can be written by others; chmod 700 it, or name a folder of your own with"),
        ("open/x/y", "open can be written by others; name a folder elsewhere with"),
    ],
)
def test_a_lock_folder_that_will_not_do(start, tmp_path, name, said):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    process = start(tmp_path / name, "--quiet")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (4, ""), err
    assert re.fullmatch(f"qbench: this machine: \\S*{said} QBENCH_LOCK_DIR\n", err)


# What is run from there


def test_a_damaged_bundle_is_replaced_and_said(qbench, tmp_path, cache):
    """It was run, by this run and every later one."""
    env = {**environment(cache), "QBENCH_LOCK_DIR": str(tmp_path / "lock")}
    assert qbench("devices", "cpu", "--probe", env=env).returncode == 0
    (bundle,) = (tmp_path / "lock" / "files").iterdir()
    whole = bundle.read_bytes()
    for damaged in (whole[:-2] + b"??", whole[: len(whole) // 2], b""):
        bundle.write_bytes(damaged)
        done = qbench("devices", "cpu", "--probe", env=env)
        assert done.returncode == 0, done.stderr
        assert "this machine: 1 file kept there no longer had the content that was sent" in done.stderr
        assert bundle.read_bytes() == whole
