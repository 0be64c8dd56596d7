"""Choose the baseline: the cell that the others are compared with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from harness.analysis.names import name
from harness.analysis.sides import run_of
from harness.errors import ConfigError
from harness.record import Cell, CellRun, Done, Pending, Run, Variant, subject


def check_baseline(run: Run) -> None:
    """Raise ConfigError if --baseline was given and matches no cell of one of the models (of HEAD's).

    A folder of different models counts as one --model: it is enough if one of them has such a cell.
    """
    asked = run.header.baseline
    if asked is None:
        return
    run = run_of(run, "head")
    sources: dict[str | None, list[str]] = {}
    for model in run.models:
        sources.setdefault(model.source, []).append(model.name)
    for models in sources.values():
        cells = [entry.cell for entry in run.cells if entry.cell.model in models]
        if cells and not any(asked in _spellings(cell) for cell in cells):
            raise ConfigError(
                f"--baseline {asked}: {models[0]} has no such cell; give VARIANT[/DELEGATE][@DEVICE]"
                f", for example {name(cells[0])}"
            )


def baselines(run: Run) -> dict[str, Cell]:
    """Return the baseline of every cell, by the cell's id. Cells without a baseline are left out.

    Each subject has one baseline per side and machine (local profiles share one), or a single one if
    --baseline names a cell together with its device.
    """
    baseline_of: dict[str, Cell] = {}
    for of_model in _grouped(run.cells, lambda cell: (cell.side, subject(cell))):
        for here in _grouped(of_model, machine_of):
            chosen = _choose(here, of_model, run.header.baseline)
            if chosen is not None:
                baseline_of |= {entry.cell.id: chosen.cell for entry in here}
    return baseline_of


def float_rank(cell: Cell) -> int:
    """Return 0 for the variant named float32, 1 for another variant of that scheme, 2 for all others."""
    if not isinstance(cell.variant, Variant) or cell.variant.scheme != "float32":
        return 2
    return 0 if cell.variant.name == "float32" else 1


def _choose(here: Sequence[CellRun], of_model: Sequence[CellRun], asked: str | None) -> CellRun | None:
    """Return the baseline of a model's cells on one machine. of_model: its cells on all machines."""
    if asked is None or not any(asked in _spellings(entry.cell) for entry in of_model):
        return _first(here)
    by_device = [entry for entry in of_model if asked in _spellings(entry.cell, device=True)]
    return _first(by_device or [entry for entry in here if asked in _spellings(entry.cell)])


def _first(cells: Iterable[CellRun]) -> CellRun | None:
    """Return the preferred baseline: one that did not fail, then float32, then on the `cpu` delegate."""
    return min(
        cells,
        key=lambda entry: (_failed(entry), float_rank(entry.cell), entry.cell.delegate.name != "cpu"),
        default=None,  # of equals, the first one: cells are in the order that the user asked for
    )


def _failed(entry: CellRun) -> bool:
    return not entry.launches and not isinstance(entry.ended, Pending | Done)


def machine_of(cell: Cell) -> str:
    """Return a key that profiles on one machine share: all local ones, or those of one ssh target."""
    return cell.device.machine or ("local" if cell.device.place == "local" else f"@{cell.device.name}")


def _grouped(cells: Iterable[CellRun], key: Callable[[Cell], Hashable]) -> list[list[CellRun]]:
    groups: dict[Hashable, list[CellRun]] = {}
    for entry in cells:
        groups.setdefault(key(entry.cell), []).append(entry)
    return list(groups.values())


def _spellings(cell: Cell, *, device: bool = False) -> set[str]:
    """Return the names by which --baseline may select this cell. device: only those with the device."""
    named = name(cell)
    with_device = {f"{named.variant}@{named.device}", str(named)}
    return with_device if device else with_device | {named.variant, f"{named.variant}/{named.delegate}"}
