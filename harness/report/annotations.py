"""What the gates of a comparison found, on standard error; in a GitHub job as annotations."""

from __future__ import annotations

import os
import sys
from typing import Literal

from harness.record.comparison import Comparison
from harness.report import gate_lines, output
from harness.report.figures import clean


def tell(found: Comparison) -> None:
    """Say one line per gate that failed, and one per gate that is undecided.

    Where GITHUB_ACTIONS is "true", as in every job of GitHub Actions, each line is a workflow command, which
    the job's page and the pull request show as an error or a warning.
    """
    for line in gate_lines.failures(found):
        _say("error", "failed", line)
    for line in gate_lines.undecided(found):
        _say("warning", "can't tell", line)


def _say(level: Literal["error", "warning"], what: str, line: str) -> None:
    if os.environ.get("GITHUB_ACTIONS") != "true":
        output.say(f"{what}: {line}")
        return
    sys.stderr.write(command(level, f"qbench: {what}", line) + "\n")
    sys.stderr.flush()


def command(level: str, title: str, message: str) -> str:
    """Return a workflow command of GitHub Actions, with whatever it gives a meaning to escaped."""
    message, title = (clean(text).replace("%", "%25") for text in (message, title))
    return f"::{level} title={title.replace(':', '%3A').replace(',', '%2C')}::{message}"
