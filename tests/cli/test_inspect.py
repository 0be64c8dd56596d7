"""qbench inspect and qbench compat as a user runs them, on sound files and on nonsense."""

from __future__ import annotations

import json

import pytest

from tests.models import dense_model
from tests.nets import CACHED_BYTES, STREAMED_BYTES
from tests.ops import Op, Tensor, build, one


@pytest.fixture
def dense(tmp_path):
    path = tmp_path / "dense.tflite"
    path.write_bytes(dense_model(1))
    return path


def test_inspect_shows_ops_and_predictions(qbench, dense):
    done = qbench("inspect", dense, "--device", "xnnpack")
    assert done.returncode == 0
    assert "FULLY_CONNECTED v1" in done.stdout and "✓" in done.stdout
    assert "1 of 1 ops taken" in done.stdout


def test_inspect_json_is_one_document(qbench, dense):
    done = qbench("inspect", dense, "--device", "xnnpack", "--json", "-")
    document = json.loads(done.stdout)
    assert document["ops"][0]["macs"] == 12
    assert document["ops"][0]["inputs"][1]["constant"] is True
    assert document["predictions"][0]["ops"][0]["verdict"] == "taken"


def test_inspect_says_what_is_only_likely(qbench, tmp_path):
    sizes, shape = Tensor("int32", [2], values=[12, 12]), [1, 12, 12, 8]
    data = one("RESIZE_NEAREST_NEIGHBOR", [Tensor("int8", [1, 6, 6, 8]), sizes], [Tensor("int8", shape)], {})
    (tmp_path / "up.tflite").write_bytes(data)
    shown = qbench("inspect", str(tmp_path / "up.tflite"), "--device", "coral").stdout
    assert "(✓)" in shown and "1 of 1 ops taken, 1 of the verdicts only likely" in shown
    assert "likely taken: RESIZE_NEAREST_NEIGHBOR #0" in shown
    document = json.loads(
        qbench("inspect", str(tmp_path / "up.tflite"), "--device", "coral", "--json", "-").stdout
    )
    (found,) = [p for p in document["predictions"] if p["delegate"] == "edgetpu"]
    assert (found["likely"], found["ops"][0]["verdict"], found["ops"][0]["likely"]) == (1, "taken", True)


@pytest.mark.smoke
def test_inspect_knows_compiled_models(qbench, nets):
    path = nets / "resnet_int8_edgetpu.tflite"
    document = json.loads(qbench("inspect", path, "--json", "-").stdout)
    (package,) = document["edgetpu"]
    assert package["min_runtime_version"] == 12
    assert (package["cached_bytes"], package["streamed_bytes"]) == (CACHED_BYTES, STREAMED_BYTES)
    assert (document["parameters"], document["macs"]) == (None, None)
    shown = qbench("inspect", path).stdout
    assert "Edge TPU runtime 12" in shown
    assert "parameters and MACs unknown" in shown


def test_inspect_says_at_least_where_it_cannot_count(qbench, tmp_path):
    x = [Tensor("float32", [1, 4])]
    (tmp_path / "loop.tflite").write_bytes(one("WHILE", x, x))
    assert "at least 0 parameters, at least 0 MACs" in qbench("inspect", "loop.tflite").stdout
    (tmp_path / "custom.tflite").write_bytes(one("mine", x, x))
    assert ", 0 parameters, at least 0 MACs" in qbench("inspect", "custom.tflite").stdout


def test_inspect_and_compat_agree_on_the_release_that_int16_needs(qbench, tmp_path):
    """The converter writes the versions of int8 kernels, and 1.6.0 into the file."""
    image = Tensor("int16", [1, 4, 4, 2])
    (tmp_path / "wide.tflite").write_bytes(one("MAX_POOL_2D", [image], [image], version=2))
    assert (
        "TensorFlow Lite 2.3 or newer, because of MAX_POOL_2D with int16 tensors"
        in qbench("inspect", "wide.tflite").stdout
    )
    asked = ("wide.tflite", "--json", "-")
    needs = json.loads(qbench("inspect", *asked).stdout)["needs"]
    (variant,) = json.loads(qbench("compat", "--device", "cpu", "--model", *asked).stdout)["variants"]
    assert variant["needs"] == needs
    assert needs["release"] == "2.3"


def hostile() -> dict[str, bytes]:
    sound = dense_model(1)
    tensors = {"x": Tensor("int8", [1, 4]), "y": Tensor("int8", [1, 4])}
    flawed = Op("edgetpu-custom-op", ["x"], ["y"], custom=b"\xff" * 40)
    return {
        "empty": b"",
        "text": b"this is not a model, whatever its name says",
        "truncated": sound[: len(sound) // 2],
        "identifier": b"\0\0\0\0TFL3",
        "counts": sound[:12] + b"\xff" * (len(sound) - 12),
        "package": build(tensors, [flawed], ["x"], ["y"]),
        "no-ops": build({"x": Tensor("float32", [1])}, [], ["x"], ["x"]),
    }


@pytest.mark.parametrize("name", list(hostile()))
def test_nonsense_costs_one_line(qbench, tmp_path, name):
    path = tmp_path / f"{name}.tflite"
    path.write_bytes(hostile()[name])
    for command in (("inspect", path, "--device", "xnnpack"), ("compat", "--model", path, "--quiet")):
        done = qbench(*command)
        if name in {"package", "no-ops"}:  # odd, but models
            assert done.returncode == 0
        else:
            assert done.returncode == 2 and not done.stdout
            assert len(done.stderr.strip().splitlines()) == 1
            assert str(path) in done.stderr or path.name in done.stderr


def test_a_missing_file_and_an_unknown_device(qbench, dense, tmp_path):
    missing = qbench("inspect", tmp_path / "none.tflite")
    assert missing.returncode == 2 and "none.tflite" in missing.stderr
    unknown = qbench("inspect", dense, "--device", "xnnpak")
    assert unknown.returncode == 2 and "did you mean" in unknown.stderr


def test_compat_writes_all_its_forms(qbench, twins, tmp_path):
    files = {"--html": tmp_path / "r.html", "--markdown": tmp_path / "r.md", "--json": tmp_path / "r.json"}
    done = qbench("compat", "--model", twins, *(part for pair in files.items() for part in pair))
    assert done.returncode == 0 and "✓ all ○" in done.stdout
    assert all(path.stat().st_size for path in files.values())
    assert files["--html"].read_text("utf-8").startswith("<!DOCTYPE html>")
    document = json.loads(files["--json"].read_text("utf-8"))
    assert document["cells"] and len(document["made"]["rules"]) == 64
    assert document["made"]["rules"][:12] in files["--markdown"].read_text("utf-8")
    assert {verdict["device"] for verdict in document["verdicts"]} == {c["device"] for c in document["cells"]}


def test_compat_json_alone_on_stdout(qbench, twins):
    done = qbench("compat", "--model", twins, "--device", "xnnpack", "--json", "-", "--quiet")
    assert {c["predicted"]["outcome"] for c in json.loads(done.stdout)["cells"]} == {"all"}
    assert not done.stderr


def test_compat_says_what_runs_have_seen(qbench, twins):
    assert qbench("run", "--model", twins, "--device", "xnnpack", "--budget", "0.02").returncode == 0
    done = qbench("compat", "--model", twins, "--device", "xnnpack")
    assert "✓ all ● baseline" in done.stdout


def test_compat_complains_before_the_work(qbench, twins, tmp_path):
    done = qbench("compat", "--model", twins, "--html", tmp_path / "no" / "r.html")
    assert done.returncode == 2 and "--html" in done.stderr and len(done.stderr.splitlines()) == 1
