"""Devices are looked at while variants are made: whichever fails ends the other and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import time

import pytest

from tests.cli.conftest import COMMAND, SLEEPER, ended, environment

BOARD = """
[devices.here]
delegates = ["cpu"]
[devices.board]
place = "ssh"
host = "127.0.0.1"
port = {port}
"""
needs_converter = pytest.mark.skipif(
    importlib.util.find_spec("tf_keras") is None,  # looked for, not imported: runtimes clash with it
    reason="needs what makes variants: pip install '.[convert]'",
)


class Mute:
    """A port where connections are accepted and nothing is said."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener, self._links = listener, []
        self.port = listener.getsockname()[1]

    def accept(self):
        """Wait until somebody connects."""
        self._links.append(self._listener.accept()[0])

    def hang_up(self):
        for link in self._links:
            link.close()
        self._listener.close()

    def is_left(self, seconds=10):
        """Whether the other side hangs up, as it does when it ends."""
        self._links[0].settimeout(seconds)
        while self._links[0].recv(4096):
            pass
        return True


@pytest.fixture
def mute():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield Mute(listener)


@pytest.fixture
def start(tmp_path, cache, mute):
    """Start `qbench run` with these arguments; `board` of its devices.toml is mute."""
    (tmp_path / "devices.toml").write_text(BOARD.format(port=mute.port))
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "broken.py").write_text("def build():\n    raise ValueError('no such layer')\n")
    (tmp_path / "scratch").mkdir()
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*COMMAND, "run", *arguments],
            cwd=tmp_path,
            env={**environment(cache), "TMPDIR": str(tmp_path / "scratch")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def converter(folder):
    """The process id of the converter, once it is at work."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not (folder / "pid").exists():
        time.sleep(0.05)
    return int((folder / "pid").read_text())


def left_behind(folder):
    return [*folder.glob("scratch/*"), *folder.glob("results/*")]


@needs_converter
def test_where_no_device_can_be_reached_nothing_more_is_converted(start, tmp_path, mute):
    process = start("--model", "sleeper:build", "-d", "board")
    mute.accept()
    at_work = converter(tmp_path)
    mute.hang_up()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (4, "")
    *steps, said = err.splitlines()
    assert steps == ["qbench: looking at the devices", "qbench: making variants of build"]
    assert said.startswith("qbench: 127.0.0.1: ")
    assert ended(at_work)
    assert not left_behind(tmp_path)


@needs_converter
def test_a_lost_board_is_said_while_variants_for_the_others_are_made(start, tmp_path, mute):
    process = start("--model", "sleeper:build", "-d", "here", "-d", "board")
    mute.accept()
    at_work = converter(tmp_path)
    mute.hang_up()
    while not (line := process.stderr.readline()).startswith("qbench: 127.0.0.1: "):
        assert line, "it ended without a word"
    assert process.poll() is None and not ended(at_work, 0)
    process.send_signal(signal.SIGTERM)
    assert (process.wait(30), process.stderr.read()) == (130, "qbench: interrupted\n")
    assert ended(at_work)
    assert not left_behind(tmp_path)


@needs_converter
def test_a_model_that_fails_waits_for_no_board(start, tmp_path, mute):
    """2 goes before 4."""
    process = start("--model", "broken:build", "-d", "board")
    mute.accept()
    out, err = process.communicate(timeout=50)  # connecting may take 60 s
    assert (process.returncode, out) == (2, "")
    assert err.splitlines()[-1].startswith("qbench: broken:build: ") and "no such layer" in err
    assert mute.is_left()
    assert not left_behind(tmp_path)


def test_ctrl_c_while_a_board_does_not_answer(start, tmp_path, mute, twins):
    process = start("--model", str(twins), "-d", "here", "-d", "board")
    mute.accept()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == ["qbench: looking at the devices", "qbench: interrupted"]
    assert mute.is_left()
    assert not left_behind(tmp_path)


@pytest.mark.smoke
def test_a_missing_model_is_said_before_anybody_connects(start, mute):
    process = start("--model", "missing", "-d", "board")
    assert process.wait(30) == 2
    mute._listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        mute.accept()
