"""The events of a run, appended to events.jsonl as one JSON object per line.

The key `event` holds the kind. Readers skip kinds they do not know and ignore an unfinished last line.
Samples and output tensors are stored beside it, in files of chunks, which are written and synced before the
event that refers to them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from delegates.wire import Launch
from harness.record.cell import Artifact, ExpectedOps
from harness.record.device import DeviceState, Facts
from harness.record.ended import Ended as HowItEnded
from harness.record.run import Header
from harness.record.variant import FailedVariant, Model, Side, Variant

SCHEMA = 1  # of the events; docs/results.md, "Formats", says when it is raised


class Chunk(Struct, frozen=True):
    """A range of bytes in a file of chunks beside events.jsonl."""

    offset: int
    size_bytes: int  # as stored, compressed
    crc32: int


class StoredOutput(Struct, frozen=True):
    """An output tensor for all sample inputs. The chunk holds float32, little endian, zlib-compressed."""

    name: str
    shape: tuple[int, ...]  # (samples, *tensor shape), or (samples, kept) where subsampled
    subsampled: bool
    values: Chunk


class PlannedCell(Struct, frozen=True):
    """A planned cell, by the names of its variant, device and delegate in the same event.

    side: where variants or devices of one name exist once per side, the cell's are those of its side.
    So with shape and signature: variants of one name exist once per shape and signature that were asked for.
    """

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    expected: ExpectedOps | None = None
    artifact: Artifact | None = None
    ended: HowItEnded | None = None  # set if it will not be measured
    side: Side | None = None
    shape: str | None = None
    signature: str | None = None


class Started(Struct, frozen=True, tag_field="event", tag="started"):
    """The run has started: the first line of a record."""

    schema: int
    header: Header


class Planned(Struct, frozen=True, tag_field="event", tag="planned"):
    """The run is planned: which cells will be measured, and which will not."""

    models: tuple[Model, ...]
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...]
    devices: tuple[DeviceState, ...]
    cells: tuple[PlannedCell, ...]
    references: tuple[PlannedCell, ...] = ()  # evaluated only, where no cell can be what drops are against


class SystemFacts(Struct, frozen=True, tag_field="event", tag="system_facts"):
    """A machine has described itself, before or after it measured."""

    devices: tuple[str, ...]  # names of the profiles on it
    when: str  # "before" or "after"
    machine: Facts
    changing: Facts


class Launched(Struct, frozen=True, tag_field="event", tag="launched"):
    """A launch has ended, with everything it measured.

    `launch` itself holds no samples and no outputs. The chunk `samples` holds times in ns, as little-endian
    integers of `time_bytes` (4 or 8) bytes: those of all blocks (`block_sizes`), as many CPU times if
    `has_cpu_times`, and `end_to_end` times that include copying inputs and outputs.
    """

    cell: str
    launch: Launch
    block_sizes: tuple[int, ...]
    has_cpu_times: bool
    end_to_end: int
    samples: Chunk
    time_bytes: int = 8  # the first records, which did not say it, always used 8
    outputs: tuple[StoredOutput, ...] = ()


class Labelled(Struct, frozen=True, tag_field="event", tag="labelled"):
    """The labels of the samples that variants are evaluated on: the number of each sample's class."""

    sha256: str  # of the samples and labels: as of an Evaluation
    labels: StoredOutput  # shape (samples,)


class Evaluated(Struct, frozen=True, tag_field="event", tag="evaluated"):
    """What was kept of some samples of a cell's evaluation.

    keep: "classes" (the indices of the five largest values, -1 where outputs are not finite), "mse" or "mae"
    (a sample's error), "outputs", or "scores", which a user's metric gave them.
    """

    cell: str
    first: int  # the number of the first of these samples
    keep: str
    outputs: tuple[StoredOutput, ...]


class Ended(Struct, frozen=True, tag_field="event", tag="ended"):
    """A cell has ended."""

    cell: str
    how: HowItEnded


class Lost(Struct, frozen=True, tag_field="event", tag="lost"):
    """A machine can no longer be reached."""

    devices: tuple[str, ...]
    problem: str


class Finished(Struct, frozen=True, tag_field="event", tag="finished"):
    """The run has ended."""

    finished_at: str  # RFC 3339, UTC
    interrupted: bool


Event = Started | Planned | Labelled | SystemFacts | Launched | Evaluated | Ended | Lost | Finished

KINDS: Mapping[str, type[Event]] = {
    "started": Started,
    "planned": Planned,
    "system_facts": SystemFacts,
    "labelled": Labelled,
    "launched": Launched,
    "evaluated": Evaluated,
    "ended": Ended,
    "lost": Lost,
    "finished": Finished,
}
