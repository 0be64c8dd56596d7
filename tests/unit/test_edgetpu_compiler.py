"""Transcripts of the real compiler; finding, running and caching with a stand-in for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.accelerators import CompiledFile, check_options
from harness.accelerators.edgetpu import compiler as edgetpu
from harness.accelerators.edgetpu.log import MAPPED, parse
from harness.accelerators.edgetpu.step import EdgeTpuCompiler
from harness.config import DelegateSpec, load_config
from harness.devices.transports.run_once import run_once
from harness.errors import ConfigError, ModelError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.record import CompilerOp, Refused, Unavailable
from harness.tflite import read_model_file
from tests.models import dense_model

LOGS = Path(__file__).resolve().parents[1] / "fixtures" / "edgetpu_compiler"
MIB = 1 << 20


def transcript(number: str) -> str:
    return next(LOGS.glob(f"{number}_*")).read_text()


@pytest.mark.parametrize(
    ("number", "verdict", "subgraphs", "total", "mapped"),
    [
        ("01", "compiled", 1, 134, 134),
        ("02", "compiled", 3, 135, 132),
        ("03", "compiled", 2, 294, 289),
        ("04", "compiled", 1, 294, 1),
        ("05", "compiled", None, 10, 8),
        ("06", "unfinished", None, None, 0),
    ],
)
def test_figures_are_those_of_the_last_attempt(number, verdict, subgraphs, total, mapped):
    report = parse(transcript(number))
    assert (report.verdict, report.subgraphs, report.ops_total) == (verdict, subgraphs, total)
    assert report.mapped == mapped
    assert sum(row.count for row in report.ops) == (total or 0)


def test_sizes_attempts_and_versions():
    report = parse(transcript("03"))
    assert (report.on_chip_bytes, report.on_chip_free_bytes) == (round(6.08 * MIB), 0)
    assert report.streamed_bytes == round(1.70 * MIB)
    assert report.version == "16.0.384591198"
    assert parse(transcript("02")).attempts == ("failed",) * 16
    assert parse(transcript("06")).attempts == ("compiled", "failed", "failed")


@pytest.mark.parametrize(
    ("number", "reason", "flaky"),
    [
        ("07", "Model not quantized", False),
        ("08", "Internal compiler error. Aborting", True),
        ("09", "Model could not be parsed: Didn't find op for builtin opcode 'QUANTIZE' version '3'", False),
        ("10", "large activation tensors in model", False),
    ],
)
def test_reasons_of_failures(number, reason, flaky):
    report = parse(transcript(number))
    assert report.verdict == "failed"
    assert report.reason.startswith(reason)
    assert report.flaky == flaky


def test_unknown_words_pass_through():
    text = "Operator   Count   Status\n\nCONV_2D   3   Mapped to Edge TPU\nNEW_OP   2   A word of tomorrow\n"
    assert parse(text).ops == (
        CompilerOp("CONV_2D", 3, MAPPED),
        CompilerOp("NEW_OP", 2, "A word of tomorrow"),
    )
    assert parse("").verdict == parse("\0 nonsense\n" * 9).verdict == "unfinished"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(dense_model(seed=1))
    return path


@pytest.fixture
def compiler(standin_compiler):
    return edgetpu.find(str(standin_compiler.command))


def test_a_model_is_compiled_once(model, compiler, standin_compiler, tmp_path):
    made = edgetpu.compile_model(model, compiler, tmp_path)
    again = edgetpu.compile_model(model, compiler, tmp_path)
    assert made == again
    assert standin_compiler.calls == 1
    assert [op.name for op in read_model_file(made.path).ops] == ["edgetpu-custom-op"]
    assert (made.artifact.ops_total, made.artifact.ops_mapped, made.artifact.on_chip_bytes) == (
        1,
        1,
        66 << 10,
    )
    assert made.artifact.size_bytes == made.path.stat().st_size


def test_other_flags_another_model_or_a_damaged_entry_mean_another_call(
    model, compiler, standin_compiler, tmp_path
):
    made = edgetpu.compile_model(model, compiler, tmp_path)
    edgetpu.compile_model(model, compiler, tmp_path, ("--min_runtime_version", "13"))
    assert standin_compiler.calls == 2
    made.path.write_bytes(b"half of it")
    assert edgetpu.compile_model(model, compiler, tmp_path).artifact.sha256 == made.artifact.sha256
    assert standin_compiler.calls == 3
    model.write_bytes(dense_model(seed=2))
    edgetpu.compile_model(model, compiler, tmp_path)
    assert standin_compiler.calls == 4


def test_a_whim_is_tried_once_more_a_refusal_is_remembered(model, compiler, standin_compiler, tmp_path):
    standin_compiler.mode("flaky")
    assert edgetpu.compile_model(model, compiler, tmp_path).artifact.subgraphs == 1
    assert standin_compiler.calls == 2
    standin_compiler.mode("refuse")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"edgetpu_compiler 16\.0\.384591198: Model not quantized"):
            edgetpu.compile_model(model, compiler, tmp_path / "other")
    assert standin_compiler.calls == 3


def test_a_compiler_that_hangs_is_ended_and_one_that_floods_is_read(
    model, compiler, standin_compiler, tmp_path
):
    standin_compiler.mode("hang")
    with pytest.raises(ModelError, match="no verdict within 1 s; compiler_timeout"):
        edgetpu.compile_model(model, compiler, tmp_path, timeout_s=1.0)
    assert standin_compiler.calls == 1
    standin_compiler.mode("flood")
    assert edgetpu.compile_model(model, compiler, tmp_path).artifact.subgraphs == 1


def test_what_is_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"no compiler: edgetpu_compiler is not on PATH; install Coral's"):
        edgetpu.find()
    with pytest.raises(ModelError, match=r'compiler = "/nowhere" is not there'):
        edgetpu.find("/nowhere")
    with pytest.raises(ModelError, match="gave no version"):
        edgetpu.find("/bin/true")


def test_compiled_by_its_own_words_but_no_file(model, tmp_path):
    command = tmp_path / "says_only"
    command.write_text(
        "#!/bin/sh\necho Edge TPU Compiler version 1\necho Model compiled successfully in 9 ms.\n"
    )
    command.chmod(0o755)
    with pytest.raises(ModelError, match="it compiled, but left no model_edgetpu") as raised:
        edgetpu.compile_model(model, edgetpu.find(str(command)), tmp_path)
    assert not isinstance(raised.value, edgetpu.ModelRefused)


@pytest.mark.parametrize(
    "flag", ["-o", "-ofolder", "--out_dir", "--out_dir=x", "-n", "--num_segments=2", "--num"]
)
def test_flags_that_move_the_file_are_refused(tmp_path, flag):
    file = tmp_path / "devices.toml"
    file.write_text(f'[devices.c]\ndelegates = [{{ name = "edgetpu", compiler_args = ["-s", "{flag}"] }}]\n')
    with pytest.raises(ConfigError, match=f'option "compiler_args": "{flag}" cannot be set'):
        check_options(load_config(file))


@pytest.fixture
def compile_all(tmp_path, model, standin_compiler):
    """What one variant came to for two devices with two thread counts; and what had begun."""
    (made,) = make_variants(resolve_model("model.tflite", tmp_path), [], cache=tmp_path / "cache").variants

    def run(missing=None, **options):
        spec = DelegateSpec("edgetpu", {"compiler": str(standin_compiler.command), **options})
        begun: list[str] = []
        compiler = EdgeTpuCompiler(tmp_path / "cache", run_once, begun.append)
        ask = [compiler.compile(made.variant, made.path, spec, missing=missing) for _ in range(4)]
        return ask, begun

    return run


@pytest.mark.parametrize(("mode", "kind"), [("", CompiledFile), ("refuse", Refused), ("hang", Unavailable)])
def test_cells_share_one_search_and_one_call(compile_all, standin_compiler, monkeypatch, mode, kind):
    """A time-out says nothing of the model: it is not refused."""
    find, searches = edgetpu.find, []
    monkeypatch.setattr(edgetpu, "find", lambda *asked: searches.append(asked) or find(*asked))
    standin_compiler.mode(mode)
    found, begun = compile_all(compiler_timeout=1.0 if mode == "hang" else 60.0)
    assert (len(searches), standin_compiler.calls, len(begun)) == (1, 1, 1)
    assert all(isinstance(one, kind) for one in found)


def test_a_compiler_that_is_missing_is_searched_once(compile_all, monkeypatch):
    find, searches = edgetpu.find, []
    monkeypatch.setattr(edgetpu, "find", lambda *asked: searches.append(asked) or find(*asked))
    found, begun = compile_all(compiler="/nowhere")
    assert (len(searches), begun) == (1, [])
    assert all("/nowhere" in one.reason for one in found)


def test_what_is_missing_is_said_in_the_order_in_which_it_is_to_be_fixed(compile_all, standin_compiler):
    (first, *_), begun = compile_all("no device", compiler="/nowhere")
    assert first.reason.startswith("no device; then no compiler: ")
    (first, *_), begun = compile_all("no device")
    assert (first, begun, standin_compiler.calls) == (Unavailable("no device"), [], 0)
