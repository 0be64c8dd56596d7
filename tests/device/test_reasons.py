"""`run`, `inspect` and `compat` give the same reason for every op that a real runtime left on the CPU."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from delegates.backends import gpu_log
from delegates.backends.runtime import installed
from delegates.wire import OpGroup, Ops, Runtime
from harness.accelerators import Verdict, expected, predict
from harness.analysis import compat, document, reasons
from harness.config import DelegateSpec, DeviceProfile
from harness.record import ExpectedOps, Row
from harness.session.expected import Expectations
from harness.tflite import read_model, read_model_file
from tests.device.test_predictions import RUNTIMES, cases, observe
from tests.ops import Op, Tensor, build
from tests.unit.run_builder import cell, device, launched, measurement, run, variant

RUNTIME = installed()[0]


def left_in_a_run(path: Path, runtime, ops: Ops) -> dict[int, str | None]:
    """Node -> the reason that the result document gives."""
    row = measured_row(path, runtime, ops)
    assert row.ops is not None
    assert row.ops.delegated + sum(group.count for group in row.ops.not_delegated) == ops.total
    return {node: group.reason for group in row.ops.not_delegated for node in group.nodes}


def measured_row(path: Path, runtime, ops: Ops) -> Row:
    """The row of a cell in which a device reported these ops."""
    known = Expectations().of(path, DelegateSpec("xnnpack"), runtime)
    built = cell("float32", "xnnpack", expected=known)
    launch = replace(
        measurement(built.cell.id, ops=ops), runtime=runtime.name, runtime_version=runtime.version
    )
    (row,) = document(run([launched(built, launch)], [variant("float32")], [device("xnnpack")])).cells
    return row


def left_in_inspect(path: Path, runtime) -> dict[int, str | None]:
    """Node -> the reason that inspect gives of an op it expects to be left."""
    profile = DeviceProfile("xnnpack", (DelegateSpec("xnnpack"),))
    target = compat.Target(profile, (runtime,), "installed")
    (found,) = compat.predictions(read_model_file(path), target)
    return {i: op.reason for i, op in enumerate(found.ops) if op.verdict != Verdict.DELEGATED}


def check(paths: dict[str, Path], runtime) -> int:
    """How many ops were left in all; each for the same reason everywhere."""
    wrong, count = [], 0
    for (name, path), ops in zip(paths.items(), observe(runtime.name, list(paths.values())), strict=True):
        if isinstance(ops, str):
            continue
        said, expected = left_in_a_run(path, runtime, ops), left_in_inspect(path, runtime)
        count += len(said)
        wrong += [(name, node, why) for node, why in said.items() if not why or why != expected.get(node)]
    assert not wrong
    return count


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_one_op_models(runtime, tmp_path):
    paths = {}
    for number, (name, data) in enumerate(cases().items()):
        paths[name] = tmp_path / f"{number}.tflite"
        paths[name].write_bytes(data)
    assert check(paths, runtime) > 20


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_whole_nets(runtime, nets):
    paths = {path.name: path for path in sorted(nets.glob("*.tflite"))}
    assert check(paths, runtime) >= 3


X = Tensor("float32", [1, 4])
TWO = build(
    {"x": X, "y": X, "z": X}, [Op("ABS", ["x"], ["y"]), Op("LOG_SOFTMAX", ["y"], ["z"])], ["x"], ["z"]
)


@pytest.fixture
def two(tmp_path) -> Path:
    path = tmp_path / "two.tflite"
    path.write_bytes(TWO)
    return path


def groups(*left: OpGroup) -> Ops:
    return Ops(2, 2 - sum(group.count for group in left), 1, list(left))


def test_observed_beats_predicted(two):
    """An op left although the rules take it is said to be that; one taken although they leave it is taken."""
    why = left_in_a_run(two, RUNTIME, groups(OpGroup("ABS", 1, ["float32"], nodes=[0])))
    assert why == {0: reasons.UNEXPECTED}


def test_a_delegates_own_words_stay(two):
    own = OpGroup("LOG_SOFTMAX", 1, ["float32"], "the driver is too old", [1])
    assert left_in_a_run(two, RUNTIME, groups(own)) == {1: "the driver is too old"}


@pytest.mark.parametrize("harm", ["gone", "cut", "another"])
def test_a_file_that_is_no_longer_there_costs_the_reason_alone(two, harm):
    if harm == "gone":
        two.unlink()
    else:
        two.write_bytes(TWO[:200] if harm == "cut" else TWO.replace(TWO, cases()["SPLIT 5"]))
    assert left_in_a_run(two, RUNTIME, groups(OpGroup("LOG_SOFTMAX", 1, [], nodes=[1]))) == {1: None}


def test_groups_are_divided_by_reason():
    """Ops of one kind and of the same types may be left for different reasons."""
    ops = Ops(2, 0, 0, [OpGroup("SPLIT", 2, ["int32 weights", "float32", "float32"], nodes=[0, 1])])
    found = reasons.explained(ops, two_splits())
    assert Counter(g.count for g in found.not_delegated) == {1: 2}
    assert [g.reason for g in found.not_delegated] == [
        "5 outputs; 2 to 4 are supported",
        "6 outputs; 2 to 4 are supported",
    ]
    assert [asdict(g)["nodes"] for g in found.not_delegated] == [[0], [1]]


def test_ops_that_a_gpu_only_counts_are_named_where_the_rules_count_the_same():
    names = ("RELU", "LOG_SOFTMAX", "RELU6", "RELU6")
    tensors = {f"t{i}": X for i in range(5)}
    ops = [Op(name, [f"t{i}"], [f"t{i + 1}"]) for i, name in enumerate(names)]
    model = read_model(build(tensors, ops, ["t0"], ["t4"]))
    rules = expected(predict(model, "gpu", Runtime("ai-edge-litert", "2.3.0")), model)
    said = "2 operations will run on the GPU, and the remaining 2 operations will run on the CPU."
    graph = Ops(4, 0, 0, [OpGroup("RELU", 1, []), OpGroup("LOG_SOFTMAX", 1, []), OpGroup("RELU6", 2, [])])
    found = reasons.explained(gpu_log.ops(said, graph), rules)
    apart = "supported, but not in the largest part of the graph: only that goes to the GPU"
    assert {g.op: g.reason for g in found.not_delegated} == {
        "RELU": apart,
        "LOG_SOFTMAX": "Operation is not supported",
    }
    fewer = gpu_log.ops(said.replace("remaining 2", "remaining 1"), graph)
    assert reasons.explained(fewer, rules) == fewer


def two_splits() -> ExpectedOps:
    tensors = {"x": Tensor("float32", [1, 60]), "axis": Tensor("int32", [], 1)}
    ops = []
    for count in (5, 6):
        names = [f"part{count}{i}" for i in range(count)]
        tensors |= {name: Tensor("float32", [1, 60 // count]) for name in names}
        ops.append(Op("SPLIT", ["axis", "x"], names, {"numSplits": count}))
    model = read_model(build(tensors, ops, ["x"], [op.outputs[0] for op in ops]))
    return expected(predict(model, "xnnpack", Runtime("ai-edge-litert", "2.3.0")), model)
