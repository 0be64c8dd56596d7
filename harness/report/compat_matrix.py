"""The tables of the compatibility report: one per device, with a mark for how each entry is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.compat import CompatCell, CompatDevice, Observed, Predicted
from harness.record import Subject, subject
from harness.report.figures import clean

PREDICTED, SEEN, DIFFERS = "○", "●", "≠"
LEGEND = (
    f"{PREDICTED} predicted, not measured · {SEEN} observed in a stored run, not against the prediction"
    f" · {DIFFERS} observed, not as predicted · likely: inferred from compiled models, not documented"
)
_KNOWN_FROM = {
    "installed": "installed here",
    "profile": "named in the profile; the version is an assumption",
    "assumed": "nothing says which runtime it has: both are shown",
}


@dataclass(frozen=True)
class Entry:
    """An entry of a table. `mark` is one of the marks above, `kind` an outcome, which decides the colour."""

    mark: str
    text: str
    kind: str

    @property
    def differs(self) -> bool:
        """Whether a run observed something else than predicted."""
        return self.mark == DIFFERS


@dataclass(frozen=True)
class Line:
    """A line of a table, with one entry per column."""

    model: str
    variant: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Matrix:
    """The table of a device: one line per variant, one column per delegate and runtime."""

    device: str
    about: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def matrix(device: CompatDevice, cells: Iterable[CompatCell]) -> Matrix:
    """Return the table of one device."""
    mine = [cell for cell in cells if cell.device == device.name]
    columns = tuple(dict.fromkeys(map(column, mine)))
    entries: dict[tuple[Subject, str], dict[str, Entry]] = {}
    for cell in mine:
        entries.setdefault((subject(cell), cell.variant), {})[column(cell)] = entry(cell)
    runtimes = " and ".join(f"{runtime.name} {runtime.version}" for runtime in device.runtimes)
    return Matrix(
        device=clean(device.name),
        about=clean(f"{device.place}, {runtimes} ({_KNOWN_FROM[device.runtimes_known_from]})"),
        columns=columns,
        lines=tuple(
            Line(clean(model), clean(variant), tuple(by_column[name] for name in columns))
            for (model, variant), by_column in entries.items()
        ),
    )


def column(cell: CompatCell) -> str:
    """Return the header of a cell's column: "xnnpack, ai-edge-litert 2.3.0"."""
    runtime = f", {cell.runtime} {cell.runtime_version}" if cell.runtime else ""
    return clean(f"{cell.delegate}{runtime}")


def entry(cell: CompatCell) -> Entry:
    """Return the entry of a cell: "all 31", "likely 98 of 157", "none of 4", "refused", "12 to 13 of 13"."""
    seen = cell.observed
    if seen is None:
        return Entry(PREDICTED, _predicted(cell.predicted), cell.predicted.outcome)
    text = _observed(seen)
    if seen.matches is False:
        return Entry(DIFFERS, f"{text} (predicted {_predicted(cell.predicted)})", seen.outcome)
    return Entry(SEEN, text, seen.outcome)


def _observed(seen: Observed) -> str:
    software = " (software)" if seen.software else ""
    return _words(seen.outcome, seen.taken, seen.total) + software


def _predicted(predicted: Predicted) -> str:
    likely = "likely " if predicted.likely and predicted.outcome != "refused" else ""
    if predicted.outcome != "uncertain":
        return likely + _words(predicted.outcome, predicted.taken, predicted.total)
    most = predicted.taken + predicted.uncertain
    between = f" to {most}" if predicted.uncertain else ""
    refused = ", perhaps refused" if predicted.refusal else ""
    return f"{likely}{predicted.taken}{between} of {predicted.total}{refused}"


def _words(outcome: str, taken: int | None, total: int | None) -> str:
    """Return an outcome other than "uncertain" in words."""
    words = {"refused": "refused", "all": f"all {total}", "none": f"none of {total}"}
    return words.get(outcome, f"{taken} of {total}")
