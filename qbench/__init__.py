"""qbench from Python: measure the quantized variants of a model, and read what was measured.

    import qbench

    run = qbench.run("model.keras", devices=["cpu", "xnnpack"], variants=["float32", "int8"])
    run["int8", "xnnpack"].speedup

See docs/api.md.
"""

from harness import __version__
from harness.errors import CellNotFound, ConfigError, DeviceError, ModelError, QbenchError, ResultsError
from harness.record import (
    Accuracy,
    Conclusion,
    Document,
    Drop,
    Fidelity,
    Interval,
    Latency,
    Row,
    Speedup,
    Variant,
    Warning,
)
from harness.record.comparison import ComparedCell
from qbench.api import compare, compat, device, devices, history, inspect, load, quantize, run, runs, site
from qbench.comparisons import Comparison
from qbench.estimates import Estimate, Undecided
from qbench.histories import History
from qbench.runs import Run
from qbench.stored import Runs

__all__ = [
    "Accuracy",
    "CellNotFound",
    "ComparedCell",
    "Comparison",
    "Conclusion",
    "ConfigError",
    "DeviceError",
    "Document",
    "Drop",
    "Estimate",
    "Fidelity",
    "History",
    "Interval",
    "Latency",
    "ModelError",
    "QbenchError",
    "ResultsError",
    "Row",
    "Run",
    "Runs",
    "Speedup",
    "Undecided",
    "Variant",
    "Warning",
    "__version__",
    "compare",
    "compat",
    "device",
    "devices",
    "history",
    "inspect",
    "load",
    "quantize",
    "run",
    "runs",
    "site",
]
