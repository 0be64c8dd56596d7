"""The work of `qbench run --dry-run`: what a run would measure, and how long it would take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import store
from harness.analysis.cost import Asked, Cost, Costs
from harness.config import Config
from harness.devices import machines
from harness.errors import ResultsError
from harness.record import Run, Skipped, Unavailable, subject
from harness.record.forecast import Forecast, ForecastCell, ForecastDevice, PlannedStatus
from harness.session.options import Options
from harness.session.plan import CellPlan, Device, Plan
from harness.session.resuming import Resumed
from harness.session.run import opened_work, plan_run
from harness.session.watcher import Watcher
from harness.store.naming import newest_first
from harness.store.summary import summarize

_LOOKED_AT, _READ = 200, 8  # runs whose plan, and whose launches are read: the newest ones
# Rules of thumb, in seconds, for what no run records.
_START_AND_END_S = 3.0  # of qbench and of the agents, and to derive and export the figures
_CONVERTER_S, _VARIANT_S = 12.0, 1.5  # for TensorFlow to start and to read a model, and for each variant
_COMPILE_S = 5.0


def forecast(options: Options, config: Config, watcher: Watcher, resumed: Resumed | None = None) -> Forecast:
    """Plan a run as `run` does, but make, measure and store nothing. Raises QbenchError."""
    began_s = time.monotonic()
    with opened_work(options, config, resumed) as work:
        header = work.header()
        with machines.open_all(work.profiles(), watcher.note, options.timeouts) as opened:
            plan, _ = plan_run(work, opened, header, watcher, make=False)
    planned_s = time.monotonic() - began_s  # a run begins with the same work
    asked = Asked(options.budget_s, options.precision)
    costs = Costs(_stored(options.results, {plan.cell.model for plan in plan.cells}), asked)
    hashes = {(made.model.name, made.model.side): made.model.sha256 for made in plan.models}
    cells = tuple(
        _cell(one, costs.of(one.cell, hashes[one.cell.model, one.cell.variant.side])) for one in plan.cells
    )
    prepare_s, measure_s = _making_s(plan) + planned_s + _START_AND_END_S, _measuring_s(cells, plan.devices)
    return Forecast(
        resumes=header.resumes,
        budget_s=options.budget_s,
        precision=options.precision,
        devices=tuple(map(_device, plan.devices)),
        cells=cells,
        prepare_s=prepare_s,
        measure_s=measure_s,
        seconds=prepare_s + measure_s,
    )


def nothing_left(resumed: Resumed, options: Options) -> Forecast:
    """Return the forecast for a run that lacks nothing."""
    return Forecast(
        resumes=resumed.run_id,
        budget_s=options.budget_s,
        precision=options.precision,
        devices=(),
        cells=(),
        prepare_s=0.0,
        measure_s=0.0,
        seconds=0.0,
    )


def _stored(results: Path, models: set[str]) -> Iterator[Run]:
    """Yield the newest runs of any of these models. The index is left alone: nothing is written."""
    read = 0
    for number, folder in enumerate(newest_first(results)):
        if number == _LOOKED_AT or read == _READ:
            return
        try:
            if models.isdisjoint(summarize(folder).models):
                continue
            run = store.load(folder, results)
        except ResultsError:
            continue
        if run.exported is None:
            read += 1
            yield run


def _cell(plan: CellPlan, cost: Cost) -> ForecastCell:
    cell, status = plan.cell, _status(plan)
    measured = status == "measure"
    return ForecastCell(
        id=cell.id,
        model=cell.model,
        variant=cell.variant.name,
        device=cell.device.name,
        delegate=cell.delegate.name,
        threads=cell.threads,
        side=cell.side,
        shape=cell.shape,
        signature=cell.signature,
        plan=status,
        reason=getattr(plan.ended, "reason", None),
        make=plan.make if measured else None,
        seconds=cost.seconds if measured else None,
        stored_runs=cost.stored_runs if measured else 0,
    )


def _status(plan: CellPlan) -> PlannedStatus:
    match plan.ended:
        case None:
            return "measure"
        case Skipped():
            return "skipped"
        case Unavailable():
            return "unavailable"
    return "refused"


def _device(device: Device) -> ForecastDevice:
    state = device.state
    about = (state.cpu or state.arch, f"{state.runtime} {state.runtime_version}" if state.runtime else None)
    return ForecastDevice(
        name=state.name,
        side=state.side,
        machine=state.machine,
        problem=state.problem,
        about=", ".join(text for text in about if text) or None,
    )


def _making_s(plan: Plan) -> float:
    """Return the seconds that making variants takes, by rules of thumb."""
    missing, compiled = (
        {
            (subject(one.cell), one.cell.variant.side, one.cell.variant.name)
            for one in plan.cells
            if one.make == how
        }
        for how in ("convert", "compile")
    )
    conversions = {(about, side) for about, side, _ in missing}
    return _CONVERTER_S * len(conversions) + _VARIANT_S * len(missing) + _COMPILE_S * len(compiled)


def _measuring_s(cells: Sequence[ForecastCell], devices: Sequence[Device]) -> float:
    """Return the seconds that the slowest machine takes: all measure at the same time."""
    machine_of = {device.profile.name: device.state.machine for device in devices}
    seconds: dict[str | None, float] = {}
    for cell in cells:
        machine = machine_of[cell.device]
        seconds[machine] = seconds.get(machine, 0.0) + (cell.seconds or 0.0)
    return max(seconds.values(), default=0.0)
