"""The shapes that --shape asks for, and how they fit the inputs of a model."""
# ruff: noqa: RUF001, RUF002 (the typographic signs are meant)

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.errors import ConfigError, ModelError

Dims = tuple[int, ...]
Shapes = tuple[tuple[str, Dims], ...]  # of some inputs, by name; "": the name was left out
_DIMS = re.compile(r"\d{1,9}(x\d{1,9})*")


class ModelInput(NamedTuple):
    """An input of a model. names: all by which it may be called, its own first.

    shape: None for a free dimension, and None in all if even their number is free.
    """

    names: tuple[str, ...]
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        """Return "x [?×?×?×3]", with ? for a free dimension."""
        if self.shape is None:
            return f"{self.names[0]} [of any shape]"
        return f"{self.names[0]} [{'×'.join('?' if size is None else str(size) for size in self.shape)}]"


def read_sweep(texts: Sequence[str]) -> list[Shapes]:
    """Return the points of a sweep, each with the shapes of some inputs. Raises ConfigError.

    A text names one input, or several: "x=1x8", "a=1x8,b=1x4"; a lone input needs no name: "1x8". Texts that
    name the same inputs are different points; each is combined with those that name other inputs.
    """
    by_names: dict[frozenset[str], list[Shapes]] = {}
    for shapes in map(_read, texts):
        by_names.setdefault(frozenset(name for name, _ in shapes), []).append(shapes)
    for some, others in itertools.combinations(by_names, 2):
        if shared := sorted(some & others):
            raise ConfigError(
                f"--shape: {shared[0]} is named together with different inputs; name the same ones each time"
            )
    points = itertools.product(*by_names.values())
    return list(dict.fromkeys(tuple(itertools.chain(*point)) for point in points)) if by_names else []


def _read(given: str) -> Shapes:
    shapes: dict[str, Dims] = {}
    for part in given.split(","):
        name, _, dims = part.rpartition("=")
        sizes = tuple(map(int, dims.strip().split("x"))) if _DIMS.fullmatch(dims.strip()) else (0,)
        if min(sizes) < 1 or name.strip() in shapes or not name.isprintable():
            raise ConfigError(
                f"--shape {given}: NAME=1x224x224x3 expected, with whole numbers from 1 upwards"
            )
        shapes[name.strip()] = sizes
    if "" in shapes and len(shapes) > 1:
        raise ConfigError(f"--shape {given}: name every input of several; sizes are joined by x")
    return tuple(shapes.items())


def fit(asked: Shapes, inputs: Sequence[ModelInput]) -> Mapping[int, Dims]:
    """Return the shape of every input that was asked for, by its index, in the model's order.

    Raises ModelError if there is no such input, or if one of its dimensions is fixed to another size.
    """
    found = {_index(name, dims, inputs): (name, dims) for name, dims in asked}
    if len(found) < len(asked):
        raise ModelError(f"--shape {as_text(asked)}: names one input twice")
    for index, (_, dims) in found.items():
        own = inputs[index]
        if own.shape is not None and not _fits(dims, own.shape):
            raise ModelError(f"--shape {as_text(((own.names[0], dims),))}: the model's input is {own}")
    return {index: found[index][1] for index in sorted(found)}


def named(fitted: Mapping[int, Dims], inputs: Sequence[ModelInput]) -> str | None:
    """Return the shapes with the inputs' own names: "a=1x8,b=1x4"; None for none."""
    return as_text([(inputs[index].names[0], dims) for index, dims in fitted.items()]) or None


def _index(name: str, dims: Dims, inputs: Sequence[ModelInput]) -> int:
    listed = ", ".join(map(str, inputs))
    if not name:
        if len(inputs) != 1:
            raise ModelError(f"--shape {as_text((('', dims),))}: name the input; the model has {listed}")
        return 0
    for index, one in enumerate(inputs):
        if name in one.names:
            return index
    near = difflib.get_close_matches(name, [one.names[0] for one in inputs], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ModelError(f"--shape {as_text(((name, dims),))}: no such input{hint}; the model has {listed}")


def _fits(dims: Dims, own: tuple[int | None, ...]) -> bool:
    return len(dims) == len(own) and all(
        size in (None, wanted) for wanted, size in zip(dims, own, strict=True)
    )


def as_text(shapes: Sequence[tuple[str, Dims]]) -> str:
    """Return shapes as --shape takes them: "a=1x8,b=1x4"."""
    return ",".join((f"{name}=" if name else "") + "x".join(map(str, dims)) for name, dims in shapes)
