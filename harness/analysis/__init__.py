"""The figures of a run: pure functions from the record to rows, conclusions and warnings.

They read no files and no clock and start no processes: the result depends on the run alone.
"""

from harness.analysis.baseline import baselines, check_baseline
from harness.analysis.conclusion import conclude
from harness.analysis.pooling import pool
from harness.analysis.rows import ESTIMATOR, document, exit_code
from harness.analysis.sides import apart, document_of, has_sides, run_of

__all__ = [
    "ESTIMATOR",
    "apart",
    "baselines",
    "check_baseline",
    "conclude",
    "document",
    "document_of",
    "exit_code",
    "has_sides",
    "pool",
    "run_of",
]
