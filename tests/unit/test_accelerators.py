"""The registries of both sides, and what sessions ask of an accelerator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from delegates.backends import registry
from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS, barring, check_options, expected_of, label
from harness.config import Config, DelegateSpec, DeviceProfile
from harness.devices.transports import bundle
from harness.session.expected import Expectations
from harness.tflite import read_model_file
from tests.environments import interpreter
from tests.ops import Op, Tensor, build

LITERT = Runtime("ai-edge-litert", "2.3.0")
COMPILED = ("edgetpu-custom-op",)


def test_both_sides_know_the_same_delegates():
    assert registry.names() == list(ACCELERATORS) == ["cpu", "edgetpu", "external", "gpu", "xnnpack"]
    for name, accelerator in ACCELERATORS.items():
        assert accelerator.name == registry.find(name).name == name
        assert accelerator.on_cpu == registry.find(name).on_cpu


@pytest.mark.parametrize("name", ["loading", "registry", "no.such", "", "../cpu", "tpu"])
def test_what_is_no_delegate(name):
    assert name not in ACCELERATORS
    assert label(name) == name
    with pytest.raises(LookupError):
        registry.find(name)


@pytest.mark.parametrize("version", ["3.7", None])
def test_the_bundle_finds_its_delegates_and_imports_the_one_asked_for(tmp_path, version):
    """A worker starts with one backend; from a zip, too, and under the oldest Python."""
    python = sys.executable if version is None else interpreter(version)
    if python is None:
        pytest.skip(f"needs a Python {version}")
    path = tmp_path / "bundle.pyz"
    path.write_bytes(bundle.build().data)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from delegates.backends import registry;"
        " registry.find('xnnpack'); print('delegates.backends.edgetpu' in sys.modules, *registry.names())"
    )
    done = subprocess.run([python, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "cpu", "edgetpu", "external", "gpu", "xnnpack"]


@pytest.mark.parametrize(
    ("delegate", "scheme", "custom_ops", "reason"),
    [
        ("cpu", "float32", (), None),
        ("cpu", "int8", COMPILED, "compiled for the Edge TPU: it runs there only"),
        ("gpu", "int8", COMPILED, "compiled for the Edge TPU: it runs there only"),
        ("external", "int8", COMPILED, None),
        ("edgetpu", "int8", COMPILED, None),
        ("edgetpu", "int8", (), None),
        ("edgetpu", "int16x8", (), "the Edge TPU runs int8 and uint8 only; this variant is int16x8"),
    ],
)
def test_what_is_ruled_out_on_paper(delegate, scheme, custom_ops, reason):
    assert ACCELERATORS[delegate].skips(scheme, custom_ops) == reason


def test_warnings_bar_a_star_only_by_their_codes():
    (software,) = ACCELERATORS["gpu"].warnings(None, {"software": True, "adapter": "SwiftShader"}, False)
    (half,) = ACCELERATORS["gpu"].warnings(None, {}, True)
    assert {software.code, half.code} == barring()
    assert not list(ACCELERATORS["xnnpack"].warnings(None, {"software": True}, True))


def test_expected_ops(tmp_path):
    """FLOOR_MOD is left by XNNPACK; what refuses a model as a whole says nothing of its ops."""
    x = Tensor("float32", [1, 4])
    ops = [Op("FLOOR", ["x"], ["y"]), Op("FLOOR_MOD", ["y", "y"], ["z"])]
    path = tmp_path / "model.tflite"
    path.write_bytes(build({"x": x, "y": x, "z": x}, ops, ["x"], ["z"]))
    model = read_model_file(path)
    found = expected_of(model, "xnnpack", LITERT)
    assert found.ops == ("FLOOR", "FLOOR_MOD")
    assert (found.delegated, found.reasons) == ((True, False), (None, "no kernel in XNNPACK"))
    unknown = expected_of(model, "external", LITERT, {"library": "libx.so"})
    assert unknown.delegated == (None, None) and unknown.reasons[0] is not None
    refused = expected_of(model, "edgetpu", LITERT)  # it is not quantized
    assert (refused.delegated, refused.reasons) == ((None, None), (None, None))
    assert Expectations().of(path, DelegateSpec("xnnpack"), LITERT) == found
    assert Expectations().of(tmp_path / "gone.tflite", DelegateSpec("xnnpack"), LITERT) is None


def test_options_may_be_checked_again():
    """As those of a profile that is made in Python are."""
    spec = DelegateSpec("edgetpu", {"compiler_args": ("-s",), "compiler_timeout": 5})
    config = Config(Path("devices.toml"), {"coral": DeviceProfile("coral", (spec,))}, {})
    once = check_options(config)
    assert check_options(once) == once
    assert once.devices["coral"].delegates[0].options == {"compiler_args": ("-s",), "compiler_timeout": 5.0}
