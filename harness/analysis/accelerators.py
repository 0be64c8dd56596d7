"""What is particular about cells on accelerators, as their rooms know it: names, ops, warnings."""

from __future__ import annotations

from collections.abc import Iterator

from delegates.wire import Launch, OpGroup, Ops
from harness.accelerators.edgetpu.log import MAPPED
from harness.record import Artifact, CellRun, Warning

# Codes of warnings about cells that are fast at something else: they never have the star.
BARRING = frozenset({"software-gpu", "gpu-float16"})

_LABELS = {
    "xnnpack": "XNNPACK",
    "gpu": "the GPU delegate",
    "edgetpu": "the Edge TPU",
    "external": "the external delegate",
}


def label(delegate: str) -> str:
    """A delegate's name in a sentence."""
    return _LABELS.get(delegate, delegate)


def of_variant(measured: Ops, artifact: Artifact) -> Ops:
    """The compiler's count in the variant's own ops, if the device took the compiled parts at all.

    Where the compiler's words do not add up, the ops are those of the compiled file.
    """
    if not measured.delegated or not artifact.ops_total or artifact.problem:
        return measured
    rows = artifact.ops or ()
    mapped = sum(row.count for row in rows if row.status == MAPPED)
    left = [
        OpGroup(row.op, row.count, [], f"edgetpu_compiler: {row.status}")
        for row in rows
        if row.status != MAPPED
    ]
    return Ops(artifact.ops_total, mapped, measured.partitions, left)


def warnings(cell: CellRun, last: Launch, has_nan: bool) -> Iterator[Warning]:
    """The warnings that a cell's delegate gives cause for. has_nan: whether outputs are NaN or infinite."""
    artifact, facts = cell.cell.artifact, last.delegate_facts
    if artifact is not None and artifact.problem:
        yield Warning(
            "compiler-log",
            f"{artifact.problem}; ops are counted in the compiled file instead, where all that the Edge"
            " TPU runs are one op",
            "see what edgetpu_compiler --show_operations says of this variant, and report it to qbench",
        )
    if facts.get("software"):
        yield Warning(
            "software-gpu",
            f"{facts.get('adapter') or 'the adapter'} is software: the CPU played the GPU, and these times"
            " say nothing about one",
            "measure on a machine with a GPU",
        )
    if has_nan and cell.cell.delegate.name == "gpu" and facts.get("precision") != "float32":
        yield Warning(
            "gpu-float16",
            "GPUs calculate in float16 where they can, which overflows beyond 65504: that may be where NaN"
            " comes from",
            'give the delegate precision = "float32"',
        )
