"""Strings that would do harm if anybody evaluated them, and boards that mean harm."""

from __future__ import annotations

import json
import re
import resource
import sys
import time

import pytest

from delegates.wire import Request
from harness.errors import DeviceError
from tests.models import dense_model
from tests.ssh import hostile
from tests.ssh.conftest import TIMEOUTS, Watching

NASTY = [
    "-rf $(touch owned) `touch owned`", "a'b\"c \\", "; touch owned #", "~root", "é中☃ !! %h {a,b} *",
    "&& touch owned", "| touch owned > owned",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_a_workdir_and_a_python_of_any_name(transport_of, board, name):
    """They are used as they are, by no shell."""
    folder = board.home / name
    folder.mkdir()
    (folder / "python").write_text(f'#!/bin/sh\necho used >> "$HOME/log"\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)
    for count, python in enumerate((f"{folder}/python", f"~/{name}/python"), start=1):
        with transport_of(board.profile(python=python, workdir=f"x/{name}")) as transport:
            assert len(list(transport.start(Request("probe")))) == 1
        assert (board.home / "log").read_text() == "used\n" * count
    assert (board.home / "x" / name / "files").is_dir()
    assert not list(board.folder.rglob("owned"))


@pytest.mark.parametrize("python", ["$(touch ~/owned)", "no such; touch ~/owned", "python3 -c 'x'"])
def test_a_python_that_is_none_is_not_evaluated(transport_of, board, python):
    """The board's own python3 begins in its place; what was asked for is then found missing."""
    with transport_of(board.profile(python=python)) as transport:
        assert len(list(transport.start(Request("probe")))) == 1
    assert not (board.home / "owned").exists()


@pytest.mark.slow
def test_models_and_variants_of_any_name(measure, board, tmp_path):
    folder = tmp_path / "mo'del $(touch owned)\n-rf é"
    folder.mkdir()
    names = [
        "-rf $(touch owned)",
        "a'b\"c; `touch owned` \\",
        "line\nbreak\ttab",
        "\x1b[2J\x07",
        "\u202eé中☃",
    ]
    for name in names:
        (folder / f"{name}.tflite").write_bytes(dense_model(seed=1))
    outcome = measure(board.profile(), models=[str(folder)], variants=(), budget_s=0.01)
    cells = outcome.document["cells"]
    assert sorted(cell["variant"] for cell in cells) == sorted(names)
    assert {cell["status"] for cell in cells} == {"ok"}
    assert not list(tmp_path.rglob("owned"))
    assert {path.name for path in board.workdir.iterdir()} == {"files", "lock"}
    assert {len(path.name) for path in (board.workdir / "files").iterdir()} == {64}


def test_environment_values_arrive_as_they_are(measure, boards, tmp_path):
    """And only their names are stored: they may be secrets."""
    board = boards()
    value = "a b'\"$(touch owned)\té\x1b"
    script = board.home / "python"
    script.write_text(f'#!/bin/sh\nprintf %s "$QBENCH_NASTY" > "$HOME/seen"\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    lines = board.profile(python=str(script)) + f"env = {{ QBENCH_NASTY = {json.dumps(value)} }}\n"
    outcome = measure(lines)
    assert [cell["status"] for cell in outcome.document["cells"]] == ["ok"]
    assert (board.home / "seen").read_text() == value
    for path in (tmp_path / "results").rglob("*.json"):
        assert "touch owned" not in path.read_text()


# A hostile board

BEFORE = {
    "endless_banner": "board: its login shell printed more than 1 MiB before it ran anything; look at",
    "endless_banner_line": "board: its login shell printed more than 1 MiB before it ran anything; look at",
    "endless_answer": "sent more than",
    "no_json": "board sent something that is no answer",
    "deep_json": "board sent something that is no answer",
    "other_json": "board sent something that is no answer",
    "lock_that_is_none": "board sent something that is no answer",
    "wrong_end": "board sent something that is no answer",
    "file_not_offered": "board asked for a file that was not offered",
    "files_again_and_again": "board sent something that is no answer",
    "waiting_in_a_hurry": "board sent something that is no answer",
    "reads_nothing": "board: it said nothing for 1 s; does ssh ",
    "forever_silent": "board: it said nothing for 1 s; does ssh ",
    "escapes_in_an_error": "qbench: all is well",
}
DURING = {
    "endless_line": ("crashed", "sent more than"),
    "silence": ("crashed", "the device said nothing for 1 s"),
    "wrong_json": ("crashed", "the device sent something that is no answer: Launch"),
    "escapes_in_reasons": ("refused", "�[2J"),
}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HURRY = type(TIMEOUTS)(**{**vars(TIMEOUTS), "answer_s": 1})


@pytest.fixture
def hostile_board(boards):
    def make(what: str, name: str = "board"):
        return boards(name, f"ForceCommand exec {sys.executable} {hostile.__file__} {what}")

    return make


@pytest.fixture
def within_bounds(tmp_path):
    """No minute, no GiB, and no file where none belongs."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    known = {"devices.toml", "net.tflite", "results", "board", "good", "evil", "out.json"}
    assert {path.name for path in tmp_path.iterdir()} <= known


@pytest.mark.parametrize("what", BEFORE)
def test_what_a_board_does_instead_of_taking_us_in(measure, hostile_board, within_bounds, tmp_path, what):
    board = hostile_board(what)
    watching = Watching()
    with pytest.raises(DeviceError) as caught:
        measure(board.profile(), watching=watching, timeouts=HURRY)
    said = str(caught.value)
    assert BEFORE[what] in said
    assert len(said) < 1000
    assert not CONTROL.search(said) and "\n" not in said
    assert len(watching.notes) < 100
    assert not list(tmp_path.glob("results/*"))
    board.end_all()


@pytest.mark.parametrize("what", DURING)
def test_what_a_board_does_instead_of_measuring(measure, hostile_board, within_bounds, tmp_path, what):
    board = hostile_board(what)
    outcome = measure(board.profile(), timeouts=HURRY)
    (cell,) = outcome.document["cells"]
    status, reason = DURING[what]
    assert cell["status"] == status
    assert reason in cell["reason"]
    assert len(cell["reason"]) < 1000
    assert cell["latency_ms"] is None
    for path in outcome.folder.iterdir():
        assert path.suffix == ".gz" or not CONTROL.search(path.read_text())
    board.end_all()


def test_a_board_answers_for_its_own_cells_only(measure, boards, hostile_board, within_bounds):
    good, evil = boards("good"), hostile_board("other_cells", "evil")
    cells = measure(good.profile(), evil.profile()).document["cells"]
    assert [(cell["device"], cell["status"]) for cell in cells] == [("good", "ok"), ("evil", "ok")]
    assert cells[0]["latency_ms"]["count"] > 50
    assert cells[1]["latency_ms"]["count"] == 18
    assert cells[1]["latency_ms"]["launches"] == 6


def test_no_more_launches_than_can_have_been_asked_for(measure, hostile_board, within_bounds):
    (cell,) = measure(hostile_board("more_launches_than_asked_for").profile()).document["cells"]
    assert cell["latency_ms"]["launches"] == 2 * Request("run").max_launches


def test_figures_that_cannot_be_harm_nobody_else(
    qbench, boards, hostile_board, within_bounds, model, tmp_path
):
    """The run ends, the other board's cells are whole, and what is stored can be read and shown again."""
    good, evil = boards("good"), hostile_board("strange_figures", "evil")
    (tmp_path / "devices.toml").write_text(good.profile() + evil.profile())
    done = qbench("run", "--model", model, "--device", "good", "--device", "evil", "--budget", "0.02")
    assert done.returncode in (0, 3), done.stderr
    assert "Traceback" not in done.stderr and "internal" not in done.stderr
    evil.end_all()
    (stored,) = tmp_path.glob("results/*/run.json")
    cells = json.loads(stored.read_text())["cells"]
    assert cells[0]["latency_ms"]["launches"] >= 6
    shown = qbench("show")
    assert shown.returncode == 0, shown.stderr
    assert "net on good" in shown.stdout
    assert not CONTROL.search(done.stdout + done.stderr + shown.stdout)


def test_what_is_shown_of_a_hostile_board(qbench, hostile_board, within_bounds, tmp_path):
    """The whole way to a person's terminal."""
    (tmp_path / "devices.toml").write_text(hostile_board("escapes_in_an_error").profile())
    for command in (
        ["devices", "--probe"],
        ["devices", "--probe", "--json", "-"],
        ["devices", "--clean", "board"],
    ):
        done = qbench(*command)
        assert done.returncode == 4
        assert "owned" in done.stdout + done.stderr
        assert not CONTROL.search(done.stdout + done.stderr)


def test_a_board_can_write_no_line_of_ours(qbench, hostile_board, within_bounds, model, tmp_path):
    (tmp_path / "devices.toml").write_text(hostile_board("forged_lines").profile())
    done = qbench("run", "--model", model, "--device", "board", "--json", "out.json")
    assert done.returncode == 3
    assert "all is well" in done.stdout
    assert not re.search("^qbench: all is well", done.stdout + done.stderr, re.M)
    assert len(done.stdout + done.stderr) < 10_000
    (cell,) = json.loads((tmp_path / "out.json").read_text())["cells"]
    assert "\n" not in cell["reason"] and len(cell["reason"]) <= 1000


def test_a_board_whose_clock_stands_still_measures_nothing(qbench, hostile_board, model, tmp_path):
    """0.00 µs is no figure, and nothing that is ok."""
    (tmp_path / "devices.toml").write_text(hostile_board("clock_that_stands_still").profile())
    done = qbench("run", "--model", model, "--device", "board", "--json", "out.json")
    assert done.returncode == 3, done.stderr
    (cell,) = json.loads((tmp_path / "out.json").read_text())["cells"]
    assert (cell["status"], cell["latency_ms"]) == ("refused", None)
    assert "the clock of this device does not work: all of 500 inferences took 0 ns by it" in cell["reason"]


def test_clean_of_a_board_that_answers_something_else(qbench, hostile_board, within_bounds, tmp_path):
    board = hostile_board("wrong_end")
    (tmp_path / "devices.toml").write_text(board.profile())
    done = qbench("devices", "--clean", "board")
    assert done.returncode == 4
    assert done.stderr == "qbench: board sent something that is no answer\n"
    board.end_all()
