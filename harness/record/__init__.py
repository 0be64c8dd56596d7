"""The data model of runs and result documents: frozen, typed, with units in the names.

A `Run` holds everything that was asked for and answered, but no figures: `analysis` derives `Row`s from it
each time it is shown. `None` means "not asked" or "not known", never "failed".
"""

from harness.record.cell import Artifact, Cell, CellRun, CompilerOp, ExpectedOps
from harness.record.device import Delegate, DeviceState, Facts, Profile
from harness.record.document import SCHEMA, Conclusion, Document, Git, Host
from harness.record.ended import (
    Crashed,
    Done,
    Ended,
    Pending,
    Refused,
    Skipped,
    TimedOut,
    Unavailable,
    WorkerEnd,
)
from harness.record.row import (
    Accuracy,
    BaselineName,
    Compiled,
    Drop,
    Fidelity,
    Interval,
    Latency,
    Row,
    Speedup,
    Status,
    Warning,
)
from harness.record.run import Asked, Header, Run
from harness.record.subject import HasSubject, Subject, subject
from harness.record.variant import (
    Calibration,
    Converter,
    Evaluation,
    FailedVariant,
    FidelitySamples,
    Model,
    Quantization,
    Side,
    Tensor,
    Variant,
)

__all__ = [
    "SCHEMA",
    "Accuracy",
    "Artifact",
    "Asked",
    "BaselineName",
    "Calibration",
    "Cell",
    "CellRun",
    "Compiled",
    "CompilerOp",
    "Conclusion",
    "Converter",
    "Crashed",
    "Delegate",
    "DeviceState",
    "Document",
    "Done",
    "Drop",
    "Ended",
    "Evaluation",
    "ExpectedOps",
    "Facts",
    "FailedVariant",
    "Fidelity",
    "FidelitySamples",
    "Git",
    "HasSubject",
    "Header",
    "Host",
    "Interval",
    "Latency",
    "Model",
    "Pending",
    "Profile",
    "Quantization",
    "Refused",
    "Row",
    "Run",
    "Side",
    "Skipped",
    "Speedup",
    "Status",
    "Subject",
    "Tensor",
    "TimedOut",
    "Unavailable",
    "Variant",
    "Warning",
    "WorkerEnd",
    "subject",
]
