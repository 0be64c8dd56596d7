"""Accuracy: how well cells do on labelled samples, and how much worse than float32 on the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from harness.analysis import accuracy_warnings as warnings
from harness.analysis import bootstrap, proportions
from harness.analysis.baseline import float_rank, machine_of
from harness.analysis.names import name
from harness.analysis.scores import Scores, evaluation_of, labels_of, scores
from harness.record import Accuracy, Cell, CellRun, Drop, Evaluation, Interval, Run, Subject, Warning, subject


class Accuracies:
    """The accuracy of a run's cells, by the cell's id."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._scores = scores(run)
        every = (*run.cells, *run.references)
        evaluated = [entry.cell for entry in every if entry.cell.id in self._scores]
        names = {one: _float_variant(one, evaluated) for one in set(map(subject, evaluated))}
        self._floats = [cell for cell in evaluated if cell.variant.name == names[subject(cell)]]
        self._sound = {cell.id for cell in self._floats if self._is_sound(cell)}
        self.accuracy = {
            entry.cell.id: self._of(entry.cell) for entry in run.cells if entry.cell.id in self._scores
        }

    def warnings(self, entry: CellRun) -> Iterator[Warning]:
        """Yield the warnings about the accuracy of a measured cell."""
        cell = entry.cell
        evaluation, found = evaluation_of(cell), self.accuracy.get(cell.id)
        if evaluation is None:
            return
        mine = self._scores.get(cell.id)
        if mine is None:
            yield warnings.not_evaluated(evaluation.problem)
            return
        yield from warnings.of_not_finite(mine.not_finite, len(mine.values), mine.shares)
        if found is None:
            return
        is_float = cell in self._floats
        if mine.shares and (is_float or found.drop is None):
            yield from warnings.of_chance(found, self._most_frequent(evaluation, len(mine.values)))
        yield from warnings.of_drop(found, mine.is_error, is_float)
        yield from warnings.of_width(found, evaluation.samples, self._run.header.accuracy_precision)

    def _of(self, cell: Cell) -> Accuracy | None:
        """Return a cell's accuracy; None if a mean can't be told."""
        mine = self._scores[cell.id]
        if not np.isfinite(mine.values).all():
            return None
        value, against = _figure(mine), self._reference(cell)
        return Accuracy(
            value=value.value,
            low=value.low,
            high=value.high,
            metric=mine.metric,
            samples=len(mine.values),
            not_finite=mine.not_finite,
            drop=None if against is None else self._drop(against, cell),
        )

    def _drop(self, against: Cell, cell: Cell) -> Drop:
        mine, theirs = self._scores[cell.id], self._scores[against.id]
        found, count = worse_by(theirs, mine), min(len(mine.values), len(theirs.values))
        return Drop(found.value, found.low, found.high, reference=str(name(against)), samples=count)

    def _reference(self, cell: Cell) -> Cell | None:
        """Return the float32 cell that the drop is against: on the same device and delegate if it is sound.

        Else on `cpu` there, on `cpu` of another profile of the same machine, at home, anywhere. A float32
        cell is compared with float32 on `cpu`, that one with none. One that was evaluated on fewer samples
        comes after those that have as many.
        """
        count = len(self._scores[cell.id].values)
        own = cell in self._floats
        candidates = [
            other
            for other in self._floats
            if subject(other) == subject(cell)
            and other.id != cell.id
            and np.isfinite(self._scores[other.id].values).all()
            and (other.delegate.name == "cpu" or not own)
        ]
        if own and cell.delegate.name == "cpu":
            return None
        sound = [other for other in candidates if other.id in self._sound] or candidates

        def rank(other: Cell) -> tuple[object, ...]:
            return (
                -min(count, len(self._scores[other.id].values)),
                not (_same_device(other, cell) and other.delegate.name == cell.delegate.name),
                not (_same_device(other, cell) and other.delegate.name == "cpu"),
                machine_of(other) != machine_of(cell),
                other.delegate.name != "cpu",
                machine_of(other) != "local",
                other.threads != cell.threads,
            )

        return min(sound, key=rank, default=None)

    def _is_sound(self, other: Cell) -> bool:
        """Return whether a float32 cell may be a reference: not if it is shown to be worse than on `cpu`."""
        mine = self._scores[other.id]
        if mine.not_finite:
            return False
        if other.delegate.name == "cpu":
            return True
        on_cpu = [one for one in self._floats if _is_on_cpu(one, other)]
        return not any((worse_by(self._scores[one.id], mine).low or 0.0) > 0 for one in on_cpu)

    def _most_frequent(self, asked: Evaluation, count: int) -> float:
        """Return the share of the most frequent of the first labels."""
        labels = labels_of(self._run, asked)[:count]
        return float(np.unique(labels, return_counts=True)[1].max() / len(labels)) if len(labels) else 0.0


def _float_variant(of: Subject, cells: Iterable[Cell]) -> str | None:
    """Return the variant that counts as float32: the one of that name, else the first of that scheme."""
    floats = [cell for cell in cells if subject(cell) == of and float_rank(cell) < 2]
    found = min(floats, key=float_rank, default=None)
    return None if found is None else found.variant.name


def worse_by(reference: Scores, mine: Scores) -> Interval:
    """Return by how much `mine` is worse than `reference` on the samples that both have."""
    count = min(len(reference.values), len(mine.values))
    theirs, ours = reference.values[:count], mine.values[:count]
    if mine.shares:
        lost, won = int(np.sum(theirs > ours)), int(np.sum(theirs < ours))
        return proportions.paired_difference(lost, won, count)
    return bootstrap.mean(ours - theirs if mine.is_error else theirs - ours)


def _is_on_cpu(one: Cell, other: Cell) -> bool:
    """Return whether it is on `cpu`, and of the same subject as another cell."""
    return subject(one) == subject(other) and one.delegate.name == "cpu"


def _figure(mine: Scores) -> Interval:
    if mine.shares:
        return proportions.share(int(mine.values.sum()), len(mine.values))
    return bootstrap.mean(mine.values)


def _same_device(one: Cell, other: Cell) -> bool:
    return one.device.name == other.device.name
