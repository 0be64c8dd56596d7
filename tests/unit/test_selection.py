"""What was asked for, out of what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from harness.config import load_config
from harness.errors import ConfigError, ModelError
from harness.models import ModelSource
from harness.quantize import MadeVariant, VariantSet
from harness.record import FailedVariant, Model
from harness.session import selection
from harness.session.options import Options
from tests.unit.run_builder import variant


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-3", "a-2"]),
        (["a-2", "a", "a"], ["a-2", "a", "a-3"]),
    ],
)
def test_models_never_share_a_name(given, made):
    sources = [ModelSource(name, "tflite", name, None, None) for name in given]
    assert [source.name for source in selection.unique_names(sources)] == made


def test_a_variant_that_is_not_there_is_answered_with_those_that_are():
    """Only what was asked for is made of a float model: the others are known all the same."""
    with pytest.raises(ModelError, match=r'model m: no variant "dynamik"; did you mean "dynamic"\?'):
        selection.filter_variants(VariantSet(Model("m")), ["dynamik"])
    ready = VariantSet(Model("m"), failed=(FailedVariant("m", "mine", "truncated"),))
    assert selection.filter_variants(ready, ["mine"]) == ready


def test_of_ready_files_only_their_own_names_are_known():
    mine = structs.replace(variant("mine"), converter=None)
    ready = VariantSet(Model("m"), (MadeVariant(mine, Path("mine.tflite")),))
    with pytest.raises(ModelError, match=r'no variant "x"; known: mine$'):
        selection.filter_variants(ready, ["x"])


HERE_AND_THERE = """
[devices.here]
[devices.pi4]
place = "ssh"
host = "pi4"
[devices.also]
delegates = ["cpu"]
"""


def config(tmp_path, text):
    path = tmp_path / "devices.toml"
    path.write_text(text)
    return load_config(path)


def test_without_a_name_only_this_machine_is_measured_on(tmp_path):
    """A board is somebody's: it is used when it is asked for."""
    found = config(tmp_path, HERE_AND_THERE)
    assert [p.name for p in selection.devices(found, Options())] == ["here", "also"]
    asked = Options(devices=["pi4", "here", "pi4"])
    assert [p.name for p in selection.devices(found, asked)] == ["pi4", "here"]
    assert [p.name for p in found.named([])] == ["here", "pi4", "also"]


def test_a_file_of_boards_only_wants_a_name(tmp_path):
    boards = "".join(f'[devices.{name}]\nplace = "ssh"\nhost = "x"\n' for name in ("pi4", "coral"))
    with pytest.raises(ConfigError, match="no local device; name one with --device: pi4, coral"):
        selection.devices(config(tmp_path, boards), Options())
