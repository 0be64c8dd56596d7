"""The cache: a damaged entry counts as missing, whatever the damage and whatever the entry."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from harness import cache
from harness.accelerators.edgetpu import compiler as edgetpu
from harness.config.standard import STANDARD
from harness.errors import ModelError
from harness.models import resolve_model
from harness.quantize import VariantSet, make_variants
from harness.quantize.backends.tflite_converter.reasons import of_the_machine
from harness.tflite import read_model_file
from tests.models import dense_model

BY_NAME = {spec.name: spec for spec in STANDARD}

needs_converter = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow: pip install '.[convert]'"
)

NET = """
def net():
    import keras
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Softmax()])
"""


class Kept(Struct):
    numbers: list[int]
    nothing: None = None


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


DAMAGES = {
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "flipped": flip,
    "braces": lambda data: b"{}",
    "longer": lambda data: data + b"\0",
}
damaged_in_all_ways = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@damaged_in_all_ways
def test_a_damaged_record_is_none_and_a_damaged_file_is_written_again(tmp_path, damage):
    record = tmp_path / "record.json"
    cache.write_record(record, Kept([1, 2]))
    assert cache.read_record(record, Kept) == Kept([1, 2])
    record.write_bytes(damage(record.read_bytes()))
    assert cache.read_record(record, Kept) in (None, Kept([1, 2]))  # a space more is no damage
    path = cache.put(tmp_path, b"content" * 500_000, ".bin")
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(tmp_path, path.stem, ".bin") is None
    assert cache.put(tmp_path, b"content" * 500_000, ".bin") == path
    assert cache.get(tmp_path, path.stem, ".bin") == path
    assert path.read_bytes() == b"content" * 500_000


def test_a_record_copied_over_another_is_not_that_other(tmp_path):
    cache.write_record(tmp_path / "a.json", Kept([1]))
    shutil.copyfile(tmp_path / "a.json", tmp_path / "b.json")
    assert cache.read_record(tmp_path / "b.json", Kept) is None


def test_what_is_there_already_is_not_written_again(tmp_path):
    """Workers of another qbench may be reading it; and a warm run needs no room on the disk."""
    path = cache.put(tmp_path, b"content", ".bin")
    before = path.stat().st_ino
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert cache.put(tmp_path, b"content", ".bin").stat().st_ino == before
    finally:
        tmp_path.chmod(0o700)


def test_copies_are_kept_up_to_a_bound_the_longest_unused_go_and_none_in_use(tmp_path):
    day = 24 * 3600
    now = (tmp_path / "now").write_bytes(b"") or (tmp_path / "now").stat().st_mtime
    (tmp_path / "now").unlink()
    for days, name in enumerate("abcd"):
        path = tmp_path / name
        path.write_bytes(bytes(1000))
        os.utime(path, (now - days * day * 2,) * 2)
    cache.prune(tmp_path, keep_bytes=5000)
    assert len(list(tmp_path.iterdir())) == 4
    cache.prune(tmp_path, keep_bytes=2500)
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}
    cache.prune(tmp_path, keep_bytes=0)
    assert {p.name for p in tmp_path.iterdir()} == {"a"}  # used today: another run may measure it
    cache.prune(tmp_path / "none")


def test_giving_a_copy_out_again_makes_it_young(tmp_path):
    path = cache.put(tmp_path, b"content", ".bin")
    os.utime(path, (0, 0))
    cache.put(tmp_path, b"content", ".bin")
    cache.prune(tmp_path, keep_bytes=0)
    assert path.exists()


@damaged_in_all_ways
def test_ready_files_after_any_damage_to_the_cache(tmp_path, damage):
    """Copies, calibration data and samples: the same again, and no file is blamed."""
    folder = tmp_path / "ready"
    folder.mkdir()
    for seed in (1, 2):
        (folder / f"{seed}.tflite").write_bytes(dense_model(seed))
    home = tmp_path / "cache"
    made = make_variants(resolve_model("ready", tmp_path), [], cache=home)
    before = contents(home)
    assert {name.split("/")[0] for name in before} == {"copies", "calibration", "samples"}
    for name, content in before.items():
        (home / name).write_bytes(damage(content))
        assert make_variants(resolve_model("ready", tmp_path), [], cache=home) == made
        assert contents(home) == before


@damaged_in_all_ways
def test_a_compiled_model_after_any_damage_to_the_cache(tmp_path, standin_compiler, damage):
    model = tmp_path / "model.tflite"
    model.write_bytes(dense_model(seed=1))
    compiler, home = edgetpu.find(str(standin_compiler.command)), tmp_path / "cache"
    made = edgetpu.compile_model(model, compiler, home)
    before = contents(home)
    assert {name.split("/")[0] for name in before} == {"edgetpu", "files"}
    for name, content in before.items():
        (home / name).write_bytes(damage(content))
        again = edgetpu.compile_model(model, compiler, home)
        assert again == made
        stored = before[f"files/{made.artifact.sha256}.tflite"]
        assert again.path.read_bytes() == made.path.read_bytes() == stored


def test_a_compiler_that_crashed_is_no_verdict_that_stays(tmp_path, standin_compiler):
    """Out of memory, for example."""
    model = tmp_path / "model.tflite"
    model.write_bytes(dense_model(seed=1))
    command = tmp_path / "crashes"
    command.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || [ ! -e {tmp_path}/sick ] || '
        "{ echo 'Edge TPU Compiler version 16.0.384591198';"
        " echo 'libc++abi: terminating due to uncaught exception of type std::bad_alloc'; exit 134; }\n"
        f'exec {standin_compiler.command} "$@"\n'
    )
    command.chmod(0o755)
    compiler = edgetpu.find(str(command))
    (tmp_path / "sick").touch()
    with pytest.raises(ModelError, match="bad_alloc") as raised:
        edgetpu.compile_model(model, compiler, tmp_path / "cache")
    assert not isinstance(raised.value, edgetpu.ModelRefused)
    (tmp_path / "sick").unlink()
    assert edgetpu.compile_model(model, compiler, tmp_path / "cache").artifact.subgraphs == 1


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.py").write_text(NET)
    code = "import sys; sys.path.insert(0, '.'); from net import net; net().save('net.keras')"
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, check=True)
    return folder, make_net(folder)


@pytest.fixture
def net(made_once):
    """A small float model in a folder, with the cache that it was made in, and its two variants."""
    home = made_once[0] / "cache"
    before = contents(home)
    yield made_once
    for name, content in before.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(content)


def make_net(folder: Path) -> VariantSet:
    specs = [BY_NAME["float32"], BY_NAME["int8"]]
    return make_variants(resolve_model("net.keras", folder), specs, cache=folder / "cache")


@needs_converter
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "damage"),
    [("models", "braces"), ("variants", "half"), ("files", "flipped"), ("files", "empty")]
    + [(kind, damage) for kind in ("calibration", "samples") for damage in DAMAGES],
)
def test_variants_after_any_damage_to_the_cache(net, kind, damage):
    """What was made comes again, and no damage becomes a verdict on a variant."""
    folder, made = net
    before = contents(folder / "cache")
    kinds = {Path(name).parts[0] for name in before}
    assert kinds == {"models", "variants", "files", "calibration", "samples"}
    for name, content in before.items():
        if name.startswith(kind):
            (folder / "cache" / name).write_bytes(DAMAGES[damage](content))
    assert make_net(folder) == made
    assert contents(folder / "cache") == before


@needs_converter
@pytest.mark.slow
def test_damaged_calibration_data_is_no_verdict_even_if_it_is_damaged_at_the_last_moment(net, monkeypatch):
    """In the converter's own hands it is the cache's failure, and the next run is whole again."""
    from harness.quantize.backends.tflite_converter.messages import Convert
    from harness.quantize.backends.tflite_converter.workers import Worker

    folder, made = net
    for name in ("variants", "files"):
        shutil.rmtree(folder / "cache" / name)
    ask = Worker.ask

    def spoil(self, request, *more):
        if not isinstance(request, Convert) or not request.calibration:
            return ask(self, request, *more)
        data = Path(request.calibration)
        content = data.read_bytes()
        data.write_bytes(content[:100])
        try:
            return ask(self, request, *more)
        finally:
            data.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "ask", spoil)
        spoiled = make_net(folder)
    assert [failure.name for failure in spoiled.failed] == ["int8"]
    assert make_net(folder) == made


@needs_converter
@pytest.mark.slow
def test_a_converter_that_was_killed_is_no_verdict(net, monkeypatch):
    """The system kills what takes its last memory."""
    from harness.quantize.backends.tflite_converter.messages import Convert
    from harness.quantize.backends.tflite_converter.workers import Worker

    folder, made = net
    for name in ("variants", "files"):
        shutil.rmtree(folder / "cache" / name)
    ask = Worker.ask

    def kill(self, request, *more):
        if isinstance(request, Convert):
            self.process.kill()
            self.process.wait()
        return ask(self, request, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "ask", kill)
        killed = make_net(folder)
    assert {failure.name for failure in killed.failed} == {"float32", "int8"}
    assert "SIGKILL, as when the system has no memory left" in killed.failed[0].reason
    assert make_net(folder) == made


@needs_converter
@pytest.mark.slow
def test_a_model_file_that_is_replaced_before_it_is_loaded_is_known_by_what_was_loaded(net, tmp_path):
    folder, made = net
    shutil.copyfile(folder / "net.keras", tmp_path / "m.keras")
    source = resolve_model("m.keras", tmp_path)
    data = (folder / "net.keras").read_bytes()
    (tmp_path / "new").write_bytes(data + b"\0" * 7)  # still the same zip archive, but another file
    (tmp_path / "new").replace(tmp_path / "m.keras")
    late = make_variants(source, [BY_NAME["float32"]], cache=tmp_path / "cache")
    assert late.model.sha256 == cache.digest(data + b"\0" * 7) != source.sha256
    assert [v.variant.source_sha256 for v in late.variants] == [late.model.sha256]
    assert late.variants[0].variant.sha256 == made.variants[0].variant.sha256
    again = resolve_model("m.keras", tmp_path)
    (tmp_path / "m.keras").write_bytes(data)
    with pytest.raises(ModelError, match=r"m\.keras: it was replaced while it was read; run again"):
        make_variants(again, [BY_NAME["int8"]], cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("error", "machine"),
    [
        (MemoryError(), True),
        (OSError(28, "No space left on device"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("could not write: No space left on device"), True),
        (ValueError("Could not translate MLIR to FlatBuffer"), False),
        (RuntimeError("Quantization not yet supported for op: 'CUSTOM'"), False),
    ],
)
def test_what_is_the_machine_s_fault(error, machine):
    assert of_the_machine(error) == machine
    try:
        raise ValueError("conversion failed") from error
    except ValueError as outer:
        assert of_the_machine(outer) == machine


@pytest.mark.parametrize("name", ["a.tflite", "folder"])
def test_what_is_described_is_a_copy_that_later_changes_do_not_reach(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (tmp_path / "a.tflite", folder / "a.tflite"):
        path.write_bytes(dense_model(seed=1))
    (variant,) = make_variants(resolve_model(name, tmp_path), [], cache=tmp_path / "cache").variants
    for path in (tmp_path / "a.tflite", folder / "a.tflite"):
        path.write_bytes(dense_model(seed=2, outputs=9))  # in place: a link would let it through
    assert cache.digest_file(variant.path) == variant.variant.sha256
    assert [t.name for t in read_model_file(variant.path).outputs] == [
        t.name for t in variant.variant.outputs
    ]
    assert variant.variant.outputs[0].shape == (1, 3)


def test_a_cache_that_is_full_is_no_verdict_on_a_file(tmp_path):
    """It ends the run with its own name: the files are good."""
    folder = tmp_path / "ready"
    folder.mkdir()
    for seed in (1, 2):
        (folder / f"{seed}.tflite").write_bytes(dense_model(seed))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "copies").write_text("a file where a folder should be")
    with pytest.raises(ModelError, match="copies: cannot be written"):
        make_variants(resolve_model("ready", tmp_path), [], cache=tmp_path / "cache")


def test_the_hash_of_a_saved_model_is_of_all_that_is_copied(tmp_path):
    """A folder behind a link belongs to it, too."""
    from harness.models import copy_source, digest_source

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "data").write_bytes(b"1")
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"x")
    (saved / "variables").symlink_to(tmp_path / "elsewhere")
    (saved / "gone").symlink_to(tmp_path / "nowhere")
    before = resolve_model("saved", tmp_path).sha256
    (tmp_path / "copy").mkdir()
    assert digest_source(copy_source(saved, tmp_path / "copy")) == before
    (tmp_path / "elsewhere" / "data").write_bytes(b"2")
    assert resolve_model("saved", tmp_path).sha256 != before


def test_a_twin_beside_a_ready_file_is_copied_and_called_by_its_own_name(tmp_path, standin_compiler):
    from harness.accelerators.edgetpu.step import EdgeTpuCompiler
    from harness.config import DelegateSpec
    from harness.devices.transports.run_once import run_once

    model = tmp_path / "m.tflite"
    model.write_bytes(dense_model(seed=1))
    compiler = edgetpu.find(str(standin_compiler.command))
    twin = tmp_path / "m_edgetpu.tflite"
    twin.write_bytes(edgetpu.compile_model(model, compiler, tmp_path / "other").path.read_bytes())
    (made,) = make_variants(resolve_model("m.tflite", tmp_path), [], cache=tmp_path / "cache").variants
    step = EdgeTpuCompiler(tmp_path / "cache", run_once, print)
    spec = DelegateSpec("edgetpu", {"compiler": "/nowhere"})
    found = step.compile(made.variant, made.path, spec, given=made.given)
    sha256 = cache.digest_file(twin)
    twin.write_bytes(b"rebuilt")
    assert found.artifact.sha256 == sha256 == cache.digest_file(found.path)
    assert found.artifact.file == "m_edgetpu.tflite"
