"""external and edgetpu through the real load_delegate, with a stand-in library behind it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from delegates.wire import Failure, Launch
from tests.device.conftest import RUNTIMES, answers, job, run
from tests.models import dense_model

CONV_2D = "3"  # BuiltinOperator in schema.fbs


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dense.tflite"
    path.write_bytes(dense_model(seed=1))
    return path


@pytest.fixture
def resnet(nets):
    return nets / "resnet.tflite"


@pytest.fixture
def compiled(nets):
    return nets / "resnet_int8_edgetpu.tflite"


def external(model, library, **options):
    return job(model, delegate="external", options={"library": str(library), "options": options})


def edgetpu(model, library, **options):
    library_options = {"library": str(library), "options": options}
    return job(model, delegate="edgetpu", exclusive=True, options=library_options)


def beside_another(runner, dense, victim, **changes):
    """What the victim's job and another one on the CPU came to."""
    jobs = [replace(victim, id="victim", **changes), job(dense, id="other")]
    messages = answers(runner, run(jobs, budget_s=0.05, launches=2))
    others = [m for m in messages if isinstance(m, Launch) and m.job == "other"]
    assert [m.launch for m in others] == [0, 1]
    return [m for m in messages if getattr(m, "job", "") == "victim"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_a_library_took_is_counted_apart_from_xnnpack(runner, resnet, standin_library, runtime):
    wanted = replace(external(resnet, standin_library, claims_builtin=CONV_2D), runtime=runtime)
    (found,) = (m for m in answers(runner, run([wanted], budget_s=0.02, launches=1)) if isinstance(m, Launch))
    left = {group.op: group.count for group in found.ops.not_delegated}
    assert (found.ops.total, found.ops.delegated) == (16, 9)  # a ResNet-8 has nine convolutions
    assert left == {"ADD": 3, "AVERAGE_POOL_2D": 1, "FULLY_CONNECTED": 1, "RESHAPE": 1, "SOFTMAX": 1}
    assert found.delegate_facts == {"library": str(standin_library)}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_compiled_model_runs_through_the_edgetpu_delegate(runner, compiled, standin_library, runtime):
    wanted = replace(edgetpu(compiled, standin_library, slow_us=2000), runtime=runtime)
    (found,) = (m for m in answers(runner, run([wanted], budget_s=0.05, launches=1)) if isinstance(m, Launch))
    assert (found.ops.total, found.ops.delegated, found.ops.partitions) == (1, 1, 1)
    assert min(ns for block in found.blocks_ns for ns in block) >= 2_000_000
    assert found.delegate_facts["runtime"] == "BuildLabel(COMPILER=STAND-IN), RuntimeVersion(14)"


def test_what_the_compiler_left_on_the_cpu_is_named(runner, nets, standin_library):
    wanted = edgetpu(nets / "partly_int8_edgetpu.tflite", standin_library)
    (found,) = (m for m in answers(runner, run([wanted], budget_s=0.02, launches=1)) if isinstance(m, Launch))
    assert (found.ops.total, found.ops.delegated) == (3, 1)
    assert len({node for group in found.ops.not_delegated for node in group.nodes}) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fail", "stage", "said"),
    [
        ("load", "delegate", "told to refuse"),
        ("crash", "crash", "SIGSEGV while loading the model; its library was built for one version"),
        ("crash_invoke", "crash", "SIGSEGV while running inference"),
        ("hang", "timeout", "no answer for 1 s while loading the model"),
        ("hang_invoke", "timeout", "no answer for 1 s while running inference"),
        ("prepare", "allocate", "requires runtime version (14)"),
        ("invoke", "invoke", "not ready"),
    ],
)
def test_a_delegate_that_fails_loses_one_cell(runner, dense, standin_library, fail, stage, said):
    victim = external(dense, standin_library, claims_builtin="all", fail=fail)
    (refusal,) = beside_another(runner, dense, victim, timeout_s=1.0)
    assert isinstance(refusal, Failure)
    assert refusal.stage == stage
    assert said in refusal.reason


@pytest.mark.slow
def test_a_delegate_that_eats_all_memory_loses_one_cell(runner, dense, standin_library, tmp_path):
    """The limit stands in for a full machine: the library dies of it as of the kernel's hand."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -v {3 << 19}\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    victim = external(dense, standin_library, claims_builtin="all", fail="leak")
    (refusal,) = beside_another(runner, dense, victim, python=str(python))
    assert refusal.stage == "crash"
    assert "SIGKILL while running inference; the kernel does that when memory runs out" in refusal.reason


def test_megabytes_of_text_cost_nothing(runner, dense, standin_library):
    victim = external(dense, standin_library, claims_builtin="all", print_mb=30)
    found = beside_another(runner, dense, victim)
    assert [m.launch for m in found if isinstance(m, Launch)] == [0, 1]


def test_a_delegate_that_takes_nothing_is_counted_as_such(runner, dense, standin_library):
    found = beside_another(runner, dense, external(dense, standin_library, fail="none"))
    assert [(m.ops.total, m.ops.delegated) for m in found] == [(1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("name", "said"),
    [("no/such.so", "No such file"), ("dense.tflite", "no sound ELF"), ("libc.so.6", "it lacks tflite")],
)
def test_a_library_that_is_none(runner, dense, name, said):
    library = dense.parent / name if "." in name and not name.startswith("libc") else name
    (refusal,) = beside_another(runner, dense, external(dense, library))
    assert isinstance(refusal, Failure)
    assert said in refusal.reason
    assert "\n" not in refusal.reason


def test_errors_of_libedgetpu_are_put_into_plain_words(runner, dense, compiled, standin_library):
    (refusal,) = beside_another(runner, dense, edgetpu(compiled, standin_library, fail="prepare"))
    assert "compiled for a newer Edge TPU runtime than this library" in refusal.reason
    (refusal,) = beside_another(runner, dense, edgetpu(compiled, standin_library, fail="load"))
    assert refusal.stage == "delegate"
    assert refusal.reason.startswith("no device: ")
