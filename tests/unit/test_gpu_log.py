"""What the GPU accelerator writes, copied from runs of ai-edge-litert 2.3.0, and what is made of it."""

from __future__ import annotations

import pytest

from delegates.backends import gpu_log
from delegates.wire import OpGroup, Ops

ADAPTER = (
    "INFO: [delegate_webgpu.cc:363] Created a WebGPU environment.\n"
    "I0000 00:00:1795252831.503326   26257 environment.cc:532] Selected adapter:"
    " SwiftShader Device (Subzero), arch=swiftshader, vendor=google, backend=Vulkan,"
    " adapterType=CPU / Software\n"
)
INT16 = ADAPTER + (
    "ERROR: Following operations are not supported by GPU delegate:\n"
    "CONV_2D: Tensor type(INT16) is not supported. serving_default_keras_tensor:0_int16\n"
    "DEQUANTIZE: Unsupported dequantization type.\n"
    "TRANSPOSE_CONV: Max version supported: 3. Requested version 4.\n"
    "1 operations will run on the GPU, and the remaining 4 operations will run on the CPU.\n"
    "I0000 00:00:1795252873.966686   27052 delegate_kernel.cc:984] Initializing WebGPU-based API\n"
)
GRAPH = Ops(
    5,
    0,
    0,
    [
        OpGroup("CONV_2D", 2, ["int16"]),
        OpGroup("DEQUANTIZE", 1, ["int16"]),
        OpGroup("TRANSPOSE_CONV", 1, ["float32"]),
        OpGroup("ADD", 1, ["float32"]),
    ],
)


def test_adapter_and_kind():
    assert gpu_log.adapter(ADAPTER) == {
        "adapter": "SwiftShader Device (Subzero)",
        "backend": "Vulkan",
        "kind": "CPU / Software",
        "software": True,
    }
    real = ADAPTER.replace("CPU / Software", "Discrete GPU").replace(
        "SwiftShader Device (Subzero)", "NVIDIA H200"
    )
    assert gpu_log.adapter(real)["software"] is False
    assert gpu_log.adapter("nothing") == {}


def test_kinds_that_add_up_have_their_own_reasons():
    ops = gpu_log.ops(INT16, GRAPH)
    assert (ops.total, ops.delegated, ops.partitions) == (5, 1, 1)
    assert {group.op: (group.count, group.reason) for group in ops.not_delegated} == {
        "CONV_2D": (2, "Tensor type(INT16) is not supported"),
        "DEQUANTIZE": (1, "Unsupported dequantization type"),
        "TRANSPOSE_CONV": (1, "Max version supported: 3. Requested version 4"),
    }


def test_ops_left_for_another_reason_are_counted_together():
    ops = gpu_log.ops(
        INT16.replace("1 operations will", "0 operations will").replace("remaining 4", "remaining 5"), GRAPH
    )
    assert ops.not_delegated[-1] == OpGroup("other ops", 1, [], gpu_log._APART)


def test_a_kind_that_is_taken_here_and_left_there_is_not_told_apart():
    (group,) = gpu_log.ops(INT16.replace("remaining 4", "remaining 2"), GRAPH).not_delegated
    assert (group.op, group.count) == ("CONV_2D or DEQUANTIZE or TRANSPOSE_CONV", 2)


@pytest.mark.parametrize(
    ("said", "delegated"),
    [
        (ADAPTER, 5),
        (ADAPTER + "No operations will run on the GPU, and all 5 operations will run on the CPU.\n", 0),
        ("", 0),
    ],
)
def test_all_or_nothing(said, delegated):
    ops = gpu_log.ops(said, GRAPH)
    assert (ops.total, ops.delegated) == (5, delegated)
    assert sum(group.count for group in ops.not_delegated) == 5 - delegated


def test_why_a_device_was_refused_is_passed_on():
    """Written by ai-edge-litert 2.3.0 on llvmpipe of Mesa 22.3."""
    said = (
        "Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.\n"
        " - While initializing adapter (backend=BackendType::Vulkan)\n\n"
        "ERROR: [delegate_webgpu.cc:359] Failed to initialize WebGPU environment: No adapters found\n"
    )
    assert gpu_log.why_no_adapter(said).endswith(
        "is here: Vulkan shaderUniform*ArrayDynamicIndexing required"
    )
    assert gpu_log.why_no_adapter("INTERNAL: No adapters found").endswith("that is here")
