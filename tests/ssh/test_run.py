"""Several boards at the same time, and a board that several want."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from delegates.wire import Request
from harness.errors import ConfigError
from tests.cli.conftest import COMMAND, environment
from tests.models import dense_model
from tests.ssh.board import wait_for
from tests.ssh.conftest import Watching, exit_code


@pytest.mark.slow
def test_a_board_and_this_machine_in_one_command_and_one_table(qbench, board, tmp_path, model):
    """The user's way, from devices.toml to the table."""
    (tmp_path / "devices.toml").write_text(
        '[devices.here]\ndelegates = ["cpu"]\n' + board.profile(note="emulated")
    )
    done = qbench("run", "--model", model, "--device", "here", "--device", board.name, "--budget", "0.05")
    assert done.returncode == 0, done.stderr
    assert f"net on {board.name}" in done.stdout
    assert "emulated" in done.stdout
    (stored,) = tmp_path.glob("results/*/run.json")
    document = json.loads(stored.read_text())
    here, there = document["cells"]
    assert (here["device"], there["device"]) == ("here", board.name)
    assert there["status"] == "ok"
    assert there["latency_ms"]["launches"] >= 6
    assert there["speedup"]["baseline"]["device"] == board.name  # compared with what ran on the same machine
    assert there["fidelity"]["max_abs_error"] == 0
    assert [(d["place"], d["problem"]) for d in document["devices"]] == [("local", None), ("ssh", None)]
    assert document["devices"][1]["facts_after"]
    assert board.is_clean()
    assert board.is_free()


def test_one_dead_board_delays_nobody(measure, watching, boards):
    """The other cells are whole; the dead one's say why; exit code 4."""
    good, dead = boards("good"), boards("dead")
    dead.stop()
    document = measure(good.profile(), dead.profile(), watching=watching).document
    first, second = document["cells"]
    assert first["status"] == "ok" and first["latency_ms"]["launches"] >= 6
    assert second["status"] == "unavailable" and second["latency_ms"] is None
    assert "Connection refused" in second["reason"]
    assert [d["problem"] for d in document["devices"]] == [None, second["reason"]]
    assert watching.notes == [second["reason"]]
    assert exit_code(document) == 4


@pytest.mark.smoke
def test_two_boards_are_driven_at_the_same_time(measure, boards):
    """Each waits for the other in the middle of measuring: that works only if both are in it."""
    both = threading.Barrier(2, timeout=30)

    class Meeting(Watching):
        def __init__(self):
            super().__init__()
            self.met = set()

        def measured(self, machine, progress):
            if machine not in self.met:
                self.met.add(machine)
                both.wait()

    first, second = boards("first"), boards("second")
    watching = Meeting()
    document = measure(first.profile(), second.profile(), watching=watching).document
    assert watching.met == {"first", "second"}
    assert [cell["status"] for cell in document["cells"]] == ["ok", "ok"]


def test_boards_behind_one_name_are_told_apart(measure, boards):
    """As behind ports of a gateway: each has its own name in messages and its own bar."""
    first, second = boards("first"), boards("second")
    second.stop()
    address = {"host": "127.0.0.1"}
    watching = Watching()
    profiles = [
        b.profile(**address, port=b.port, identity_file=str(b.keys / "user"),
                  ssh_options=["-F", "none", "-o", f"UserKnownHostsFile={b.folder}/known_hosts"])
        for b in (first, second)
    ]  # fmt: skip
    document = measure(*profiles, watching=watching).document
    assert [cell["status"] for cell in document["cells"]] == ["ok", "unavailable"]
    assert watching.notes[0].startswith("127.0.0.1 (second): ")


# The lock


@contextlib.contextmanager
def occupied(transport_of, board, run="run-1"):
    """Another run holds the board's lock: a real one, that has arrived and waits for its request."""
    with transport_of(board.profile()) as transport:
        transport.lock_for(run, None)
        transport.open_link()
        connection = transport._new_connection(Request("probe"))
        transport._bootstrap(connection)
        try:
            yield connection
        finally:
            connection.close()


