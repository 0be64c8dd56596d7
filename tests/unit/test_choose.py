"""What was asked for, out of what there is."""

from __future__ import annotations

import dataclasses

import pytest

from harness import choose
from harness.errors import ModelError
from harness.models import ModelSource
from harness.quantize import FailedVariant, VariantSet
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
    assert [source.name for source in choose.unique_names(sources)] == made


def test_a_variant_that_is_not_there_is_answered_with_those_that_are():
    """Only what was asked for is made of a float model: the others are known all the same."""
    with pytest.raises(ModelError, match=r'model m: no variant "dynamik"; did you mean "dynamic"\?'):
        choose.narrow(VariantSet("m", "m.keras", "", ()), ["dynamik"])
    ready = VariantSet("m", "m/", "", (), (FailedVariant("m", "mine", "truncated"),))
    assert choose.narrow(ready, ["mine"]) == ready


def test_of_ready_files_only_their_own_names_are_known():
    ready = VariantSet("m", "m/", "", (dataclasses.replace(variant("mine"), converter=None),))
    with pytest.raises(ModelError, match=r'no variant "x"; known: mine$'):
        choose.narrow(ready, ["x"])
