"""Plan the cells that tests ask for: as few runs as possible, each with only the cells that are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbench.testing.marks import Wanted, identity, is_ready
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.config import Config
    from harness.record import Cell, Row
    from harness.session.options import Options

_SHORTEST_BUDGET_S = 0.02  # of a cell that is run, but not timed


def in_runs(cells: Iterable[Wanted]) -> list[list[Wanted]]:
    """Group cells into runs: all that are measured in the same way are measured together."""
    groups: dict[object, list[Wanted]] = {}
    for cell in cells:
        groups.setdefault(cell.run_key, []).append(cell)
    return list(groups.values())


@dataclass
class Batch:
    """The cells of one run. `models`: by identity, in the order of the run.

    seen: models and variants that the run could have measured; known once it is planned.
    """

    cells: Sequence[Wanted]
    models: dict[object, Any]
    names: dict[object, str]
    seen: dict[tuple[str, str], None] = field(default_factory=dict)

    def by_model(self) -> list[Batch]:
        """Return one batch for each model."""
        parts = ([cell for cell in self.cells if identity(cell.model) == model] for model in self.models)
        return [batch_of(cells) for cells in parts]

    def has(self, wanted: Wanted, model: str) -> bool:
        """Return whether a model of the run is the one that a test asks for.

        The models of a folder that holds several have names of their own.
        """
        name = self.names[identity(wanted.model)]
        return model == name or (model not in self.names.values() and Path(str(wanted.model)).is_dir())

    def wants(self, cell: Cell) -> bool:
        """Return whether a test asks for a cell, or compares with it."""
        if cell.side != "base":
            self.seen[cell.model, cell.variant.name] = None
        place = (cell.delegate.name, cell.device.name, cell.threads)
        return any(
            self.has(wanted, cell.model) and _is_named(wanted, cell.variant.name, place)
            for wanted in self.cells
        )

    def unknown(self, wanted: Wanted) -> str | None:
        """Return which variant that a test names its model lacks, in a sentence; None if it has them all."""
        names = [variant for model, variant in self.seen if self.has(wanted, model)]
        asked = (wanted.variant, wanted.baseline and wanted.baseline.variant)
        lacking = [name for name in asked if names and name not in (None, *names)]
        return f'{wanted.model} has no variant "{lacking[0]}", only {", ".join(names)}' if lacking else None

    def row(self, wanted: Wanted, rows: Iterable[Row]) -> Row | None:
        """Return the row of the cell that a test asks for; None if there is none."""
        place = (wanted.delegate, wanted.device.name, wanted.threads)
        return next(
            (
                row
                for row in rows
                if self.has(wanted, row.model)
                and wanted.variant in (None, row.variant)
                and (row.delegate, row.device, row.threads) == place
            ),
            None,
        )


def batch_of(cells: Sequence[Wanted]) -> Batch:
    """Return the batch of some cells that are measured together. Raises ModelError for a missing model."""
    from harness.session.options import Options
    from harness.session.variants import sources

    models = {identity(cell.model): cell.model for cell in cells}
    names = [source.name for source in sources(Options(models=tuple(models.values())))]
    return Batch(cells, models, dict(zip(models, names, strict=True)))


def options_of(batch: Batch, settings: Settings, results: Path) -> Options:
    """Return the options of a batch's run. Raises ConfigError for a value out of range."""
    from harness.session.options import Options

    first = batch.cells[0]
    places = [(cell.device.name, cell.threads) for cell in batch.cells]
    places += [(cell.baseline.device, cell.baseline.threads) for cell in batch.cells if cell.baseline]
    return Options(
        models=tuple(batch.models.values()),
        devices=tuple(dict.fromkeys(device for device, _ in places)),
        threads=tuple(dict.fromkeys(threads for _, threads in places)),
        variants_by_model=[_variants(batch, model) for model in batch.models],
        calibration=first.calibration,
        dataset=first.dataset,
        metric=first.metric,
        accuracy_precision=first.accuracy_precision if settings.timed else 1.0,
        trust_model=first.trust_model,
        batch=first.batch,
        shapes=first.shapes,
        signatures=first.signatures,
        budget_s=first.budget_s if settings.timed else _SHORTEST_BUDGET_S,
        precision=first.precision if settings.timed else 1.0,
        against=settings.against,
        results=results,
        tags={"source": "pytest"},
        only=batch.wants,
    )


def config_of(batch: Batch, config: Config) -> Config:
    """Return the device profiles, with those made in Python added."""
    return replace(config, devices={**config.devices, **{c.device.name: c.device for c in batch.cells}})


def _variants(batch: Batch, model: object) -> tuple[str, ...]:
    """Return the variants to make of a model; none, which stands for all, where they are ready."""
    cells = [cell for cell in batch.cells if identity(cell.model) == model]
    if is_ready(cells[0].model):
        return ()
    asked = [cell.variant for cell in cells] + [cell.baseline.variant for cell in cells if cell.baseline]
    return tuple(dict.fromkeys(name for name in asked if name is not None))


def _is_named(wanted: Wanted, variant: str, place: tuple[str, str, int]) -> bool:
    """Return whether a cell is the one that a test asks for, or its baseline."""
    baseline = wanted.baseline
    if baseline is not None and (variant, *place) == (
        baseline.variant,
        baseline.delegate,
        baseline.device,
        baseline.threads,
    ):
        return True
    own = (wanted.delegate, wanted.device.name, wanted.threads)
    return wanted.variant in (None, variant) and place == own
