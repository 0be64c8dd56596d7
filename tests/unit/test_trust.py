"""Code in model files does not run unless it is asked for. Slow: real files of Keras 2 and Keras 3."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.config.standard import STANDARD
from harness.errors import ModelError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.quantize.backends.tflite_converter.trust import code_in_keras_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow: pip install '.[convert]'"
    ),
]

ROOT = Path(__file__).resolve().parents[2]
FLOAT = [spec for spec in STANDARD if spec.name == "float32"]
LAMBDAS = [
    f"{keras}-{file}"
    for keras in ("keras", "tf_keras")
    for file in ("functional.h5", "sequential.h5", "nested.h5", "wrapped.h5", "lambda.keras")
]
HARMLESS = ["tf_keras-harmless.h5", "tf_keras-harmless.keras", "ops.h5", "metadata"]

# Loads each file and prints {name: [whether its code ran, the error or null]}.
LOAD = """
import json, sys
from pathlib import Path
from harness.quantize.backends.tflite_converter import sources
folder, trust = Path(sys.argv[1]), sys.argv[2] == "trust"
sys.path.insert(0, str(folder))
found = {}
for path in sorted([*folder.glob("*.h5"), *folder.glob("*.keras"), folder / "writing", folder / "metadata"]):
    (folder / "ran").unlink(missing_ok=True)
    try:
        sources.load("saved_model" if path.is_dir() else "keras", path.name, path, folder, trust)
        error = None
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    found[path.name] = [(folder / "ran").exists(), error]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    for keras in ("keras", "tf_keras"):
        _python(str(ROOT / "tests" / "keras_files.py"), str(made), keras)
    return made


@pytest.fixture(scope="module")
def loaded(folder):
    return json.loads(_python("-c", LOAD, str(folder), "no").splitlines()[-1])


@pytest.fixture(scope="module")
def trusted(folder):
    return json.loads(_python("-c", LOAD, str(folder), "trust").splitlines()[-1])


def _python(*arguments: str) -> str:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("name", [*LAMBDAS, "tf_keras-groups.h5"])
def test_a_lambda_layer_is_refused(loaded, name):
    """Also where Keras 3 fails on something else before it comes to the layer (groups)."""
    ran, error = loaded[name]
    assert not ran
    assert "(Lambda) holds Python code" in error and "--trust-model" in error


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("op-writes.h5", 'layer "w" (TFOpLambda) calls io.write_file'),
        ("module.keras", "names the Python module code_of_mine"),
        ("writing", "its graph writes a file (the op WriteFile)"),
    ],
)
def test_other_ways_to_run_code_are_refused(loaded, trusted, name, what):
    ran, error = loaded[name]
    assert not ran
    assert what in error and "--trust-model" in error
    assert trusted[name][0]  # else this test shows nothing


@pytest.mark.parametrize(
    ("part", "function"),
    [
        ({"module": "keras.utils", "class_name": "get_file"}, "get_file"),
        ({"module": "tf_keras.src.utils.data_utils", "class_name": "os.popen"}, "os.popen"),
        ({"module": "keras.utils", "class_name": "X", "registered_name": "get_file"}, "get_file"),
        ({"module": "keras.utils", "class_name": "function", "registered_name": "get_file"}, "get_file"),
    ],
)
def test_functions_in_keras_own_modules_are_none_of_its_layers(tmp_path, part, function):
    """Those modules hold ones that download, and `os` of Python itself."""
    layer = {"name": "w", "config": "relu" if part["class_name"] == "function" else {"name": "w"}, **part}
    config = {"module": "keras", "class_name": "Functional", "config": {"layers": [layer]}}
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as file:
        file.writestr("config.json", json.dumps(config))
    found = code_in_keras_file(tmp_path / "x.keras")
    assert found is not None and found.endswith(f"names the Python function {function}")


def test_a_keras_3_that_ignores_safe_mode_gets_no_file_with_code(folder):
    """Those before 3.12 run the Lambda layers of an .h5 whatever they are told."""
    code = (
        "import keras, sys; from pathlib import Path\n"
        "from harness.quantize.backends.tflite_converter import sources\n"
        "keras.__version__, load = '3.11.3', keras.models.load_model\n"
        "keras.models.load_model = lambda path, **options: load(path, **{**options, 'safe_mode': False})\n"
        "folder = Path(sys.argv[1])\n"
        "for name in ('keras-sequential.h5', 'ops.h5'):\n"
        "    try: sources.load('keras', name, folder / name, folder); print(name, 'loaded')\n"
        "    except Exception as error: print(error)\n"
    )
    (folder / "ran").unlink(missing_ok=True)
    refused, loaded = _python("-c", code, str(folder)).splitlines()[-2:]
    assert "(Lambda) holds Python code" in refused and loaded == "ops.h5 loaded"
    assert not (folder / "ran").exists()


def test_a_file_that_has_another_one_read_is_refused(loaded):
    _, error = loaded["reads.h5"]
    assert "reads the file" in error and "words.txt" in error and "--trust-model" in error


@pytest.mark.parametrize("name", ["elsewhere.h5", "linked.h5"])
def test_weights_that_lie_in_another_file_are_refused(loaded, trusted, name):
    """They would become part of the model, and are no part of its hash."""
    _, error = loaded[name]
    assert "lies in the file" in error and "/private" in error and "--trust-model" in error
    assert trusted["elsewhere.h5"][1] is None  # else this test shows nothing


@pytest.mark.parametrize("name", HARMLESS)
def test_what_holds_no_code_is_loaded_as_ever(loaded, name):
    assert loaded[name] == [False, None]


@pytest.mark.parametrize("name", [*LAMBDAS, "tf_keras-groups.h5"])
def test_code_runs_where_the_model_is_trusted(trusted, name):
    assert trusted[name] == [True, None]


def test_variants_of_such_a_file(folder, tmp_path):
    """Refused; made where trusted; and from the cache then, where nothing of the model runs."""
    source, ran = resolve_model("tf_keras-sequential.h5", folder), folder / "ran"
    ran.unlink(missing_ok=True)
    with pytest.raises(ModelError, match="--trust-model") as caught:
        make_variants(source, FLOAT, cache=tmp_path)
    assert str(caught.value).startswith("tf_keras-sequential.h5: ") and "\n" not in str(caught.value)
    assert not ran.exists()
    made = make_variants(source, FLOAT, cache=tmp_path, trust_model=True)
    assert made.variants and ran.exists()
    ran.unlink()
    assert make_variants(source, FLOAT, cache=tmp_path) == made
    assert not ran.exists()


def test_the_commands_refuse_it_and_take_the_flag(folder, tmp_path):
    asked = ["--model", str(folder / "tf_keras-sequential.h5"), "--variant", "float32"]

    def qbench(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", "from harness.cli import main; main()", *arguments],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "QBENCH_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip

    refused = qbench("run", *asked, "--device", "cpu")
    assert refused.returncode == 2
    assert "--trust-model" in refused.stderr.splitlines()[-1]
    for command in (["quantize", "--out", "out"], ["run", "--device", "cpu", "--budget", "0.1"], ["compat"]):
        taken = qbench(*command, *asked, "--trust-model")
        assert taken.returncode == 0, taken.stderr
    (made,) = (tmp_path / "out").glob("*.tflite")
    assert qbench("inspect", str(made), "--trust-model").returncode == 0
