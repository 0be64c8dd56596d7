"""The messages between conductor and worker: lines, mostly of JSON, that never leave the device.

The conductor sends a Job, then one command after the other. The worker sends the Stages it enters, Ready once
the model is open, one answer per command, and Failed if anything goes wrong.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from .. import codec
from ..wire import Job, Ops, Output

READY_TO_FORK = "ready to fork"  # the first line of a launcher; then one line with each worker's process ID


@dataclass(frozen=True)
class Open:
    """Load the model and run it once. Sent to one worker at a time. Answered by Ready."""


@dataclass(frozen=True)
class ComputeOutputs:
    """Compute outputs for the job's sample inputs. Answered by Outputs."""

    limit_ns: int  # no further sample is started after it


@dataclass(frozen=True)
class Evaluate:
    """Evaluate the next samples of the job's dataset. Answered by Part."""

    samples: int  # at most
    limit_ns: int  # no further sample is started after it


@dataclass(frozen=True)
class Part:
    """What is kept of the samples that were evaluated."""

    samples: int
    outputs: List[Output]


@dataclass(frozen=True)
class WarmUp:
    """Run inferences until they stop getting faster. Answered by WarmedUp."""

    limit_ns: int


@dataclass(frozen=True)
class TimeBlocks:
    """Time blocks of single inferences, one after the other: a turn. Answered by Blocks."""

    calls: int  # per block
    limit_ns: int  # no further inference of a block is started after it
    blocks: int = 1  # at most
    turn_ns: int = 0  # no further block is started after it
    end_to_end: bool = False  # include copying inputs in and outputs out


@dataclass(frozen=True)
class Stage:
    """The worker enters a stage, one of wire.STAGES. If it never answers again, it failed there."""

    name: str


@dataclass(frozen=True)
class Ready:
    """The model is open and has run once. The fields are those of wire.Launch."""

    runtime: str
    runtime_version: str
    python: str
    affinity: Optional[List[int]]
    init_ns: int
    first_ns: int
    timer_resolution_ns: float
    ops: Ops
    delegate_facts: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """The model's outputs for the job's sample inputs."""

    outputs: List[Output]


@dataclass(frozen=True)
class WarmedUp:
    """The model is warm. `inferences`: how many that took; `inference_ns`: how long one takes."""

    inferences: int
    inference_ns: float


@dataclass(frozen=True)
class Blocks:
    """The times of single inferences, block by block, and their CPU times if measured."""

    ns: List[List[int]]
    cpu_time_ns: List[List[int]]


@dataclass(frozen=True)
class ReadMemory:
    """Read the peak resident memory. Answered by Memory."""


@dataclass(frozen=True)
class Memory:
    """The peak resident memory of the worker; None where it can't be read."""

    peak_bytes: Optional[int]


@dataclass(frozen=True)
class Failed:
    """The worker has ended with an error in `stage`."""

    stage: str
    reason: str  # one line


Task = Union[ComputeOutputs, Evaluate, WarmUp, TimeBlocks, ReadMemory]  # commands to a worker that is ready
Command = Union[Open, Task]
Result = Union[Outputs, Part, WarmedUp, Blocks, Memory]  # the answers to tasks
_COMMANDS = (Job, Open, ComputeOutputs, Evaluate, WarmUp, TimeBlocks, ReadMemory)
_KINDS = codec.by_name(*_COMMANDS, Stage, Ready, Outputs, Part, WarmedUp, Memory, Failed)
# Blocks in a line: this word, the wall times and the CPU times. JSON would take several times as long.
_BLOCKS = "Blocks"


def encode(message: Any) -> str:
    """Return a message as one line, newline included."""
    if isinstance(message, Blocks):
        return "%s %s %s\n" % (_BLOCKS, _packed(message.ns), _packed(message.cpu_time_ns))
    return codec.encode(message)


def decode(line: str) -> Any:
    """Decode the message in a line. Raises WireError if it is none."""
    if not line.startswith(_BLOCKS):
        return codec.decode(line, _KINDS)
    try:
        _, ns, cpu_time_ns = line.split(" ")
        return Blocks(_unpacked(ns), _unpacked(cpu_time_ns))
    except ValueError as error:
        raise codec.WireError("not Blocks: %s" % error) from None


def _packed(blocks: List[List[int]]) -> str:
    """Return times as 64-bit integers of this machine, in hexadecimal, with a comma after each block."""
    return "".join(array("q", block).tobytes().hex() + "," for block in blocks)


def _unpacked(text: str) -> List[List[int]]:
    """Return the times in a text. Raises ValueError if they are none."""
    return [array("q", bytes.fromhex(block)).tolist() for block in text.split(",")[:-1]]
