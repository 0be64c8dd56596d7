"""Which cell the others are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from harness.analysis.names import name
from harness.errors import ConfigError
from harness.record import Cell, CellRun, Done, Pending, Run, Variant


def check_baseline(run: Run) -> None:
    """Raises ConfigError if --baseline fits no cell of some --model. Nothing was asked for: fine.

    A folder of different models is one --model: the baseline is of those of them that have such a cell.
    """
    asked = run.header.baseline
    if asked is None:
        return
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
    """For every cell's id, the cell it is compared with; left out where there is none.

    Cells are compared with those of the same model on the same machine (local profiles share one), or
    with the one cell that --baseline names together with its device.
    """
    found: dict[str, Cell] = {}
    for of_model in _grouped(run.cells, lambda cell: cell.model):
        for here in _grouped(of_model, _machine):
            chosen = _choose(here, of_model, run.header.baseline)
            if chosen is not None:
                found |= {entry.cell.id: chosen.cell for entry in here}
    return found


def float_rank(cell: Cell) -> int:
    """0 for the variant named float32, 1 for another one of that scheme, 2 for all others."""
    if not isinstance(cell.variant, Variant) or cell.variant.scheme != "float32":
        return 2
    return 0 if cell.variant.name == "float32" else 1


def _choose(here: Sequence[CellRun], of_model: Sequence[CellRun], asked: str | None) -> CellRun | None:
    """The baseline of a model's cells on one machine; `of_model`: those on all machines."""
    if asked is None or not any(asked in _spellings(entry.cell) for entry in of_model):
        return _first(here)
    by_device = [entry for entry in of_model if asked in _spellings(entry.cell, device=True)]
    return _first(by_device or [entry for entry in here if asked in _spellings(entry.cell)])


def _first(cells: Iterable[CellRun]) -> CellRun | None:
    """Float32 on the `cpu` delegate if there is one, and one that can be measured if there is one."""
    return min(
        cells,
        key=lambda entry: (_failed(entry), float_rank(entry.cell), entry.cell.delegate.name != "cpu"),
        default=None,  # the first of equals wins: profiles, delegates and thread counts in the order asked
    )


def _failed(entry: CellRun) -> bool:
    return not entry.launches and not isinstance(entry.ended, Pending | Done)


def _machine(cell: Cell) -> str:
    """What profiles share that are one machine: those in place local, and those of one ssh target."""
    return cell.device.machine or ("local" if cell.device.place == "local" else f"@{cell.device.name}")


def _grouped(cells: Iterable[CellRun], key: Callable[[Cell], str]) -> list[list[CellRun]]:
    groups: dict[str, list[CellRun]] = {}
    for entry in cells:
        groups.setdefault(key(entry.cell), []).append(entry)
    return list(groups.values())


def _spellings(cell: Cell, *, device: bool = False) -> set[str]:
    """How --baseline may name this cell; `device`: only the forms that name the device too."""
    named = name(cell)
    with_device = {f"{named.variant}@{named.device}", str(named)}
    return with_device if device else with_device | {named.variant, f"{named.variant}/{named.delegate}"}
