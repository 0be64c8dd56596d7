"""`qbench prune`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import Results
from harness.errors import ConfigError
from harness.report import output

EXAMPLE = "Example: qbench prune --keep 100 --dry-run"


def prune(
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the newest runs stay.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    results: Results = Path("results"),
) -> None:
    """Remove all stored runs but the newest.

    Runs with a tag `keep`, those that are being measured, and what a run that stays has resumed stay as well.
    """
    from harness.report.figures import plural
    from harness.report.runs import note_skipped
    from harness.store.pruning import prunable, remove

    runs, skipped = prunable(results, keep, output.say)
    for line in note_skipped(skipped, results):
        output.say(line)
    what = plural(len(runs), "run")
    if dry_run:
        output.put_lines(results / run.folder for run in runs)
    if dry_run or not runs:
        output.say(f"{what} would be removed" if runs else f"nothing to remove in {results}")
        return
    if not yes and not _agreed(f"Remove {what} of {results}, up to {runs[-1].folder}?"):
        output.say("nothing was removed")
        return
    problems = []
    for run, why in remove(runs, results):
        if why is None:
            output.put_lines([results / run.folder])
        else:
            problems.append(f"{results / run.folder} stays: {why}")
    output.say(f"removed {plural(len(runs) - len(problems), 'run')}")
    end(0, problems)


def _agreed(question: str) -> bool:
    """Ask the user on the terminal. Raises ConfigError where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("nobody can be asked here: add --yes to remove runs, or --dry-run to list them")
    return typer.confirm(question, err=True)
