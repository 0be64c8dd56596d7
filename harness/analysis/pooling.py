"""Pool runs that measured the same thing: more launches narrow the intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from msgspec.structs import replace

from harness.analysis import status
from harness.analysis.differences import differences, some
from harness.analysis.names import Key, key
from harness.analysis.sides import has_sides, run_of
from harness.errors import ResultsError
from harness.record import CellRun, Run

_APART = 1_000_000  # between the launch numbers of two runs, so that launches of different runs never pair


def pool(runs: Sequence[Run], force: bool = False) -> Run:
    """Return one run with the cells of the first run and the launches of all.

    Each side of runs with `--against` is pooled apart; forced together with other runs, HEAD alone is.
    Raises ResultsError, which names what differs, if the runs did not measure the same thing, unless `force`.
    """
    if force and not all(map(has_sides, runs)):
        runs = [run_of(run, "head") for run in runs]
    first = runs[0]
    if len(runs) == 1:
        return first
    for other in runs[1:]:
        reasons = differences(first, other)
        if reasons and not force:
            raise ResultsError(
                f"runs {first.header.run_id} and {other.header.run_id} are not of the same thing: "
                f"{some(reasons)}; --force pools them all the same"
            )
    entries = [_entries(run, number) for number, run in enumerate(runs)]
    header = replace(
        first.header,
        run_id=" + ".join(run.header.run_id for run in runs),
        budget_s=sum(run.header.budget_s or 0.0 for run in runs),
        git=first.header.git if all(run.header.git == first.header.git for run in runs) else None,
        tags=_common_tags(runs),
    )
    return replace(
        first,
        header=header,
        cells=tuple(_joined([one[name] for one in entries if name in one]) for name in entries[0]),
        finished_at=runs[-1].finished_at,
        damage=tuple(text for run in runs for text in run.damage),
        exported=None,
        pooled=tuple(runs),
    )


def _common_tags(runs: Sequence[Run]) -> dict[str, str]:
    """Return the tags that all runs carry with the same value."""
    items = [run.header.tags.items() for run in runs]
    return {name: value for name, value in items[0] if all((name, value) in other for other in items)}


def _entries(run: Run, number: int) -> dict[Key, CellRun]:
    """Return the cells of the `number`-th run by key, their launches renumbered to be unique."""
    return {
        key(entry.cell): replace(
            entry,
            launches=tuple(
                dataclasses.replace(launch, launch=number * _APART + launch.launch)
                for launch in entry.launches
            ),
            ended=status.ended(entry, run),
        )
        for entry in run.cells
    }


def _joined(entries: Sequence[CellRun]) -> CellRun:
    """Join the same cell of several runs into one that ended as the worst of them."""
    return replace(
        entries[0],
        launches=tuple(launch for entry in entries for launch in entry.launches),
        ended=status.worst(entry.ended for entry in entries),
        damage=tuple(text for entry in entries for text in entry.damage),
    )