def test_the_second_run_waits_for_its_turn_and_says_so(measure, transport_of, board):
    with occupied(transport_of, board) as owner:

        class Waiting(Watching):
            def note(self, text):
                super().note(text)
                threading.Thread(target=owner.close).start()

        watching = Waiting()
        document = measure(board.profile(), watching=watching).document
    (note,) = watching.notes
    assert re.fullmatch(r"board is in use by \S+@\S+ \(run run-1\) for \d+ s; waiting", note)
    assert [cell["status"] for cell in document["cells"]] == ["ok"]


def test_wait_gives_up_and_names_who_and_which_run(measure, transport_of, board):
    with occupied(transport_of, board):
        started = time.monotonic()
        document = measure(board.profile(), wait_s=0.5).document
        assert time.monotonic() - started < 10
    (cell,) = document["cells"]
    assert cell["status"] == "unavailable"
    used = r"it is in use by \S+@\S+ \(run run-1\) for \d+ s; --wait gives more time"
    assert re.search(used, cell["reason"])
    assert document["devices"][0]["problem"] == cell["reason"]
    assert exit_code(document) == 4


def test_probing_shows_who_has_the_board_and_does_not_wait(qbench, transport_of, board, tmp_path):
    with occupied(transport_of, board):
        done = qbench("devices", "--probe", "--json", "-")
        shown = qbench("devices", "--probe")
    (device,) = json.loads(done.stdout)["devices"]
    assert (done.returncode, device["problem"]) == (0, None)
    assert re.fullmatch(r"\S+@\S+ \(run run-1\) for \d+ s", device["lock"])
    assert "in use by" in shown.stdout
    assert device["machine"]["cores"] == os.cpu_count()
    done = qbench("devices", "--probe", "--json", "-")
    assert json.loads(done.stdout)["devices"][0]["lock"] is None


def test_what_is_in_use_is_not_cleaned(qbench, transport_of, board, tmp_path):
    with occupied(transport_of, board):
        (tmp_path / "devices.toml").write_text(board.profile())
        done = qbench("devices", "--clean", board.name)
        assert done.returncode == 4
        assert "it is in use by" in done.stderr
        assert "try again later" in done.stderr
        assert list((board.workdir / "files").iterdir())


def test_a_dead_owners_lock_is_free(transport_of, board):
    with occupied(transport_of, board):
        assert not board.is_free()
        for pid in board.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert board.is_clean()
        assert board.is_free()
        with transport_of(board.profile()) as second:
            second.lock_for("run-2", 0)
            assert len(list(second.start(Request("probe")))) == 1


def test_an_owner_whose_home_was_killed_leaves_the_board(board, tmp_path, cache, model, scratch):
    """SIGKILL at home: nobody says goodbye, and still nothing is left on the board."""
    (tmp_path / "devices.toml").write_text(board.profile())
    process = subprocess.Popen(
        [*COMMAND, "run", "--model", str(model), "--device", board.name, "--budget", "60"],
        cwd=tmp_path, env={**environment(cache), "TMPDIR": scratch},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: board.find(" launch "), 30)
    process.kill()
    process.wait()
    assert board.is_clean(seconds=10)
    assert board.is_free()


def test_both_sides_on_a_board(measure, board, tmp_path):
    """Files of both sides are sent; another Python is one on the board."""
    (tmp_path / "old.tflite").write_bytes(dense_model(seed=1, inputs=64, outputs=64))
    document = measure(board.profile(), against=str(tmp_path / "old.tflite")).document
    head, base = document["cells"]
    assert (head["side"], head["status"], base["side"], base["status"]) == ("head", "ok", "base", "ok")
    assert base["size_bytes"] > head["size_bytes"]
    bare = board.home / "other"
    bare.symlink_to(Path(sys.executable).parents[1])
    document = measure(board.profile(), against=f"python={bare}/bin/python").document
    assert [(d["name"], d["side"]) for d in document["devices"]] == [("board", "head"), ("board", "base")]
    assert [cell["status"] for cell in document["cells"]] == ["ok", "ok"]
    assert all(device["facts_after"] for device in document["devices"])
    none = board.home / "none" / "python"
    with pytest.raises(ConfigError, match=f"--against python={none}: "):
        measure(board.profile(), against=f"python={none}")
    assert board.is_free()
