"""Turn the planned cells of a machine into jobs for its agent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from delegates.wire import Evaluation, Job, Request
from harness.accelerators import ACCELERATORS
from harness.analysis.baseline import baselines, float_rank
from harness.analysis.reference import reference
from harness.devices.machines import Machine
from harness.record import Header
from harness.session.options import Options
from harness.session.plan import CellPlan, Plan, runnable


@dataclass(frozen=True)
class Task:
    """A machine and the request it will get."""

    machine: Machine
    request: Request

    def planned_s(self) -> dict[str, float]:
        """Return the seconds of timed work that are planned, by group."""
        seconds: dict[str, float] = {}
        for job in (one for one in self.request.jobs if one.timed):
            seconds[job.group] = seconds.get(job.group, 0.0) + self.request.budget_s
        return seconds


def make_tasks(plan: Plan, header: Header, opened: Iterable[Machine], options: Options) -> list[Task]:
    """Return one task per machine with a cell to measure. Their agents will take the lock for this run."""
    baseline_ids = {cell.id for cell in baselines(plan.as_run(header)).values()}
    tasks = []
    for machine in opened:
        cells = runnable(plan, (profile.name for profile in machine.profiles))
        if not cells:
            continue
        machine.transport.lock_for(header.run_id, options.wait_s)
        cells += _references(plan, cells)
        evaluations = _evaluations(plan, cells, machine, options.accuracy_precision)
        jobs = [
            _job(cell, machine, baseline_ids, evaluations.get(cell.cell.id), cell not in plan.references)
            for cell in cells
        ]
        tasks.append(
            Task(machine, Request("run", jobs=jobs, budget_s=options.budget_s, precision=options.precision))
        )
    return tasks


def _references(plan: Plan, cells: Iterable[CellPlan]) -> list[CellPlan]:
    """Return what is evaluated only, on the machine that has these cells."""
    devices = {one.cell.device.name for one in cells}
    return [one for one in plan.references if one.cell.device.name in devices]


def _evaluations(
    plan: Plan, cells: Iterable[CellPlan], machine: Machine, precision: float
) -> dict[str, Evaluation]:
    """Return what the cells of a machine are to be evaluated on, by their ids."""
    sets = {made.model.name: made.evaluation for made in plan.models if made.evaluation is not None}
    wanted = [cell.cell for cell in cells if cell.cell.model in sets]
    reference_ids = {found.id for cell in wanted if (found := reference(cell, wanted)) is not None}
    evaluations = {}
    for cell in wanted:
        data = sets[cell.model]
        evaluations[cell.id] = Evaluation(
            inputs=machine.transport.remote_path(data.inputs[cell.variant.name]),
            samples=data.record.samples,
            keep=data.keep,
            precision=precision,
            reference=cell.id in reference_ids and float_rank(cell) < 2,
        )
    return evaluations


def _job(
    plan: CellPlan,
    machine: Machine,
    baseline_ids: Collection[str],
    evaluation: Evaluation | None,
    timed: bool,
) -> Job:
    """Return the job that measures a cell. Cells of one model form a group, because they are compared."""
    cell, profile, transport = plan.cell, plan.device.profile, machine.transport
    assert plan.path is not None
    return Job(
        id=cell.id,
        group=cell.model,
        model=transport.remote_path(plan.path),
        inputs=None if plan.inputs is None else transport.remote_path(plan.inputs),
        delegate=cell.delegate.name,
        runtime=profile.runtime,
        python=plan.device.probed.python,
        threads=cell.threads,
        options=dict(plan.spec.options),
        affinity=None if profile.affinity is None else list(profile.affinity),
        env=dict(profile.env),
        timeout_s=profile.timeout_s,
        baseline=cell.id in baseline_ids,
        exclusive=ACCELERATORS[cell.delegate.name].exclusive,
        evaluation=evaluation,
        timed=timed,
    )
