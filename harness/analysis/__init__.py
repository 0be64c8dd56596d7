"""A run's figures: pure functions from the record to rows, conclusions and warnings.

No files, no clock, no processes: what they return depends on the run alone.
"""

from harness.analysis.baseline import baselines, check_baseline
from harness.analysis.conclusion import conclude
from harness.analysis.pooling import pool
from harness.analysis.rows import document, exit_code

__all__ = ["baselines", "check_baseline", "conclude", "document", "exit_code", "pool"]
