"""The events of a run, as they are appended to events.jsonl: one JSON object per line.

Each has a key `event` with its kind. A reader skips kinds that it does not know and stops at the last whole
line. Samples and output tensors lie beside, in files of chunks; they are on the disk before the event that
names them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from delegates.wire import Launch
from harness.record.cell import Artifact, ExpectedOps
from harness.record.device import DeviceState, Facts
from harness.record.ended import Ended as HowItEnded
from harness.record.run import Header
from harness.record.variant import FailedVariant, Model, Variant

SCHEMA = 1  # of the events; a reader that knows a smaller one has to be updated


class Chunk(Struct, frozen=True):
    """Where some bytes lie in a file of chunks beside events.jsonl."""

    offset: int
    size_bytes: int  # as stored, compressed
    crc32: int


class StoredOutput(Struct, frozen=True):
    """An output tensor for all sample inputs; the chunk holds float32, little endian."""

    name: str
    shape: tuple[int, ...]  # (samples, *tensor shape), or (samples, kept) where subsampled
    subsampled: bool
    values: Chunk


class PlannedCell(Struct, frozen=True):
    """A cell by the names of what it consists of, which stand in the same event."""

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    expected: ExpectedOps | None = None
    artifact: Artifact | None = None
    ended: HowItEnded | None = None  # what was known before anything was measured


class Started(Struct, frozen=True, tag_field="event", tag="started"):
    """The first line of a record."""

    schema: int
    header: Header


class Planned(Struct, frozen=True, tag_field="event", tag="planned"):
    """What will be measured, and what will not."""

    models: tuple[Model, ...]
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...]
    devices: tuple[DeviceState, ...]
    cells: tuple[PlannedCell, ...]


class SystemFacts(Struct, frozen=True, tag_field="event", tag="system_facts"):
    """What a machine was like before or after it measured."""

    devices: tuple[str, ...]  # names of the profiles on it
    when: str  # "before" or "after"
    machine: Facts
    changing: Facts


class Launched(Struct, frozen=True, tag_field="event", tag="launched"):
    """One worker process has come to its end: all it measured.

    `launch` holds no samples and no outputs. `samples` holds, as little-endian integers of `time_bytes` (4 or
    8) bytes, the times of all blocks in `block_sizes`, then as many CPU times if `has_cpu_times`, then the
    `end_to_end` times; all in ns.
    """

    cell: str
    launch: Launch
    block_sizes: tuple[int, ...]
    has_cpu_times: bool
    end_to_end: int
    time_bytes: int
    samples: Chunk
    outputs: tuple[StoredOutput, ...] = ()


class Ended(Struct, frozen=True, tag_field="event", tag="ended"):
    """A cell has come to its end."""

    cell: str
    how: HowItEnded


class Lost(Struct, frozen=True, tag_field="event", tag="lost"):
    """A machine can't be reached any more."""

    devices: tuple[str, ...]
    problem: str


class Finished(Struct, frozen=True, tag_field="event", tag="finished"):
    """The run has come to its end."""

    finished_at: str  # RFC 3339, UTC
    interrupted: bool


Event = Started | Planned | SystemFacts | Launched | Ended | Lost | Finished

KINDS: Mapping[str, type[Event]] = {
    "started": Started,
    "planned": Planned,
    "system_facts": SystemFacts,
    "launched": Launched,
    "ended": Ended,
    "lost": Lost,
    "finished": Finished,
}
