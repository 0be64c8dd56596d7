"""Which cell the others are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import ConfigError

if TYPE_CHECKING:
    from harness.record import Variant
from harness.store import Cell, Run

Scheme = dict[tuple[str, str], str]  # (model, variant) -> scheme


def label(cell: Cell) -> str:
    """A cell in the words of --baseline: VARIANT/DELEGATE@DEVICE."""
    return f"{cell.variant}/{cell.delegate}@{cell.device}"


def check_baseline(run: Run) -> None:
    """Raises ConfigError if --baseline fits no cell of some --model. Nothing was asked for: fine.

    A folder of different models is one --model: the baseline is of those of them that have such a cell.
    """
    if run.baseline is None:
        return
    sources: dict[str, list[str]] = {}
    for model in run.models:
        sources.setdefault(model.model.source or "", []).append(model.model.name)
    for models in sources.values():
        cells = [cell for cell in run.cells if cell.model in models]
        if cells and not any(run.baseline in _spellings(cell) for cell in cells):
            raise ConfigError(
                f"--baseline {run.baseline}: {models[0]} has no such cell; give VARIANT[/DELEGATE][@DEVICE]"
                f", for example {label(cells[0])}"
            )


def baselines(run: Run) -> dict[str, Cell]:
    """For every cell's id, the cell it is compared with; left out where there is none.

    Cells are compared with those of the same model on the same machine (local profiles share one), or
    with the one cell that --baseline names together with its device.
    """
    schemes = {(v.model, v.name): v.scheme or "" for v in variants(run)}
    found = {}
    for cell in run.cells:
        of_model = [other for other in run.cells if other.model == cell.model]
        baseline = _choose(cell, of_model, run, schemes)
        if baseline is not None:
            found[cell.id] = baseline
    return found


def variants(run: Run) -> list[Variant]:
    """The variants of all models."""
    return [made.variant for model in run.models for made in model.variants]


def float_rank(cell: Cell, schemes: Scheme) -> int:
    """0 for the variant named float32, 1 for another one of that scheme, 2 for all others."""
    if schemes.get((cell.model, cell.variant)) != "float32":
        return 2
    return 0 if cell.variant == "float32" else 1


def _choose(cell: Cell, of_model: Sequence[Cell], run: Run, schemes: Scheme) -> Cell | None:
    machine = _machines(run)
    here = [other for other in of_model if machine[other.device] == machine[cell.device]]
    if run.baseline is None or not any(run.baseline in _spellings(other) for other in of_model):
        return _first(here, schemes)
    asked = [other for other in here if run.baseline in _spellings(other)]
    by_device = [other for other in of_model if run.baseline in _spellings(other, device=True)]
    return _first(by_device or asked, schemes)


def _first(cells: Iterable[Cell], schemes: Scheme) -> Cell | None:
    """Float32 on the `cpu` delegate if there is one, and one that can be measured if there is one."""
    return min(
        cells,
        key=lambda cell: (_failed(cell), float_rank(cell, schemes), cell.delegate != "cpu"),
        default=None,  # the first of equals wins: profiles, delegates and thread counts in the order asked
    )


def _failed(cell: Cell) -> bool:
    if cell.measurements:
        return False
    return any(why is not None for why in (cell.skipped, cell.refused, cell.unavailable, cell.refusal))


def _machines(run: Run) -> dict[str, Any]:
    """Device name -> machine: profiles in place local are one machine, and those of one ssh target."""
    return {device.profile.name: device.profile.ssh for device in run.devices}


def _spellings(cell: Cell, *, device: bool = False) -> set[str]:
    """How --baseline may name this cell; `device`: only the forms that name the device too."""
    with_device = {f"{cell.variant}@{cell.device}", label(cell)}
    return with_device if device else with_device | {cell.variant, f"{cell.variant}/{cell.delegate}"}
