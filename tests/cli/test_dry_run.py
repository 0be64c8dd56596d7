"""qbench run --dry-run: what would be measured and how long it would take; nothing is made or stored."""

from __future__ import annotations

import json
import shutil

import jsonschema
import pytest

from harness.record import schema
from tests.cli.conftest import SLEEPER
from tests.models import dense_model

DRY = ("run", "--dry-run", "--quiet")
BOARD = '[devices.board]\nplace = "ssh"\nhost = "127.0.0.1"\nport = 1\n'


def planned(done, *keys):
    return [tuple(cell[key] for key in keys) for cell in json.loads(done.stdout)["cells"]]


def test_it_tells_what_a_run_then_does(qbench, twins, tmp_path):
    arguments = ("--model", twins, "--device", "cpu", "--device", "xnnpack", "--budget", "0.1")
    before = qbench(*DRY, *arguments, "--json", "-")
    assert before.returncode == 0 and not (tmp_path / "results").exists()
    jsonschema.validate(json.loads(before.stdout), json.loads(schema.FORECAST_FILE.read_text("utf-8")))
    run = json.loads(qbench("run", "--quiet", *arguments, "--json", "-").stdout)
    keys = ("id", "model", "variant", "device", "delegate", "threads")
    assert planned(before, *keys) == [tuple(cell[key] for key in keys) for cell in run["cells"]]
    assert set(planned(before, "plan", "stored_runs", "seconds")) == {("measure", 0, 0.1)}

    left = sorted(tmp_path.rglob("results/**/*"))
    after = qbench(*DRY, *arguments, "--json", "-")
    assert sorted(tmp_path.rglob("results/**/*")) == left
    assert set(planned(after, "plan", "stored_runs")) == {("measure", 1)}
    document = json.loads(after.stdout)
    assert document["measure_s"] == pytest.approx(sum(cell["seconds"] for cell in document["cells"]))
    assert document["seconds"] == pytest.approx(document["measure_s"] + document["prepare_s"])
    shown = qbench(*DRY, *arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "4 cells to measure\n" in shown.stdout and "(4 of 4 cells by stored runs)" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_what_would_not_be_measured_is_listed_with_its_reason(qbench, tmp_path):
    (tmp_path / "devices.toml").write_text(
        '[devices.here]\ndelegates = ["cpu", "edgetpu", { name = "external", library = "/no/library.so" }]\n'
    )
    (tmp_path / "net.tflite").write_bytes(dense_model(seed=1))
    arguments = ("--model", "net.tflite", "-d", "here")
    done = qbench(*DRY, *arguments, "--json", "-")
    assert done.returncode == 0
    assert planned(done, "delegate", "plan", "seconds") == [
        ("cpu", "measure", 2.0),
        ("edgetpu", "skipped", None),
        ("external", "unavailable", None),
    ]
    shown = qbench(*DRY, *arguments).stdout
    assert "skipped  net on edgetpu@here: float32\n    the Edge TPU runs int8 and uint8 only" in shown
    assert "unavailable  net on external@here: float32\n" in shown and "library.so" in shown
    assert "1 cell to measure, 1 skipped, 1 unavailable\n" in shown


def test_variants_that_are_not_made_yet_are_named_and_not_made(qbench, tmp_path):
    """The model takes for ever to build; which ops int8 would have is not known, so nothing is skipped."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "devices.toml").write_text('[devices.here]\ndelegates = ["cpu"]\n[variants.mine]\n')
    arguments = ("--model", "sleeper:build", "--variant", "float32", "--variant", "mine")
    done = qbench(*DRY, *arguments, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert planned(done, "variant", "plan", "make") == [
        ("float32", "measure", "convert"),
        ("mine", "measure", "convert"),
    ]
    assert not (tmp_path / "pid").exists()
    assert "2 variants to convert; whether that succeeds" in qbench(*DRY, *arguments).stdout


def test_sides_on_two_runtimes_share_their_variants(qbench, tmp_path):
    """Each is converted once, and known by what either side has cost."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "devices.toml").write_text('[devices.cpu]\ndelegates = ["cpu"]\n')
    (tmp_path / "net.tflite").write_bytes(dense_model(seed=1))
    sides = ("-d", "cpu", "--against", "runtime=tflite-runtime", "--budget", "0.05")
    shown = qbench(*DRY, "--model", "sleeper:build", "--variant", "float32", *sides)
    assert shown.returncode == 0, shown.stderr
    assert "2 cells to measure\n1 variant to convert;" in shown.stdout
    assert qbench("run", "--quiet", "--model", "net.tflite", *sides).returncode == 0
    known = qbench(*DRY, "--model", "net.tflite", *sides, "--json", "-")
    assert planned(known, "side", "stored_runs") == [("head", 1), ("base", 1)]


def test_an_edge_tpu_model_is_not_compiled(qbench, tmp_path, nets, standin_library, standin_compiler):
    (tmp_path / "devices.toml").write_text(
        f'[devices.coral]\ndelegates = [{{ name = "edgetpu", library = "{standin_library}",'
        f' compiler = "{standin_compiler.command}" }}]\n'
    )
    model = shutil.copy(nets / "resnet_int8.tflite", tmp_path)
    done = qbench(*DRY, "--model", model, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert planned(done, "plan", "make") == [("measure", "compile")]
    assert standin_compiler.calls == 0


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("-d", "cpu", "-d", "board"), 4, ""),
        (("-d", "board"), 4, "ssh: connect to host"),
        (("-d", "nowhere"), 2, 'no device "nowhere"'),
        (("-d", "cpu", "--baseline", "missing"), 2, "--baseline missing"),
        (("-d", "cpu", "--model", "missing.tflite"), 2, "missing.tflite: no such file"),
    ],
)
def test_it_ends_as_the_run_would(qbench, twins, tmp_path, arguments, code, complaint):
    (tmp_path / "devices.toml").write_text('[devices.cpu]\ndelegates = ["cpu"]\n' + BOARD)
    done = qbench(*DRY, "--model", twins, *arguments)
    assert done.returncode == code and complaint in done.stderr
    assert not (tmp_path / "results").exists()
