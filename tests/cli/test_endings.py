"""Exit codes where several apply (130, 2, 4, 1, 3, 0), and stdout with --json -: one document, or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.cli.conftest import COMMAND, environment, wait_for_launches
from tests.models import dense_model

DEVICES = """
[devices.here]
delegates = ["cpu"]
[devices.tpu]
delegates = [{ name = "external", library = "/no/such/library.so" }]
[devices.board]
place = "ssh"
host = "127.0.0.1"
port = 1
"""
RUN = ["run", "--model", "twins", "--budget", "0.02", "--json", "-"]


@pytest.fixture(autouse=True)
def devices(tmp_path):
    (tmp_path / "devices.toml").write_text(DEVICES)


@pytest.mark.parametrize(
    ("arguments", "code", "documents"),
    [
        ([*RUN, "-d", "here"], 0, 1),
        ([*RUN, "-d", "here", "-d", "tpu"], 3, 1),
        ([*RUN, "-d", "tpu"], 3, 1),
        ([*RUN, "-d", "here", "-d", "tpu", "-d", "board"], 4, 1),
        ([*RUN, "-d", "board"], 4, 0),
        ([*RUN, "-d", "board", "--model", "missing"], 2, 0),
        ([*RUN, "-d", "here", "-d", "board", "--model", "missing"], 2, 0),
        ([*RUN, "-d", "here", "-d", "board", "--baseline", "missing"], 2, 0),
        ([*RUN, "-d", "here", "--threads", "many"], 2, 0),
        (["devices", "--json", "-"], 0, 1),
        (["devices", "--probe", "--json", "-"], 4, 1),
        (["devices", "missing", "--json", "-"], 2, 0),
        (["inspect", "twins/a.tflite", "--json", "-"], 0, 1),
        (["inspect", "twins/b.tflite", "-d", "here", "-d", "board", "--json", "-"], 0, 1),
        (["inspect", "twins", "--json", "-"], 2, 0),
        (["compat", "--model", "twins", "--json", "-"], 0, 1),
        (["compat", "--model", "missing", "--json", "-"], 2, 0),
        (["show", "--json", "-"], 2, 0),
        (["show", "missing", "--json", "-"], 2, 0),
    ],
)
def test_endings(qbench, twins, arguments, code, documents):
    done = qbench(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if documents:
        assert isinstance(json.loads(done.stdout), dict)
    else:
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith("qbench: ")


def test_a_bad_variant_beside_a_board_that_is_not_there(qbench, twins):
    """The run is stored and shown; 4 goes before 3."""
    (twins / "broken.tflite").write_bytes(b"broken")
    done = qbench(*RUN, "-d", "here", "-d", "board")
    assert done.returncode == 4
    cells = json.loads(done.stdout)["cells"]
    assert {c["status"] for c in cells if c["device"] == "here"} == {"ok", "refused"}


def test_what_cannot_be_written_goes_before_a_board_that_is_not_there(qbench, twins):
    done = qbench(*RUN[:-2], "--json", "/dev/full", "-d", "here", "-d", "board")
    assert done.returncode == 2
    assert "cannot write --json /dev/full: No space left on device" in done.stderr
    assert "twins on here" in done.stdout


@pytest.mark.parametrize("more", [[], ["-d", "board"]])
def test_an_interrupted_run_is_a_whole_document(twins, tmp_path, cache, more):
    for file in twins.iterdir():  # a model that takes long enough to be interrupted
        file.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))
    process = subprocess.Popen(
        [*COMMAND, *RUN, "-d", "here", *more, "--budget", "60"],
        cwd=tmp_path,
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for_launches(tmp_path / "results", 2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"] is True
    assert err.splitlines()[-1] == "qbench: interrupted"
