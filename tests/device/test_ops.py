"""How many ops a delegate took, against a walk of the flatbuffer that shares no code with qbench's."""

from __future__ import annotations

import pytest

from delegates.backends import graph
from delegates.wire import Launch
from harness.tflite import read_model_file
from tests.device.conftest import RUNTIMES, answers, job, run

MODELS = ["resnet", "resnet_int8", "autoencoder_int8", "dynamic", "partly"]


@pytest.mark.parametrize("model", MODELS)
def test_total_is_the_flatbuffers_and_parts_add_up(runner, nets, model):
    jobs = [
        job(nets / f"{model}.tflite", id=f"{runtime} {delegate}", runtime=runtime, delegate=delegate)
        for runtime in RUNTIMES
        for delegate in ("cpu", "xnnpack")
    ]
    messages = answers(runner, run(jobs, budget_s=0.01, launches=1))
    found = {m.job: m.ops for m in messages if isinstance(m, Launch)}
    total = len(read_model_file(nets / f"{model}.tflite").ops)
    assert len(found) == len(jobs)
    for name, ops in found.items():
        assert ops.total == total
        assert ops.delegated + sum(group.count for group in ops.not_delegated) == total
        assert all(len(group.nodes) == group.count for group in ops.not_delegated)
        if name.endswith("cpu"):
            assert (ops.delegated, ops.partitions) == (total, 0)


@pytest.mark.skipif(len(RUNTIMES) < 2, reason="tflite-runtime has no wheel for this Python")
def test_known_counts(runner, nets):
    """Measured in November 2026; no version of either runtime may change them unnoticed."""
    model = nets / "resnet_int8.tflite"
    jobs = [job(model, id=runtime, runtime=runtime, delegate="xnnpack") for runtime in RUNTIMES]
    messages = answers(runner, run(jobs, budget_s=0.01, launches=1))
    found = {m.job: m.ops for m in messages if isinstance(m, Launch)}
    assert found["tflite-runtime"].delegated == 0
    left = {group.op: group.count for group in found["ai-edge-litert"].not_delegated}
    assert left == {"AVERAGE_POOL_2D": 1, "SOFTMAX": 1}


@pytest.mark.parametrize("model", MODELS)
def test_delegated_nodes_against_a_forward_walk(nets, model):
    """Backward from outputs (qbench) and forward from inputs (here) must meet in the same nodes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(nets / f"{model}.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    nodes = interpreter._get_ops_details()
    assert graph.delegated_nodes(nodes) == _forward(nodes, read_model_file(nets / f"{model}.tflite"))


def _forward(nodes, model):
    """Nodes all of whose inputs are constants, a partition's inputs or its own results, and that lead on."""
    constants = {i for i, tensor in enumerate(model.tensors) if tensor.constant}
    taken = set()
    for partition in (node for node in nodes if node["op_name"] == "DELEGATE"):
        outputs = {int(t) for t in partition["outputs"]}
        known = constants | {int(t) for t in partition["inputs"]}
        inside = []
        for index, op in enumerate(model.ops):  # the file's order is an order of execution
            if set(op.inputs) <= known:
                inside.append(index)
                known |= set(op.outputs)
        needed = set(outputs)
        for index in reversed(inside):
            op = model.ops[index]
            if needed & set(op.outputs) and not set(op.outputs) <= {int(t) for t in partition["inputs"]}:
                taken.add(index)
                needed |= set(op.inputs) - {int(t) for t in partition["inputs"]}
    return taken
