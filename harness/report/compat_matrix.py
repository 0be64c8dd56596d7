"""The matrix of the compatibility report: variants down, delegates of devices across."""

# ruff: noqa: RUF001, RUF002, RUF003 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.compat import CompatCell, Standing, standing
from harness.record import Subject, subject
from harness.report.figures import brief, clean, factor, short_subject

PREDICTED, SEEN, DIFFERS = "○", "●", "≠"
SIGNS = {
    "all": "✓",
    "partly": "◐",
    "none": "✗",
    "refused": "✗",
    "uncertain": "?",
    "wrong": "!",
    "failed": "!",
}
_MARKS = f"{PREDICTED} predicted · {SEEN} observed in a stored run · {DIFFERS} observed, not as predicted."
_MEANING = (
    "Ops that are delegated: ✓ all · ◐ some · ✗ none, or the model is refused · ? can't tell · "
    "! wrong outputs, or the latest run failed."
)
_FIGURES = (
    "×: measured speedup over the run's baseline. "
    "Whether outputs are right is known only where a run compared them."
)
_LIKELY = "likely: inferred from compiled models, not documented."
_Key = tuple[str, str, str | None, str | None]  # device, delegate, runtime, its version
_NAME = 40  # characters of a name in the head of a column or line


@dataclass(frozen=True)
class Entry:
    """An entry of the matrix. `kind` decides the colour, `mark` is one of those above."""

    kind: str
    words: str  # "all", "6 of 7", "none", "refused", "uncertain, 12 to 13 of 13"
    mark: str
    known: str  # in words: "predicted", "observed", "observed, not as predicted"
    notes: tuple[str, ...] = ()  # "3.12×", "software"

    @property
    def text(self) -> str:
        """The entry in short: "✓ all ● 3.12×"."""
        return " ".join((SIGNS[self.kind], self.words, self.mark, *self.notes))

    @property
    def differs(self) -> bool:
        """Whether a run observed something else than predicted."""
        return self.mark == DIFFERS


@dataclass(frozen=True)
class Column:
    """The head of a column."""

    device: str
    delegate: str
    runtime: str = ""  # only if the device has several

    @property
    def lines(self) -> tuple[str, ...]:
        """Its lines: the device, and below it what the device's name does not say."""
        below = "" if self.delegate == self.device else self.delegate
        return tuple(filter(None, (self.device, below, self.runtime)))


@dataclass(frozen=True)
class Line:
    """A line of the matrix, with one entry per column."""

    variant: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Matrix:
    """All cells of one subject."""

    model: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def matrices(cells: Iterable[CompatCell]) -> list[Matrix]:
    """Return one matrix per subject, in the order of the cells."""
    subjects: dict[Subject, dict[str, dict[_Key, CompatCell]]] = {}
    for cell in cells:
        subjects.setdefault(subject(cell), {}).setdefault(cell.variant, {})[_key(cell)] = cell
    return [_matrix(about, lines) for about, lines in subjects.items()]


def legend(cells: Iterable[CompatCell], *, marks: bool) -> str:
    """Return what the signs mean. marks: also those that say how an entry is known."""
    likely = any(standing(cell).likely for cell in cells)
    return " ".join((_MEANING, *[_MARKS] * marks, _FIGURES, *[_LIKELY] * likely))


def _key(cell: CompatCell) -> _Key:
    return cell.device, cell.delegate, cell.runtime, cell.runtime_version


def _matrix(about: Subject, lines: dict[str, dict[_Key, CompatCell]]) -> Matrix:
    keys = [*dict.fromkeys(key for cells in lines.values() for key in cells)]
    return Matrix(
        short_subject(about),
        tuple(_column(key, keys) for key in keys),
        tuple(
            Line(brief(clean(variant), _NAME), tuple(entry(standing(cells[key])) for key in keys))
            for variant, cells in lines.items()
        ),
    )


def _column(key: _Key, every: Iterable[_Key]) -> Column:
    device, delegate, runtime, version = key
    several = sum(other[:2] == key[:2] for other in every) > 1
    names = (device, delegate, f"{runtime} {version}" if several else "")
    return Column(*(brief(clean(name), _NAME) for name in names))


def entry(stands: Standing) -> Entry:
    """Return the entry of a cell."""
    mark, known = (SEEN, "observed") if stands.known == "observed" else (PREDICTED, "predicted")
    if stands.differs:
        mark, known = DIFFERS, "observed, not as predicted"
    return Entry(stands.kind, _words(stands), mark, known, tuple(_notes(stands)))


def _words(stands: Standing) -> str:
    likely = "likely " if stands.likely else ""
    if stands.kind == "uncertain":
        most = (stands.taken or 0) + stands.uncertain
        between = f" to {most}" if stands.uncertain else ""
        refused = ", perhaps refused" if stands.perhaps_refused else ""
        return f"uncertain, {likely}{stands.taken}{between} of {stands.total}{refused}"
    return likely + (f"{stands.taken} of {stands.total}" if stands.kind == "partly" else stands.kind)


def _notes(stands: Standing) -> Iterable[str]:
    if stands.software:
        yield "software"
    if stands.baseline:
        yield "baseline"
    elif stands.speedup is not None and stands.kind != "wrong":
        yield factor(stands.speedup.value)
    if stands.threads != 1:
        yield f"{stands.threads} threads"
