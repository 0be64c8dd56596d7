"""How far outputs are, of real models on real runtimes, from the command line to what is printed."""

from __future__ import annotations

import json

from tests.detector import detector
from tests.models import dense_model
from tests.ops import Tensor, one


def cells_of(done):
    assert done.returncode == 0, done.stderr
    return {(c["variant"], c["delegate"]): c for c in json.loads(done.stdout)["cells"]}


def codes(cell):
    return [warning["code"] for warning in cell["warnings"]]


def test_detections_in_another_order_are_no_other_detections(qbench, tmp_path):
    """Ten boxes whose scores differ by rounding only: XNNPACK sums in another order than the kernels do."""
    (tmp_path / "detector.tflite").write_bytes(detector())
    found = cells_of(qbench("run", "--model", "detector.tflite", "--budget", "0.02", "--json", "-"))
    there = found["float32", "xnnpack"]
    assert there["status"] == "partial"
    assert "delegate-differs" not in codes(there) and "variant-differs" not in codes(there)
    assert there["fidelity"]["sqnr_db"] is None or there["fidelity"]["sqnr_db"] > 80


def test_a_detector_with_other_boxes_differs_and_the_output_is_named(qbench, tmp_path):
    folder = tmp_path / "detectors"
    folder.mkdir()
    (folder / "float32.tflite").write_bytes(detector(tied=False))
    (folder / "worse.tflite").write_bytes(detector(tied=False, broken=True))
    found = cells_of(qbench("run", "--model", folder, "--budget", "0.02", "--device", "cpu", "--json", "-"))
    (said,) = [w for w in found["worse", "cpu"]["warnings"] if w["code"] == "variant-differs"]
    assert "dB in output boxes" in said["message"] and "% of the list's rows found again" in said["message"]


def test_a_single_quantized_file_is_compared_with_itself_on_cpu(qbench, tmp_path):
    through = Tensor("int8", [1, 64])
    (tmp_path / "quantized.tflite").write_bytes(one("RELU", [through], [through]))
    done = qbench("run", "--model", "quantized.tflite", "--budget", "0.02", "--json", "found.json")
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "found.json").read_text())["cells"]
    assert {c["delegate"] for c in cells} == {"cpu", "xnnpack"}
    (name,) = {c["variant"] for c in cells}
    assert {c["fidelity"]["reference"] for c in cells} == {f"{name}/cpu@cpu"}
    assert all(c["fidelity"]["samples"] == 16 for c in cells)
    assert f"against {name}/cpu@cpu" in " ".join(qbench("show").stdout.split())


def test_a_variant_that_says_something_else_is_flagged_and_has_no_star(qbench, tmp_path):
    """Other weights under the name of a quantized variant, beside float32 itself."""
    folder = tmp_path / "dense"
    folder.mkdir()
    (folder / "float32.tflite").write_bytes(dense_model(seed=1, inputs=64, outputs=10))
    (folder / "int8.tflite").write_bytes(dense_model(seed=2, inputs=64, outputs=10))
    done = qbench("run", "--model", folder, "--budget", "0.02", "--json", "found.json")
    document = json.loads((tmp_path / "found.json").read_text())
    flagged = {c["variant"] for c in document["cells"] if "variant-differs" in codes(c)}
    assert flagged == {"int8"}
    starred = {c["id"]: c["variant"] for c in document["cells"]}[document["conclusions"][0]["cell"]]
    assert starred == "float32"
    assert "top-1" in done.stdout and "SQNR -" in done.stdout
