"""The messages between home and device, and the terms they use.

Home sends one Request. The device answers with SystemInfo, ProbeResult, Launch, Evaluated, Failure and
Progress, and finally Done. Each message is one line of JSON.

cell      one variant of a model with one delegate and number of threads on one device; its Job measures it
group     the jobs that are compared with each other: their workers take turns
launch    one worker process of a job, from its start to its end; it is what is repeated, because times
          differ more between processes than within one
turn      some blocks of a launch, while the workers of the other jobs wait
block     some inferences, timed one by one in a row
floor     what an undisturbed inference of a launch takes (stats.launch_floor): what is compared
baseline  the job of a group that the others are compared with: speedup = its floor / theirs
pair      the same cell on both sides of a run with --against: launched together, compared with each other
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from . import codec
from .codec import MAX_LINE_BYTES, WireError

__all__ = [
    "CLASSES", "DEFAULT_ACCURACY_PRECISION", "DEFAULT_BUDGET_S", "DEFAULT_PRECISION", "MAX_LINE_BYTES",
    "MEAN_ABSOLUTE", "MEAN_SQUARED", "OUTPUTS", "STAGES", "TARGETS", "Done", "Evaluated", "Evaluation",
    "Failure", "Job", "Launch", "Message", "OpGroup", "Ops", "Output", "ProbeRequest", "ProbeResult",
    "Progress", "Request", "Runtime", "SystemInfo", "WireError", "build", "decode", "encode", "printable",
]  # fmt: skip

# The defaults of a run.
DEFAULT_BUDGET_S = 2.0  # seconds of timed work per job
DEFAULT_PRECISION = 0.01  # half the width of the interval, as a part of the value
DEFAULT_ACCURACY_PRECISION = 0.01  # half the width of the interval of the drop

# What is kept of a sample's outputs (Evaluation.keep).
CLASSES = "classes"  # the indices of the largest values, the largest first; -1 where outputs are not finite
MEAN_SQUARED, MEAN_ABSOLUTE = "mse", "mae"  # the error against the targets
OUTPUTS = "outputs"  # all of them
TARGETS = "targets of "  # begins the names of the arrays of targets: one per output, by its position

STAGES = ("runtime", "delegate", "load", "allocate", "invoke", "crash", "timeout", "link")

# Control characters, characters that change the direction of text, and lone surrogates.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Evaluation:
    """Asks what a job's model makes of a dataset, sample by sample, after everything has been timed."""

    inputs: str  # .npz on the device: as Job.inputs, and the targets if errors are kept
    samples: int
    keep: str
    precision: float = 0.0  # half the width of the drop's interval that is narrow enough; 0: all samples
    against: str = ""  # id of the job that its outputs are compared with, to tell how wide it is


