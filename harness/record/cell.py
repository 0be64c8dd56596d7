"""A cell: one variant on one delegate of one device, with a number of threads."""

from __future__ import annotations

from msgspec import Struct

from delegates.wire import Evaluated, Launch
from harness.record.device import Delegate, DeviceState
from harness.record.ended import Ended, Pending
from harness.record.variant import FailedVariant, Side, Variant


class CompilerOp(Struct, frozen=True):
    """Ops of one kind, and what the compiler did with them in its own words."""

    op: str
    count: int
    status: str


class Artifact(Struct, frozen=True):
    """The compiled file that runs instead of the variant's own, and what its compiler reported."""

    file: str  # name without folder
    sha256: str
    size_bytes: int
    compiler: str | None = None  # version; None: the file was compiled before, by the user
    subgraphs: int | None = None
    ops_total: int | None = None
    ops_mapped: int | None = None
    on_chip_bytes: int | None = None
    on_chip_free_bytes: int | None = None
    streamed_bytes: int | None = None  # parameters that cross the bus in every inference
    ops: tuple[CompilerOp, ...] | None = None
    problem: str | None = None  # why the compiler's log can't be trusted


class ExpectedOps(Struct, frozen=True):
    """What the rules expect of each op of the file that runs, in the file's order.

    ops: their names. reasons: why an op stays on the CPU; None if it is expected to be delegated.
    """

    ops: tuple[str, ...]
    delegated: tuple[bool | None, ...]  # None: the rules can't tell
    reasons: tuple[str | None, ...]


class Cell(Struct, frozen=True):
    """A variant on a delegate of a device, with a number of threads."""

    id: str
    variant: Variant | FailedVariant
    device: DeviceState
    delegate: Delegate
    threads: int = 1
    artifact: Artifact | None = None
    expected: ExpectedOps | None = None
    side: Side | None = None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.variant.model

    @property
    def shape(self) -> str | None:
        """The shape asked for."""
        return self.variant.shape

    @property
    def signature(self) -> str | None:
        """The signature asked for."""
        return self.variant.signature


class CellRun(Struct, frozen=True):
    """A cell, its launches so far, and how it ended.

    evaluated: what was kept of its evaluation, in the dataset's order. damage: one line for each
    stored part of the cell that can no longer be read.
    """

    cell: Cell
    launches: tuple[Launch, ...] = ()
    ended: Ended = Pending()
    damage: tuple[str, ...] = ()
    evaluated: tuple[Evaluated, ...] = ()
