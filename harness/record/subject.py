"""The subject of a cell: its model, at one shape and with one signature."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Subject(NamedTuple):
    """A model, with the shape and signature asked for. Only cells of one subject are compared.

    shape: "x=1x224x224x3", several inputs joined by commas; None: not asked for, like signature.
    """

    model: str
    shape: str | None = None
    signature: str | None = None

    def __str__(self) -> str:
        """Return "detector serve x=1x320x320x3": the model's name, and what else is there."""
        return " ".join(part for part in (self.model, self.signature, self.shape) if part is not None)


class HasSubject(Protocol):
    """A cell, a variant, or what was derived from one."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def shape(self) -> str | None:
        """The shape asked for."""

    @property
    def signature(self) -> str | None:
        """The signature asked for."""


def subject(of: HasSubject) -> Subject:
    """Return the subject of a cell, a variant, or what was derived from one."""
    return Subject(of.model, of.shape, of.signature)