@dataclass(frozen=True)
class Job:
    """One cell to measure. Files are paths on the device."""

    id: str
    group: str  # jobs of one group are compared with each other and take turns
    model: str
    inputs: Optional[str]  # .npz of sample inputs: one array per model input, shape (samples, *shape)
    delegate: str
    runtime: str  # tflite-runtime, ai-edge-litert, tensorflow or auto
    python: str
    threads: int = 1
    options: Dict[str, Any] = field(default_factory=dict)
    affinity: Optional[List[int]] = None  # CPU numbers; None: the conductor chooses
    env: Dict[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0  # a worker that does not answer for so long counts as hung
    baseline: bool = False  # the one of its group that the others are compared with
    pair: Optional[str] = None  # the job that this one is launched with and also compared with
    own_copy: bool = False  # each launch opens a copy of the model, which no other process shares
    exclusive: bool = False  # no other worker may run beside it: it starts and ends around its turn
    evaluation: Optional[Evaluation] = None
    timed: bool = True  # else it is evaluated only


@dataclass(frozen=True)
class ProbeRequest:
    """Asks whether a Python can run models, and with which delegates."""

    python: str
    runtime: str  # tflite-runtime, ai-edge-litert, tensorflow or auto
    delegates: List[str]
    env: Dict[str, str] = field(default_factory=dict)
    look: str = "here"  # "further": at other Pythons where this one can't run anything; "everywhere": always
    instead: bool = False  # another Python that was found may answer in its place
    options: Dict[str, Any] = field(default_factory=dict)  # delegate -> its options


@dataclass(frozen=True)
class Request:
    """Asks a machine to measure jobs (`do` is "run") or to answer questions ("probe")."""

    do: str
    jobs: List[Job] = field(default_factory=list)
    questions: List[ProbeRequest] = field(default_factory=list)
    budget_s: float = DEFAULT_BUDGET_S  # timed work per job
    precision: float = DEFAULT_PRECISION  # how wide half the interval may be, as a part of the value
    min_launches: int = 6  # worker processes per job, before the interval is looked at
    max_launches: int = 200
    first_launch: int = 0  # the number of the first one: more than 0 where a run is resumed
    quiet_s: float = 0.0  # without a byte from home for so long, home counts as gone; 0: only at the end


OTHER_OPS = "other ops"  # the kind of an OpGroup that a delegate counts without telling their kinds


@dataclass(frozen=True)
class OpGroup:
    """Ops of one kind that were not delegated."""

    op: str
    count: int
    dtypes: List[str]  # of the first two inputs, constant ones marked, and of the first output
    reason: Optional[str] = None  # given by the delegate itself; most give none
    nodes: List[int] = field(default_factory=list)  # indices in the file; empty if unknown


@dataclass(frozen=True)
class Ops:
    """Ops of the primary subgraph: how many were delegated, in how many partitions, and which were not."""

    total: int
    delegated: int
    partitions: int
    not_delegated: List[OpGroup] = field(default_factory=list)


@dataclass(frozen=True)
class Output:
    """One output tensor for all sample inputs, as real values: float32, little endian, base64."""

    name: str
    shape: List[int]  # (samples, *tensor shape), or (samples, kept) where subsampled
    data: str
    subsampled: bool = False  # too large to send whole: some values, evenly spread over each sample


@dataclass(frozen=True)
class Launch:
    """What was measured in one launch."""

    job: str
    launch: int
    runtime: str
    runtime_version: str
    python: str
    affinity: Optional[List[int]]  # as the kernel reports it; None if it can't
    init_ns: int  # from opening the model to tensors allocated
    first_ns: int  # the first inference
    warmup: int  # inferences before the first block, not counted
    blocks_ns: List[List[int]]  # one list of inference times per block
    cpu_time_ns: List[List[int]]  # CPU time of the process during each inference; empty if not measured
    end_to_end_ns: List[int]  # inference times that include copying inputs in and outputs out
    timer_resolution_ns: float  # the smallest step the clock was seen to make
    ops: Optional[Ops]
    peak_memory_bytes: Optional[int]
    outputs: List[Output] = field(default_factory=list)  # of the first launch only
    delegate_facts: Dict[str, Any] = field(default_factory=dict)  # adapter, library, transport, …
    launcher: Optional[int] = None  # the launch before which the process was started that forked this worker;
    # None: the worker was a fresh process
    cost_ns: int = 0  # wall time of everything but computing outputs; 0: an older agent did not say


@dataclass(frozen=True)
class Evaluated:
    """What was kept of some samples of a job's evaluation, in the dataset's order."""

    job: str
    first: int  # the number of the first of these samples
    keep: str
    outputs: List[Output] = field(
        default_factory=list
    )  # one of shape (samples, kept), or the outputs themselves


@dataclass(frozen=True)
class Failure:
    """Why a job has no launch, or no further one."""

    job: str
    launch: int
    stage: str
    reason: str
    signal: Optional[str] = None
    stderr: str = ""  # the tail of what the worker wrote


@dataclass(frozen=True)
class Progress:
    """The progress of a group: seconds of timed work done so far, and expected in all."""

    group: str
    done_s: float
    total_s: float
    evaluated: str = ""  # instead of both: which job is being evaluated, "ID: 100 of 360 samples"


@dataclass(frozen=True)
class Runtime:
    """A TFLite runtime that a Python has."""

    name: str
    version: str


@dataclass(frozen=True)
class ProbeResult:
    """The answer to a ProbeRequest, in the order asked."""

    python: str  # as asked for
    executable: Optional[str] = None
    version: Optional[str] = None
    numpy: Optional[str] = None
    runtimes: List[Runtime] = field(default_factory=list)  # installed
    runtime: Optional[Runtime] = None  # the one asked for, or that auto chose, when it imports
    delegates: Dict[str, Optional[str]] = field(
        default_factory=dict
    )  # name -> why it is not available, or None
    error: Optional[str] = None  # why nothing can run on this Python
    others: List[str] = field(default_factory=list)  # other Pythons looked at, with what they have
    advice: Optional[str] = None  # a command for the device's shell that would help
    software: Dict[str, str] = field(
        default_factory=dict
    )  # delegates for which there is only software -> which


@dataclass(frozen=True)
class SystemInfo:
    """The machine at one moment. `changing` holds what can differ between before and after a run."""

    when: str  # "before" or "after"
    machine: Dict[str, Any]
    changing: Dict[str, Any]


@dataclass(frozen=True)
class Done:
    """The last answer to a request to run."""

    interrupted: bool = False


Message = Union[
    Job, ProbeRequest, Request, SystemInfo, ProbeResult, Launch, Evaluated, Failure, Progress, Done
]
_KINDS = codec.by_name(
    Job, ProbeRequest, Request, SystemInfo, ProbeResult, Launch, Evaluated, Failure, Progress, Done
)


def printable(text: str) -> str:
    """Replace control characters other than tab and line feed, so that a terminal does not obey them."""
    return _CONTROL.sub("\ufffd", text)


def encode(message: Message) -> str:
    """Return a message as one line of ASCII JSON, newline included."""
    return codec.encode(message)


def decode(line: str) -> Any:
    """Decode the message in a line, and check all types. Raises WireError."""
    return codec.decode(line, _KINDS)


def build(raw: Any) -> Any:
    """Build a message from parsed JSON, and check all types. Raises WireError."""
    return codec.build(raw, _KINDS)
