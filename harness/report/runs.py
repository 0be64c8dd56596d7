"""The list of stored runs on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.plain import JsonObject
from harness.report.figures import NONE, clean, plural, short, some
from harness.store.index import RunEntry
from harness.store.syncing import Skipped

_STYLES = {"finished": "", "interrupted": "yellow", "cut-short": "yellow", "running": "green"}
_BEGINNING = len("20261121-054412")  # of a run id: enough to name a run
_NAMED = 5  # foreign folders that are named


def render(runs: Sequence[RunEntry], count: int, console: Console) -> None:
    """Print runs as a table. count: how many there are, with those that are not printed."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("run", no_wrap=True)
    for name in ("models", "devices"):
        table.add_column(name, overflow="fold")
    table.add_column("cells", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    more = {  # columns that are left out where no run has anything in them
        name: show
        for name, show, has in (
            ("git", _git, any(run.git for run in runs)),
            ("tags", _tags, any(run.tags for run in runs)),
        )
        if has
    }
    for name in more:
        table.add_column(name, overflow="fold")
    for run in runs:
        table.add_row(
            short(run.folder) + _resumes(run),
            _names(run.models),
            _names(run.devices),
            str(run.cells),
            Text(run.state, style=_STYLES.get(run.state, "")),
            *(show(run) for show in more.values()),
        )
    console.print(table)
    if count > len(runs):
        console.print(
            Text(f"and {plural(count - len(runs), 'older run')}: --limit {count} shows all", style="dim")
        )


def as_json(runs: Sequence[RunEntry], results: Path) -> JsonObject:
    """Return runs as a JSON object (docs/results.md, "The list of runs")."""
    return {"results": str(results), "runs": [msgspec.to_builtins(run) for run in runs]}


def note_skipped(skipped: Skipped, results: Path) -> Iterator[str]:
    """Yield a line for every run that can't be read, and one about the folders that are no runs."""
    for folder, why in skipped.damaged.items():
        yield f"{folder} is passed over: {why}"
    if skipped.foreign:
        is_or_are = "is no run" if len(skipped.foreign) == 1 else "are no runs"
        yield f"{some(skipped.foreign, _NAMED)} in {results} {is_or_are}"


def _names(names: Sequence[str]) -> str:
    return clean(", ".join(names))


def _tags(run: RunEntry) -> str:
    return clean(", ".join(f"{name}={value}" for name, value in run.tags.items()))


def _resumes(run: RunEntry) -> str:
    """Return a second line for a run that resumes another, which is named by how its id begins."""
    return "" if run.resumes is None else f"\nresumes {clean(run.resumes)[:_BEGINNING]}"


def _git(run: RunEntry) -> str:
    """Return "main 1a2b3c4*"; the star means that tracked files were changed."""
    if run.git is None:
        return NONE
    branch = "" if run.git.branch is None else f"{run.git.branch} "
    return clean(f"{branch}{run.git.revision[:7]}{'*' if run.git.dirty else ''}")
