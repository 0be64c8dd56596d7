"""Which variants of two sides are compared: `harness.session.sides.paired`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from delegates.wire import Job
from harness.errors import ModelError
from harness.quantize import MadeVariant, VariantSet
from harness.record import Converter, FailedVariant, Model, Variant
from harness.session.jobs import _paired
from harness.session.plan import CellPlan
from harness.session.sides import paired
from tests.unit.comparing import made as built
from tests.unit.test_sides import both

KERAS = Converter("tensorflow", "2.21.0")


def made(model: str, *names: str, converter: Converter | None = None, failed: str = "") -> VariantSet:
    """Variants of a model; ready files, unless a converter made them."""
    variants = [Variant(model, name, converter=converter) for name in names]
    return VariantSet(
        Model(model),
        tuple(MadeVariant(one, Path(f"{model}-{one.name}")) for one in variants),
        tuple(FailedVariant(model, name, "no") for name in failed),
        {name: Path("inputs") for name in names},
    )


def found(*arguments) -> list[str]:
    """The variants of all sets: "side model name"."""
    return [
        f"{one.side} {one.model} {one.name}"
        for each in paired(*arguments)
        for one in (*(variant.variant for variant in each.variants), *each.failed)
    ]


def test_single_files_are_compared_whatever_they_are_called():
    (head, base) = paired([[made("new", "int8")]], [[made("old", "float32")]])
    assert base.model.name == "new" and base.variants[0].variant.name == "int8"
    assert base.variants[0].path == Path("old-float32") and list(base.inputs) == ["int8"]
    assert (head.model.side, base.model.side) == ("head", "base")


def test_variants_of_a_converter_are_compared_by_name():
    head, base = made("new", "a", "b", converter=KERAS, failed="c"), made("old", "b", "c", converter=KERAS)
    assert found([[head]], [[base]]) == [
        *("head new a", "head new b", "head new c", "base new b", "base new c"),
    ]
    one, other = made("new", "a", converter=KERAS), made("old", "b", converter=KERAS)
    with pytest.raises(ModelError, match=r"^nothing to compare: new a here, old b there$"):
        paired([[one]], [[other]])


def test_only_the_variants_asked_for_are_kept():
    assert found([[made("m", "b")]], [[made("m", "a", "b", "c")]], ["b"]) == ["head m b", "base m b"]


def test_models_of_one_folder_are_compared_by_name_and_others_keep_names_of_their_own():
    heads = [[made("x", "a"), made("y", "b")], [made("x", "a"), made("z", "b")]]
    bases = [[made("y", "b"), made("z", "c")], [made("x", "a"), made("z", "b")]]
    assert found(heads, bases) == [
        *("head x a", "head y b", "base y b"),
        *("head x-2 a", "head z b", "base x-2 a", "base z b"),
        "base z-2 c",
    ]


def test_inputs_of_base_are_named_as_heads_are():
    def at(each: VariantSet, shape: str) -> VariantSet:
        variants = tuple(
            dataclasses.replace(one, variant=replace(one.variant, shape=shape)) for one in each.variants
        )
        return dataclasses.replace(each, variants=variants)

    (head, base) = paired([[at(made("new", "int8"), "x=1x8")]], [[at(made("old", "int8"), "input=1x8")]])
    assert head.variants[0].variant.shape == base.variants[0].variant.shape == "x=1x8"


@pytest.mark.parametrize("same", [True, False])
def test_launches_of_different_files_get_copies_of_their_own(same):
    """Of the same file they need none: it lies in one place for both sides."""
    run = both(built(1), built(2))
    cells = [CellPlan(entry.cell, None, None) for entry in run.cells]
    jobs = [
        Job(one.cell.id, "g", one.cell.variant.name if same else one.cell.id, None, "cpu", "auto", "python3")
        for one in cells
    ]
    found = {job.id: job for job in _paired(jobs[:-1], cells[:-1])}
    alone = cells[-1].cell.id.replace("base", "head")
    assert {job.pair for job in found.values() if job.id.endswith("base")} == {None}
    for job in found.values():
        if job.id.endswith("head") and job.id != alone:
            assert job.pair == job.id.replace("head", "base")
        assert job.own_copy is (not same and job.id != alone)
    assert found[alone].pair is None
