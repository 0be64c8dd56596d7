"""The options of an op, by the names of schema.fbs."""

from __future__ import annotations

from functools import cache
from typing import Any

from ai_edge_litert import schema_py_generated as schema

Options = dict[str, int | float]


def read_options(operator: Any) -> Options:
    """Return the scalar fields of an op's options, by their names in the generated classes."""
    table, kind = operator.BuiltinOptions(), operator.BuiltinOptionsType()
    cls = getattr(schema, enum_names(schema.BuiltinOptions).get(kind) or "", None)
    if table is None or cls is None:
        return {}
    options = cls()
    options.Init(table.Bytes, table.Pos)
    values = {field: getattr(options, field)() for field in _scalar_fields(cls)}
    return {field: value for field, value in values.items() if isinstance(value, int | float)}


@cache
def enum_names(enum: Any) -> dict[int, str]:
    """Return number -> name of an enumeration in the generated schema."""
    return {value: key for key, value in vars(enum).items() if isinstance(value, int)}


@cache
def _scalar_fields(cls: Any) -> tuple[str, ...]:
    """Return the accessors of a generated table that take no argument, except those of vectors."""
    names = [
        name for name in vars(cls) if name[0].isupper() and not name.startswith("GetRoot") and name != "Init"
    ]
    vectors = {name.removesuffix("Length") for name in names if name.endswith("Length")}
    of_vectors = {vector + end for vector in vectors for end in ("", "Length", "AsNumpy", "IsNone")}
    return tuple(name for name in names if name not in of_vectors and "BufferHasIdentifier" not in name)
