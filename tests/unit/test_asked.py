"""Ready .tflite files with a shape or a signature: they compute what a runtime does that is told to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from delegates.wire import Runtime
from harness.accelerators import Verdict, predict
from harness.errors import ModelError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.record.shapes import read_sweep
from harness.tflite import read_model, work
from harness.tflite.asked import as_asked
from tests.models import dense_model, free_model, signatures_model
from tests.ops import Tensor, one

RUNTIMES = ["ai_edge_litert", "tflite_runtime"] if sys.version_info < (3, 12) else ["ai_edge_litert"]
SIZES = (("score", 4, 3), ("embed", 2, 5))

# In a process of its own: two runtimes in one clash. Prints the outputs for the numbers from 0 upwards, and
# the ops with those that the default delegate has made of them.
INVOKE = """
import importlib, json, sys
import numpy as np
runtime, model, shape, signature = sys.argv[1:]
interpreter = importlib.import_module(runtime + ".interpreter").Interpreter(model)
shape = json.loads(shape)
if signature:
    run = interpreter.get_signature_runner(signature)
    (detail,) = run.get_input_details().values()
    x = np.arange(np.prod(detail["shape"]), dtype=np.float32).reshape(detail["shape"])
    outputs = [*run(x=x).values()]
else:
    (detail,) = interpreter.get_input_details()
    if shape:
        interpreter.resize_tensor_input(detail["index"], shape, strict=True)
    interpreter.allocate_tensors()
    x = np.arange(np.prod(shape or detail["shape"]), dtype=np.float32)
    interpreter.set_tensor(detail["index"], x.reshape(shape or detail["shape"]))
    interpreter.invoke()
    outputs = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
