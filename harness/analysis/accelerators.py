"""What is particular about cells on accelerators: compiled files, software that plays hardware."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from delegates.wire import OpGroup, Ops
from harness.accelerators.edgetpu.log import MAPPED, Report
from harness.analysis.warnings import Doubt

if TYPE_CHECKING:
    from harness.accelerators.edgetpu.compiler import Compiled
    from harness.store import Cell

SOFTWARE = "software-gpu"
COMPILER_LOG = "compiler-log"


def of_variant(measured: Ops, report: Report) -> Ops:
    """The compiler's count in the variant's own ops, if the device took the compiled parts at all.

    Where the compiler's words do not add up, the ops are those of the compiled file.
    """
    if not measured.delegated or not report.ops_total or report.problem:
        return measured
    left = [
        OpGroup(row.op, row.count, [], f"edgetpu_compiler: {row.status}")
        for row in report.ops
        if row.status != MAPPED
    ]
    return Ops(report.ops_total, report.mapped, measured.partitions, left)


def of_compiled(compiled: Compiled | None) -> dict[str, Any] | None:
    """What ran instead of the variant's own file, and what its compiler said of it."""
    if compiled is None:
        return None
    known: dict[str, Any] = {} if compiled.report is None else asdict(compiled.report)
    kept = ("subgraphs", "on_chip_bytes", "on_chip_free_bytes", "streamed_bytes", "ops")
    return {
        "file": (compiled.given or compiled.path).name,
        "sha256": compiled.sha256,
        "compiler": compiled.compiler,
        **{key: known.get(key) for key in kept},
    }


def doubts(cell: Cell, has_nan: bool) -> Iterator[Doubt]:
    """`has_nan`: whether outputs are NaN or infinite."""
    report = None if cell.compiled is None else cell.compiled.report
    if report is not None and report.problem:
        yield Doubt(
            COMPILER_LOG,
            f"{report.problem}; ops are counted in the compiled file instead, where all that the Edge"
            " TPU runs are one op",
            "see what edgetpu_compiler --show_operations says of this variant, and report it to qbench",
        )
    facts = cell.measurements[-1].delegate_facts
    if facts.get("software"):
        yield Doubt(
            SOFTWARE,
            f"{facts.get('adapter') or 'the adapter'} is software: the CPU played the GPU, and these times"
            " say nothing about one",
            "measure on a machine with a GPU",
        )
    if has_nan and cell.delegate == "gpu" and facts.get("precision") != "float32":
        yield Doubt(
            "gpu-float16",
            "GPUs calculate in float16 where they can, which overflows beyond 65504: that may be where NaN"
            " comes from",
            'give the delegate precision = "float32"',
        )
