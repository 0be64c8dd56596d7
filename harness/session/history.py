"""The work of `qbench history`: from the index to a document, with what differs at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from harness import git, store
from harness.analysis.history import courses
from harness.analysis.sides import run_of
from harness.errors import ResultsError
from harness.record import Row, Run, subject
from harness.record.comparison import DifferingFact
from harness.record.history import Course, Figure, History, Step
from harness.session.indexing import NewestCells, newest_cells
from harness.store import RUN_JSON
from harness.store.index import CellEntry, CellFilter, RunEntry, RunFilter

Note = Callable[[str], None]
NEWEST = 200  # runs, unless another limit is asked for
_ASKED = 8  # pairs of runs that are opened to say what differs; the steps of the newest ones
_OF_NO_EFFECT = (
    "interrupted",
    "parts that can't be read",
    "fidelity samples",
    "evaluated",
    "budget",
    "precision",
)
_REFERENCE = "reference of the outputs"


@dataclass(frozen=True)
class Asked:
    """Which runs and cells are asked for, and how they are looked at. limit: None is all runs."""

    runs: RunFilter
    cells: CellFilter
    figure: Figure = "latency"
    within: float = 0.02
    limit: int | None = NEWEST
    by_revision: bool = False


def find(asked: Asked, results: Path, note: Note, *, others: bool = True) -> NewestCells:
    """Read the runs and cells that are asked for. Raises ResultsError if there are none.

    others: with the other cells of these runs, which tell what the machine did.
    """
    wanted = structs.replace(asked.runs, models=asked.cells.models, devices=asked.cells.devices)
    found = newest_cells(results, wanted, CellFilter() if others else asked.cells, note, asked.limit)
    kept = [cell for cell in found.cells if _is_shown(cell)]
    if not any(map(asked.cells.has, kept)):
        raise ResultsError(_nothing(asked, results, found.stored))
    return replace(found, cells=kept)


def history(asked: Asked, found: NewestCells, results: Path, note: Note) -> History:
    """Return the courses of the cells asked for, with their steps and what differs there.

    found: with the other cells of the same runs. Raises ResultsError.
    """
    order, by = _order(found.runs, note) if asked.by_revision else (None, "time")
    made = courses(found.runs, found.cells, asked.figure, asked.within, order, asked.cells)
    if not made:
        raise ResultsError(f"no run in {results} was started in a git repository: there are no revisions")
    return History(
        figure=asked.figure,
        by_revision=asked.by_revision,
        order="git" if by == "git" else "time",
        within=asked.within,
        runs=len(found.runs),
        stored=found.stored,
        cells=_explained(
            made, {run.run_id: results / run.folder for run in found.runs}, results, asked.figure
        ),
    )


def _is_shown(cell: CellEntry) -> bool:
    """Return whether a cell belongs to the history of its model: all do that a run measured."""
    return cell.status != "skipped"


def _nothing(asked: Asked, results: Path, stored: int) -> str:
    """Return why nothing was found, and what to do."""
    if stored:
        newest = stored if asked.limit is None else min(asked.limit, stored)
        return f"no cell that is asked for in the newest {newest} of {stored} runs in {results}"
    if asked.runs == RunFilter() and asked.cells == CellFilter():
        return f"no runs in {results}; `qbench run` makes one"
    return f"no runs in {results} that are asked for; `qbench list` shows what there is"


def _order(runs: Sequence[RunEntry], note: Note) -> tuple[list[str], str]:
    """Return the revisions of runs, the oldest first, and what they are ordered by."""
    by_time = list(dict.fromkeys(run.git.revision for run in reversed(runs) if run.git is not None))
    if without := sum(run.git is None for run in runs):
        note(f"{without} of {len(runs)} runs have no git revision, and are left out")
    by_git = git.in_order(by_time, Path.cwd()) if by_time else None
    return (by_time, "time") if by_git is None else (by_git, "git")


def _explained(
    made: Sequence[Course], folders: Mapping[str, Path], results: Path, figure: Figure
) -> tuple[Course, ...]:
    """Return courses with what differs at their steps, of the newest pairs of runs that have a step."""
    pairs = {
        (course.points[step.at].run_id, course.points[step.last].run_id)
        for course in made
        for step in course.steps
    }
    differing = {
        (head, base): _differing(folders[base], folders[head], results)
        for head, base in sorted(pairs, reverse=True)[:_ASKED]
    }

    def explained(course: Course, step: Step) -> Step:
        pair = course.points[step.at].run_id, course.points[step.last].run_id
        facts = differing.get(pair)
        about = None if facts is None else tuple(fact for fact in facts if _concerns(fact, course, figure))
        return structs.replace(step, facts=about)

    return tuple(
        structs.replace(course, steps=tuple(explained(course, step) for step in course.steps))
        for course in made
    )


def _differing(base: Path, head: Path, results: Path) -> tuple[DifferingFact, ...] | None:
    """Return the facts that differ between two runs; None if one of them can't be read."""
    from harness.analysis.comparison.facts import differing_facts

    try:
        (mine, ours), (theirs, others) = (_open(folder, results) for folder in (base, head))
    except ResultsError:
        return None
    return (*differing_facts(mine, theirs, ours, others), *_references(ours, others))


def _references(base: Iterable[Row], head: Iterable[Row]) -> Iterator[DifferingFact]:
    """Yield the variants whose outputs were compared with those of another cell."""
    mine, theirs = (
        {f"{subject(row)} {row.variant}": row.fidelity.reference for row in rows if row.fidelity is not None}
        for rows in (base, head)
    )
    for name in mine.keys() & theirs.keys():
        if mine[name] != theirs[name]:
            yield DifferingFact("variant", name, _REFERENCE, mine[name], theirs[name])


def _open(folder: Path, results: Path) -> tuple[Run, Sequence[Row]]:
    """Return a run and its rows: of its export, which is quicker, or of its record. Raises ResultsError.

    Of two sides, HEAD.
    """
    try:
        run = store.run_of(store.read_document(folder / RUN_JSON))
    except ResultsError:
        run = store.load(folder, results)
    run = run_of(run, "head")
    return run, () if run.exported is None else run.exported.cells


def _concerns(fact: DifferingFact, course: Course, figure: Figure) -> bool:
    """Return whether a fact can explain a step of a cell."""
    about = {
        "machine": course.device,
        "device": course.device,
        "model": course.model,
        "variant": f"{subject(course)} {course.variant}",
    }
    if fact.what == _REFERENCE and figure != "sqnr":
        return False
    return fact.what not in _OF_NO_EFFECT and about.get(fact.kind, fact.about) == fact.about
