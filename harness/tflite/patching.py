"""Copies of a .tflite with another signature first, or with other shapes. Only numbers in it are replaced."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from harness.errors import ModelError
from harness.tflite.op_options import read_options

# Where the vtables of schema.fbs have the fields that are replaced.
_SUBGRAPHS, _SIGNATURES = 8, 18  # of a Model
_SUBGRAPH_INDEX = 12  # of a SignatureDef
_SHAPE, _SHAPE_SIGNATURE = 4, 18  # of a Tensor


def with_signature_first(data: bytes, name: str) -> bytes:
    """Return the file with one of its signatures only, and the subgraph of that as the primary one.

    Raises ModelError if ops run that subgraph or the primary one: their references would be wrong.
    """
    patched, model = bytearray(data), schema.Model.GetRootAs(data, 0)
    number = [model.SignatureDefs(i).SignatureKey() for i in range(model.SignatureDefsLength())].index(
        name.encode()
    )
    signature = model.SignatureDefs(number)
    chosen = signature.SubgraphIndex()
    if chosen and {0, chosen} & _run_by_ops(model):
        raise ModelError(f"--signature {name}: ops of the file run its graph or the first one, too")
    table = model._tab
    subgraphs, signatures = (table.Vector(table.Offset(field)) for field in (_SUBGRAPHS, _SIGNATURES))
    tables = [model.Subgraphs(i)._tab.Pos for i in (0, chosen)]
    for slot, target in ((0, tables[1]), (chosen, tables[0])):
        _put_reference(patched, subgraphs + 4 * slot, target)
    _put_reference(patched, signatures, signature._tab.Pos)
    struct.pack_into("<I", patched, signatures - 4, 1)  # their number
    if field := signature._tab.Offset(_SUBGRAPH_INDEX):
        struct.pack_into("<I", patched, signature._tab.Pos + field, 0)
    return bytes(patched)


def with_shapes(data: bytes, shapes: Mapping[int, Sequence[int]]) -> bytes:
    """Return the file with fixed shapes of tensors of the primary subgraph, by index.

    Tensors with another number of dimensions stay as they are.
    """
    patched, graph = bytearray(data), schema.Model.GetRootAs(data, 0).Subgraphs(0)
    for index, shape in shapes.items():
        table = graph.Tensors(index)._tab
        for field in (_SHAPE, _SHAPE_SIGNATURE):
            offset = table.Offset(field)
            if offset and table.VectorLen(offset) == len(shape):
                struct.pack_into(f"<{len(shape)}i", patched, table.Vector(offset), *shape)
    return bytes(patched)


def _put_reference(data: bytearray, at: int, target: int) -> None:
    struct.pack_into("<I", data, at, target - at)


def _run_by_ops(model: Any) -> set[int]:
    """Return the subgraphs that ops run: of loops, branches and calls."""
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    ops = (graph.Operators(i) for graph in graphs for i in range(graph.OperatorsLength()))
    return {int(value) for op in ops for field, value in read_options(op).items() if "Subgraph" in field}
