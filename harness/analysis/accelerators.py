"""What is particular about cells on accelerators: compiled files, software that plays hardware."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.accelerators import ACCELERATORS
from harness.analysis.warnings import Doubt

if TYPE_CHECKING:
    from harness.accelerators import CompiledFile
    from harness.store import Cell


def of_compiled(compiled: CompiledFile | None) -> dict[str, Any] | None:
    """What ran instead of the variant's own file, and what its compiler said of it."""
    if compiled is None:
        return None
    kept = ("file", "sha256", "compiler", "subgraphs", "on_chip_bytes", "on_chip_free_bytes")
    artifact = compiled.artifact
    ops = artifact.ops and [{"op": row.op, "count": row.count, "status": row.status} for row in artifact.ops]
    return {key: getattr(artifact, key) for key in (*kept, "streamed_bytes")} | {"ops": ops}


def doubts(cell: Cell, has_nan: bool) -> Iterator[Doubt]:
    """`has_nan`: whether outputs are NaN or infinite."""
    artifact = None if cell.compiled is None else cell.compiled.artifact
    facts = cell.measurements[-1].delegate_facts
    for warning in ACCELERATORS[cell.delegate].warnings(artifact, facts, has_nan):
        yield Doubt(warning.code, warning.message, warning.remedy)
