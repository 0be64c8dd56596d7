"""Names and messages from outside reach the terminal as plain text on the line they belong to."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.cli.conftest import COMMAND, environment
from tests.models import dense_model, pack

FORGED = "\nqbench: all is well"
HOSTILE = f"a\x1b]0;owned\x07\x1b[31m\x9b2J\u202eb\u2066{FORGED}[red]c[bold]:smile:"
LONG = "long" * 2500


def check(text: str) -> None:
    """No control, format or bidi character but line feeds; no forged line; markup as it was written."""
    bad = {char for char in text if not char.isprintable() and char != "\n"}
    assert not bad, f"{bad!r} in {text!r}"
    assert not any(line.startswith(FORGED.strip()) for line in text.splitlines())


def model_with(op: str, tensor: str, description: str = "") -> bytes:
    """A .tflite with one custom op, whose names are these."""
    model = schema.ModelT.InitFromPackedBuf(dense_model(seed=1), 0)
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = op
    model.subgraphs[0].operators[0].builtinOptions = None
    model.subgraphs[0].operators[0].builtinOptionsType = 0
    model.subgraphs[0].tensors[0].name = tensor
    model.description = description
    return pack(model)


@pytest.fixture
def hostile_folder(tmp_path):
    """A folder of two models, the folder and one file of hostile names."""
    folder = tmp_path / HOSTILE
    folder.mkdir()
    (folder / f"{HOSTILE}.tflite").write_bytes(dense_model(seed=1))
    (folder / "b.tflite").write_bytes(model_with(HOSTILE, HOSTILE, HOSTILE))
    return folder


@pytest.mark.smoke
def test_run_compat_and_show(qbench, hostile_folder, cache):
    wide = {**environment(cache), "COLUMNS": "500"}  # so that no line is broken where a name's line feed was
    for arguments in (
        ["run", "--model", hostile_folder, "--device", "cpu", "--budget", "0.02"],
        ["show"],
        ["compat", "--model", hostile_folder, "--device", "xnnpack"],
    ):
        done = qbench(*arguments, env=wide)
        assert done.returncode in (0, 3), done.stderr
        assert "[red]c[bold]:smile:" in done.stdout
        check(done.stdout)
        check(done.stderr)


def test_inspect(qbench, hostile_folder):
    done = qbench("inspect", hostile_folder / "b.tflite", "--device", "xnnpack")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[red]c[bold]:smile:") >= 4
    check(done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", HOSTILE],
        ["run", "--model", HOSTILE],
        ["run", "--devices-file", HOSTILE],
        ["run", "--device", HOSTILE],
        ["run", "--threads", HOSTILE],
        ["run", f"--{HOSTILE}"],
        ["show", HOSTILE],
        ["compat", "--model", "twins", "--html", f"{HOSTILE}/x"],
        [HOSTILE],
    ],
)
def test_errors(qbench, twins, arguments):
    done = qbench(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.removeprefix("qbench: looking at the devices\n").splitlines()) == 1
    check(done.stderr)


def test_devices_file(qbench, tmp_path):
    """Its notes and hosts are checked when it is read; its path and the complaints about it are printed."""
    path = tmp_path / f"{HOSTILE}.toml"
    path.write_text('[devices.one]\ndelegates = ["cpu"]\nnote = "[red]a[/red] :smile:"\n')
    done = qbench("devices", "--devices-file", path, "--probe")
    assert done.returncode == 0, done.stderr
    assert "[red]a[/red] :smile:" in done.stdout
    check(done.stdout)
    path.write_text(f'[devices."{LONG}"]\n')
    done = qbench("devices", "--devices-file", path)
    assert done.returncode == 2
    check(done.stderr)
    assert len(done.stderr) < 5000


def test_long_names_are_cut(qbench, tmp_path):
    (tmp_path / "long.tflite").write_bytes(model_with(LONG, LONG, LONG))
    done = qbench("inspect", "long.tflite", "--device", "xnnpack")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) < 12_000
    assert "…" in done.stdout


def test_a_long_reason_in_a_table_is_folded_and_not_cut(qbench, tmp_path):
    library = "/no/such/" + "folder_" * 12 + "library.so"
    (tmp_path / "devices.toml").write_text(
        f'[devices.one]\ndelegates = [{{ name = "external", library = "{library}" }}]\n'
    )
    done = qbench("devices", "--probe")
    assert done.returncode == 0, done.stderr
    column = "".join(
        line[done.stdout.splitlines()[2].index("delegates") :] for line in done.stdout.splitlines()
    )
    assert library in "".join(column.split())


STEP = """
import sys
from harness.report.progress import ProgressBar
with ProgressBar(quiet=False) as bar:
    bar.step(f"making variants of {sys.argv[1]}")
"""


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ([*COMMAND, "run", "--device", "cpu", "--budget", "0.3", "--model"], "measuring on"),
        ([sys.executable, "-c", STEP], "making variants of a"),
    ],
)
def test_a_progress_bar_on_a_terminal(hostile_folder, tmp_path, cache, command, seen):
    """Rich's own escapes are there; none of the name's."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command, hostile_folder.name],
        cwd=tmp_path,
        env={**environment(cache), "TERM": "xterm", "COLUMNS": "200"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 1 << 16)
        except OSError:  # EIO: the other end is closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert process.wait(timeout=60) in (0, 3)
    text = shown.decode()
    assert seen in text
    for theirs in ("\x1b]0;", "\x07", "\x1b[31m\x9b", "\x9b", "\u202e", "\u2066"):
        assert theirs not in text
