"""The two sides of a run with `--against`, each as a run or document of its own.

Everything that joins by names looks at one side at a time: the cells of both have the same names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from harness.record import Cell, CellRun, Document, Git, Row, Run, Side

SIDES: tuple[Side, ...] = ("base", "head")


class Sided(Protocol):
    """What belongs to a side, or to both."""

    @property
    def side(self) -> Side | None:
        """The side; None: both, or the run has none."""


T = TypeVar("T", bound=Sided)
S = TypeVar("S", bound=Struct)


def has_sides(run: Run | Document) -> bool:
    """Return whether a run was measured with `--against`."""
    return any(_side(entry) is not None for entry in run.cells)


def run_of(run: Run, side: Side) -> Run:
    """Return one side of a run as a run without sides; a run that has none, unchanged.

    Cells keep their ids.
    """
    if not has_sides(run):
        return run
    return replace(
        run,
        header=replace(run.header, git=_git(run.header.git, run.header.base_revision, side)),
        models=_of(run.models, side),
        variants=_of(run.variants, side),
        failed=_of(run.failed, side),
        devices=_of(run.devices, side),
        cells=_cells(run.cells, side),
        references=_cells(run.references, side),
        exported=None if run.exported is None else document_of(run.exported, side),
        pooled=tuple(run_of(one, side) for one in run.pooled),
    )


def document_of(document: Document, side: Side) -> Document:
    """Return one side of a document as a document without sides; one that has none, unchanged."""
    if not has_sides(document):
        return document
    return replace(
        document,
        git=_git(document.git, document.base_revision, side),
        models=_of(document.models, side),
        variants=_of(document.variants, side),
        devices=_of(document.devices, side),
        cells=_of(document.cells, side),
        conclusions=document.conclusions if side == "head" else (),
    )


def apart(document: Document) -> tuple[Document, ...]:
    """Return the two sides of a document, or itself if it has none."""
    return tuple(document_of(document, side) for side in SIDES) if has_sides(document) else (document,)


def _side(entry: CellRun | Row) -> Side | None:
    return entry.cell.side if isinstance(entry, CellRun) else entry.side


def _cells(entries: Iterable[CellRun], side: Side) -> tuple[CellRun, ...]:
    return tuple(replace(one, cell=_plain(one.cell)) for one in entries if one.cell.side == side)


def _plain(cell: Cell) -> Cell:
    return replace(cell, side=None, variant=_sideless(cell.variant), device=_sideless(cell.device))


def _of(things: Iterable[T], side: Side) -> tuple[T, ...]:
    """Return what belongs to a side or to both, without its side."""
    return tuple(_sideless(thing) for thing in things if thing.side in (None, side))  # type: ignore[type-var]


def _sideless(thing: S) -> S:
    return replace(thing, side=None)


def _git(git: Git | None, base_revision: str | None, side: Side) -> Git | None:
    """Return the state of the repository that a side's models are from."""
    if side == "head" or base_revision is None:
        return git
    return Git(base_revision, None, dirty=False)
