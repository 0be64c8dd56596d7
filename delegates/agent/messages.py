"""The messages between conductor and worker: lines of JSON, as on the wire, that never leave the device.

The conductor sends a Job and then commands, one after the other. The worker answers the Job with the
Stages it enters and Ready, each command with its answer, and whatever goes wrong with Failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from .. import codec
from ..wire import Job, Ops, Output


@dataclass(frozen=True)
class Open:
    """Load the model and run it once: the conductor lets one worker at a time do that. Answered by Ready."""


@dataclass(frozen=True)
class ComputeOutputs:
    """Answered by Outputs."""

    limit_ns: int  # no further sample is begun after it


@dataclass(frozen=True)
class WarmUp:
    """Answered by WarmedUp."""

    limit_ns: int


@dataclass(frozen=True)
class TimeBlock:
    """Time single inferences in a row. Answered by Block."""

    calls: int
    limit_ns: int  # no further inference is begun after it
    end_to_end: bool = False  # with copying inputs in and outputs out


@dataclass(frozen=True)
class Stage:
    """What the worker does next, one of wire.STAGES: if it never answers again, that is where it failed."""

    name: str


@dataclass(frozen=True)
class Ready:
    """The model is open and has run once; the fields are those of wire.Launch."""

    runtime: str
    runtime_version: str
    python: str
    affinity: Optional[List[int]]
    init_ns: int
    first_ns: int
    timer_resolution_ns: float
    ops: Ops
    peak_memory_bytes: Optional[int]
    delegate_facts: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """The model's outputs for the job's sample inputs."""

    outputs: List[Output]
    peak_memory_bytes: Optional[int]


@dataclass(frozen=True)
class WarmedUp:
    """The model is warm after so many inferences."""

    inferences: int
    peak_memory_bytes: Optional[int]


@dataclass(frozen=True)
class Block:
    """Times of single inferences, and their CPU times unless those were not measured."""

    ns: List[int]
    cpu_time_ns: List[int]
    peak_memory_bytes: Optional[int]


@dataclass(frozen=True)
class Failed:
    """The worker has ended with an error while it was in `stage`."""

    stage: str
    reason: str  # one line


Task = Union[ComputeOutputs, WarmUp, TimeBlock]  # commands to a worker that is ready
Command = Union[Open, Task]
Result = Union[Outputs, WarmedUp, Block]  # the answers to tasks
_KINDS = codec.by_name(
    Job, Open, ComputeOutputs, WarmUp, TimeBlock, Stage, Ready, Outputs, WarmedUp, Block, Failed
)


def decode(line: str) -> Any:
    """The message in a line. Raises WireError for anything that is not one."""
    return codec.decode(line, _KINDS)
