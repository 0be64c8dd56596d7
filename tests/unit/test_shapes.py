"""What --shape means: its texts, sweeps, and how shapes fit the inputs of a model."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

import pytest

from harness.errors import ConfigError, ModelError
from harness.record.shapes import ModelInput, fit, named, read_sweep

IMAGE = ModelInput(("x", "serving_default_x:0"), (None, None, None, 3))
TEXT = ModelInput(("ids",), (None, 16))
ANY = ModelInput(("any",), None)


@pytest.mark.parametrize(
    ("texts", "points"),
    [
        ([], []),
        (["1x8"], [(("", (1, 8)),)]),
        (["x=1x8"], [(("x", (1, 8)),)]),
        (["x=8", "x=16", "x=8"], [(("x", (8,)),), (("x", (16,)),)]),
        (["a=1x8,b=1x4"], [(("a", (1, 8)), ("b", (1, 4)))]),
        (["a=1x8", "b=1x4"], [(("a", (1, 8)), ("b", (1, 4)))]),
        (["a=8", "b=4", "a=16"], [(("a", (8,)), ("b", (4,))), (("a", (16,)), ("b", (4,)))]),
        (["a=8,b=4", "b=8, a=16"], [(("a", (8,)), ("b", (4,))), (("b", (8,)), ("a", (16,)))]),
    ],
)
def test_texts_that_name_the_same_inputs_are_a_sweep_and_others_combine(texts, points):
    assert read_sweep(texts) == points


@pytest.mark.parametrize("text", ["", "x=", "x=0x8", "x=1x-8", "x=1x8.5", "x=?x8", "a=1,a=2", "x\n=1", "=,"])
def test_what_is_no_shape(text):
    with pytest.raises(ConfigError, match="NAME=1x224x224x3 expected"):
        read_sweep([text])


def test_sizes_are_not_joined_by_commas():
    with pytest.raises(ConfigError, match="name every input of several; sizes are joined by x"):
        read_sweep(["x=1,8"])


def test_an_input_is_named_with_the_same_others_each_time():
    with pytest.raises(ConfigError, match="a is named together with different inputs"):
        read_sweep(["a=1x8,b=1x4", "a=1x16"])


def test_shapes_are_known_by_the_inputs_own_names_in_the_models_order():
    inputs = [IMAGE, TEXT, ANY]
    (asked,) = read_sweep(["ids=2x16,serving_default_x:0=2x8x8x3,any=5"])
    fitted = fit(asked, inputs)
    assert fitted == {0: (2, 8, 8, 3), 1: (2, 16), 2: (5,)}
    assert named(fitted, inputs) == "x=2x8x8x3,ids=2x16,any=5"
    assert named(fit(read_sweep(["1x8x8x3"])[0], [IMAGE]), [IMAGE]) == "x=1x8x8x3"
    assert named(fit((), inputs), inputs) is None


@pytest.mark.parametrize(
    ("text", "inputs", "why"),
    [
        ("x=1x8x8x4", [IMAGE], "--shape x=1x8x8x4: the model's input is x [?×?×?×3]"),
        ("1x8x3", [IMAGE], "--shape x=1x8x3: the model's input is x [?×?×?×3]"),
        ("id=1x16", [IMAGE, TEXT], "--shape id=1x16: no such input; did you mean ids?; the model has x"),
        ("1x16", [IMAGE, TEXT], "--shape 1x16: name the input; the model has x [?×?×?×3], ids [?×16]"),
        ("x=1x8x8x3,serving_default_x:0=1x9x9x3", [IMAGE], "names one input twice"),
        ("y=1", [ANY], "--shape y=1: no such input; the model has any [of any shape]"),
    ],
)
def test_a_shape_that_does_not_fit_is_told_with_the_models_own(text, inputs, why):
    (asked,) = read_sweep([text])
    with pytest.raises(ModelError) as told:
        fit(asked, inputs)
    assert why in str(told.value)
