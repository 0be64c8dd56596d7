"""The figures of a run: pure functions from the record to rows, conclusions and warnings.

They read no files and no clock and start no processes: the result depends on the run alone.
"""

from harness.analysis.baseline import baselines, check_baseline
from harness.analysis.conclusion import conclude
from harness.analysis.pooling import pool, resumed
from harness.analysis.rows import ESTIMATOR, document, exit_code

__all__ = ["ESTIMATOR", "baselines", "check_baseline", "conclude", "document", "exit_code", "pool", "resumed"]