ops = [node["op_name"] for node in interpreter._get_ops_details()]
print(json.dumps([[o.tolist() for o in outputs], ops]))
"""


def computed(runtime: str, path: Path, data: bytes, shape=(), signature="") -> tuple[list, list[str]]:
    path.write_bytes(data)
    command = [sys.executable, "-c", INVOKE, runtime, str(path), json.dumps(shape), signature]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs, ops = json.loads(done.stdout)
    return outputs, ops


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_shape_is_what_resizing_the_input_is(runtime, tmp_path):
    """Outputs and delegated ops are the same; the file alone has them without being told."""
    asked = as_asked(free_model(), "m", read_sweep(["2x5x4"])[0])
    assert asked.shape == "x=2x5x4"
    there, ops = computed(runtime, tmp_path / "free", free_model(), shape=[2, 5, 4])
    here, same_ops = computed(runtime, tmp_path / "asked", asked.data)
    assert np.shape(here[0]) == (2, 5, 3)
    np.testing.assert_allclose(here[0], there[0], rtol=1e-6)
    assert same_ops == ops
    assert "DELEGATE" in ops


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", [name for name, *_ in SIZES])
def test_a_signature_is_what_its_runner_computes(runtime, name, tmp_path):
    data = signatures_model(*SIZES)
    asked = as_asked(data, "m", signature=name)
    there, _ = computed(runtime, tmp_path / "all", data, signature=name)
    here, ops = computed(runtime, tmp_path / "one", asked.data)
    named, _ = computed(runtime, tmp_path / "one", asked.data, signature=name)
    assert np.shape(here[0]) == (1, {n: o for n, _, o in SIZES}[name])
    np.testing.assert_allclose(here[0], there[0], rtol=1e-6)
    np.testing.assert_allclose(named[0], here[0], rtol=1e-6)
    assert ops == ["FULLY_CONNECTED", "DELEGATE"]
    assert [one.name for one in read_model(asked.data).signatures] == [name]
    assert len(asked.data) == len(data)


def test_shapes_behind_the_inputs_are_known_and_what_depends_on_them():
    files = {size: as_asked(free_model(), "m", read_sweep([f"x=1x{size}x4"])[0]).data for size in (2, 6)}
    models = {size: read_model(data) for size, data in files.items()}
    assert [tensor.shape for tensor in models[6].tensors] == [(1, 6, 4), (1, 6, 4), (3, 4), (1, 6, 3)]
    assert all(-1 not in tensor.shape_signature for tensor in models[6].tensors)
    macs = {size: sum(work.macs(op, model) or 0 for op in model.ops) for size, model in models.items()}
    assert macs == {2: 24, 6: 72}
    told = predict(models[6], "xnnpack", Runtime("ai-edge-litert", "2.3.0"), {})
    assert told.count(Verdict.DELEGATED) == told.total == 2


@pytest.mark.parametrize(
    ("data", "shape", "signature", "why"),
    [
        (free_model(), "x=1x5x5", None, "m: --shape x=1x5x5: the model's input is x [?"),
        (free_model(), "y=1x5x4", None, "m: --shape y=1x5x4: no such input; the model has x [?"),
        (dense_model(1), "2x4", None, "m: --shape input=2x4: the model's input is input [1"),
        (dense_model(1), None, "a", "m: --signature a: no such signature; the file has none"),
        (signatures_model(*SIZES), None, "a", "no such signature; it has score, embed"),
        (signatures_model(*SIZES), "1x3", "embed", "m: --shape x=1x3: the model's input is x [1"),
        (signatures_model(*SIZES, after="score"), None, "embed", "run its graph or the first one, too"),
        (b"", None, "a", "m: not a valid .tflite: the file is empty"),
    ],
)
def test_what_does_not_fit_is_one_line(data, shape, signature, why):
    with pytest.raises(ModelError) as told:
        as_asked(data, "m", read_sweep([shape])[0] if shape else (), signature)
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_a_shape_that_the_runtime_refuses_is_told_with_its_reason():
    data = one(
        "RESHAPE",
        [Tensor("float32", [1, 4], signature=[-1, 4]), Tensor("int32", [2], [2, 2])],
        [Tensor("float32", [2, 2])],
        {"newShape": [2, 2]},
    )
    with pytest.raises(ModelError, match=r"--shape in0=3x4 does not fit the model: .*12 != 4"):
        as_asked(data, "m", read_sweep(["3x4"])[0])


def test_sizes_that_nobody_chose_are_said(tmp_path):
    for name, data in {"free": free_model(), "several": signatures_model(*SIZES)}.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
    made = {
        name: make_variants(resolve_model(f"{name}.tflite", tmp_path), [], cache=tmp_path)
        for name in ("free", "several")
    }
    codes = {name: [w.code for w in one.variants[0].variant.warnings] for name, one in made.items()}
    assert codes == {"free": ["free-dimensions"], "several": ["several-signatures"]}
    source = resolve_model("free.tflite", tmp_path)
    (chosen,) = make_variants(source, [], cache=tmp_path, shapes=read_sweep(["2x5x4"])[0]).variants
    assert chosen.variant.warnings == ()
    assert chosen.variant.shape == "x=2x5x4"
    assert chosen.variant.source_sha256 != chosen.variant.sha256
    assert chosen.variant.inputs[0].shape == (2, 5, 4)


def test_samples_fit_the_shape_and_each_file_of_a_folder_gets_it(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, outputs in (("a", 3), ("b", 3)):
        (folder / f"{name}.tflite").write_bytes(free_model(outputs))
    (folder / "broken.tflite").write_bytes(b"no model")
    made = make_variants(
        resolve_model(str(folder), tmp_path), [], cache=tmp_path, shapes=read_sweep(["1x6x4"])[0]
    )
    assert {one.variant.shape for one in made.variants} == {"x=1x6x4"}
    assert [(one.name, one.shape) for one in made.failed] == [("broken", "x=1x6x4")]
    with np.load(made.inputs["a"]) as samples:
        assert samples["serving_default_x:0"].shape[1:] == (6, 4)
