"""A folder of files: one model where what goes in and comes out is the same, else several."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.analysis.baseline import baselines, check_baseline
from harness.analysis.rows import document
from harness.errors import ConfigError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.quantize.separate import interface, separate
from harness.record import Quantization, Run, Tensor
from harness.session import selection
from tests.models import dense_model, int64_model
from tests.unit.run_builder import cell, device, measured, run, variant


def models_of(folder: Path, cache: Path) -> dict[str, list[str]]:
    sets = separate(make_variants(resolve_model(folder.name, folder.parent), [], cache=cache))
    found = {made.model.name: [*(one.variant for one in made.variants), *made.failed] for made in sets}
    assert all(v.model == model for model, variants in found.items() for v in variants)
    return {model: [v.name for v in variants] for model, variants in found.items()}


@pytest.fixture
def zoo(tmp_path):
    def fill(**contents: bytes) -> dict[str, list[str]]:
        folder = tmp_path / "zoo"
        folder.mkdir()
        for stem, content in contents.items():
            (folder / f"{stem}.tflite").write_bytes(content)
        return models_of(folder, tmp_path / "cache")

    return fill


def test_one_interface_is_one_model_called_by_the_folder(zoo):
    assert zoo(a=dense_model(1), b=dense_model(2), twin=dense_model(1)) == {"zoo": ["a", "b", "twin"]}


def test_others_are_models_called_by_what_their_names_begin_with(zoo):
    found = zoo(
        net_float=dense_model(1), net_int8=dense_model(2), wide=dense_model(1, outputs=9), text=int64_model()
    )
    assert found == {"net": ["net_float", "net_int8"], "text": ["text"], "wide": ["wide"]}


def test_names_with_nothing_in_common_and_names_that_would_clash(zoo):
    wide = {stem: dense_model(1, outputs=9) for stem in ("net_c", "net_d", "net")}
    found = zoo(x=dense_model(1, 7), y=dense_model(2, 7), net_a=dense_model(1), net_b=dense_model(2), **wide)
    assert found == {"x": ["x", "y"], "net_a": ["net_a", "net_b"], "net": ["net", "net_c", "net_d"]}


def test_what_the_names_of_one_model_begin_with_may_be_the_name_of_another(zoo):
    found = zoo(x=dense_model(1), y=dense_model(2), x_1=dense_model(1, 7), x_2=dense_model(2, 7))
    assert found == {"x": ["x", "y"], "x_1": ["x_1", "x_2"]}


def test_a_file_that_cannot_be_read_is_a_model_of_its_own_where_there_are_several(zoo):
    assert zoo(a=dense_model(1), b=dense_model(1, outputs=9), cut=b"cut") == {
        "a": ["a"], "b": ["b"], "cut": ["cut"],
    }  # fmt: skip


def tensors(*described: tuple[str, str, tuple[int, ...]]) -> tuple[Tensor, ...]:
    scale = Quantization((0.5,), (3,), None)
    return tuple(
        Tensor(name, dtype, shape, shape, scale if dtype.endswith("int8") else None)
        for name, dtype, shape in described
    )


def with_tensors(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]):
    return replace(variant("a"), inputs=inputs, outputs=outputs)


def test_variants_of_one_model_may_differ_in_names_order_types_and_leading_ones():
    one = with_tensors(
        tensors(("image", "float32", (1, 8, 8, 3)), ("ids", "int32", (1, 5))),
        tensors(("scores", "float32", (1, 10))),
    )
    for dtype in ("uint8", "int8", "int16", "float16"):
        other = with_tensors(
            tensors(("serving_default_ids:0", "int64", (5,)), ("x", dtype, (8, 8, 3))),
            tensors(("StatefulPartitionedCall:0", dtype, (10,))),
        )
        assert interface(one) == interface(other)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("float32", (1, 8, 8, 1)),
        ("float32", (4, 8, 8, 3)),
        ("int32", (1, 8, 8, 3)),
        ("float32", (8, 8, 1, 3)),
    ],
)
def test_other_shapes_batches_and_kinds_of_values_are_other_models(dtype, shape):
    image, other = tensors(("x", "float32", (1, 8, 8, 3))), tensors(("x", dtype, shape))
    assert interface(with_tensors(image, image)) != interface(with_tensors(other, image))
    assert interface(with_tensors(image, image)) != interface(with_tensors(image, other))


def test_models_never_share_a_name_with_those_of_a_folder(tmp_path):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    (zoo / "a.tflite").write_bytes(dense_model(1))
    (zoo / "b.tflite").write_bytes(dense_model(1, outputs=9))
    (tmp_path / "a.tflite").write_bytes(dense_model(3))
    made = [
        make_variants(resolve_model(text, tmp_path), [], cache=tmp_path / "c") for text in ("a.tflite", "zoo")
    ]
    sets = selection.unique_sets([one for several in made for one in separate(several)])
    assert [(s.model.name, s.variants[0].variant.model) for s in sets] == [
        ("a", "a"),
        ("a-2", "a-2"),
        ("b", "b"),
    ]


def two_models_of_one_folder(baseline: str | None):
    variants = [variant(name, model=name[0], scheme="int8") for name in ("a1", "a2", "b1")]
    cells = [measured(cell(name, "cpu", model=name[0]), [2.0, 2.1]) for name in ("a1", "a2", "b1")]
    built = run(cells, variants, [device("cpu")], baseline=baseline)
    return replace(built, models=tuple(replace(model, source="zoo/") for model in built.models))


def compared_with(built: Run) -> list[str]:
    return [baselines(built)[each.cell.id].variant.name for each in built.cells]


def test_each_model_has_a_baseline_of_its_own():
    built = two_models_of_one_folder(None)
    assert compared_with(built) == ["a1", "a1", "b1"]
    assert [row.baseline for row in document(built).cells] == [True, False, True]


def test_a_baseline_holds_for_the_models_of_a_folder_that_have_it():
    built = two_models_of_one_folder("a2")
    check_baseline(built)
    assert compared_with(built) == ["a2", "a2", "b1"]
    with pytest.raises(ConfigError, match="--baseline c: "):
        check_baseline(two_models_of_one_folder("c"))


def test_whole_nets(nets, tmp_path):
    """Forms of one net, in other types or compiled, are one model."""
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    for path in (*nets.glob("resnet*"), *nets.glob("autoencoder*")):
        shutil.copy(path, zoo)
    assert models_of(zoo, tmp_path / "cache") == {
        "autoencoder": ["autoencoder", "autoencoder_int8"],
        "resnet": ["resnet", "resnet_int8", "resnet_int8_edgetpu"],
    }
