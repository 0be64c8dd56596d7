"""qbench starts fast because it imports nothing it does not need."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests.cli.conftest import environment

HEAVY = {"tensorflow", "pandas", "numpy", "keras", "ai_edge_litert", "tflite_runtime", "PIL", "sklearn"}
SCRIPT = """
import sys
from harness.cli import main
sys.argv = ["qbench", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
finally:
    print(" ".join(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["show"], ["devices"]])
def test_nothing_heavy_is_imported(qbench, twins, tmp_path, cache, arguments):
    if arguments == ["show"]:
        assert qbench("run", "--model", twins, "--budget", "0.02").returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=tmp_path,
        env=environment(cache),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    derives = {"numpy"} if arguments == ["show"] else set()  # figures are made anew whenever somebody looks
    assert HEAVY & set(done.stderr.split()) == derives


def test_every_command_helps_with_an_example(qbench):
    names = ["run", "show", "compare", "quantize", "devices", "inspect", "compat"]
    shown = qbench("--help").stdout
    assert all(name in shown for name in names)
    assert "..." not in shown.replace("[ARGS]...", "")  # a command's first sentence fits its line
    for name in ["", *names]:
        text = " ".join(qbench(*name.split(), "--help").stdout.split())
        example = text.rpartition("Example: qbench ")[2].split()
        assert example[0] == (name or "run")
        assert qbench(*example, "--help").returncode == 0  # an option that there is not is said before help
        assert "list[str]" not in text.partition("Options:")[2]


@pytest.mark.slow
def test_tensorflow_stays_in_the_converters_processes(tmp_path, cache):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs what makes variants: pip install '.[convert]'")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "quantize", "--variant", "float32", "--out", "made"],
        cwd=tmp_path,
        env=environment(cache),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "made" / "digits_float32.tflite").stat().st_size > 0
    assert not {"tensorflow", "keras", "tf_keras", "sklearn"} & set(done.stderr.split())
