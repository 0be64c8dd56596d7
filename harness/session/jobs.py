"""Turn the planned cells of a machine into jobs for its agent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from delegates.wire import Evaluation, Job, Request
from harness.accelerators import ACCELERATORS
from harness.analysis.baseline import float_rank
from harness.analysis.names import key
from harness.analysis.reference import reference
from harness.devices.machines import Machine
from harness.record import subject
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


def make_tasks(
    plan: Plan, baseline_ids: Collection[str], run_id: str, opened: Iterable[Machine], options: Options
) -> list[Task]:
    """Return one task per machine with a cell to measure. Their agents will take the lock for this run."""
    tasks = []
    for machine in opened:
        cells = runnable(plan, (profile.name for profile in machine.profiles))
        if not cells:
            continue
        machine.transport.lock_for(run_id, options.wait_s)
        references = _references(plan, cells)
        evaluations = _evaluations([*cells, *references], machine, options.accuracy_precision)
        jobs = _paired([_job(cell, machine, baseline_ids, evaluations) for cell in cells], cells)
        jobs += [replace(_job(cell, machine, (), evaluations), timed=False) for cell in references]
        tasks.append(
            Task(machine, Request("run", jobs=jobs, budget_s=options.budget_s, precision=options.precision))
        )
    return tasks


def _references(plan: Plan, cells: Iterable[CellPlan]) -> list[CellPlan]:
    """Return what is evaluated only, on the machine that has these cells."""
    devices = {one.cell.device.name for one in cells}
    return [one for one in plan.references if one.cell.device.name in devices]


def _evaluations(cells: Iterable[CellPlan], machine: Machine, precision: float) -> dict[str, Evaluation]:
    """Return what the cells of a machine are to be evaluated on, by their ids."""
    wanted = [(one.cell, one.evaluation) for one in cells if one.evaluation is not None]
    evaluations = {}
    for cell, data in wanted:
        against = reference(cell, [other for other, _ in wanted if other.side == cell.side])
        evaluations[cell.id] = Evaluation(
            inputs=machine.transport.remote_path(data.inputs[cell.variant.name]),
            samples=data.record.samples,
            keep=data.keep,
            precision=precision,
            against=against.id if against is not None and float_rank(against) < 2 else "",
        )
    return evaluations


def _paired(jobs: Sequence[Job], cells: Sequence[CellPlan]) -> list[Job]:
    """Return the jobs, each of HEAD with that of the same cell of BASE.

    Where the two have different files, each launch gets a copy of its own (delegates/agent/copies.py).
    """
    found = {key(plan.cell): job for job, plan in zip(jobs, cells, strict=True)}
    paired = []
    for job, plan in zip(jobs, cells, strict=True):
        names = key(plan.cell)[:2]
        head, base = found.get((*names, "head")), found.get((*names, "base"))
        if head is not None and base is not None:
            own = head.model != base.model
            job = replace(job, pair=base.id if job is head else None, own_copy=own)  # noqa: PLW2901
        paired.append(job)
    return paired


def _job(
    plan: CellPlan, machine: Machine, baseline_ids: Collection[str], evaluations: Mapping[str, Evaluation]
) -> Job:
    """Return the job that measures a cell. Cells of one subject form a group, because they are compared."""
    cell, profile, transport = plan.cell, plan.device.profile, machine.transport
    assert plan.path is not None
    return Job(
        id=cell.id,
        group=str(subject(cell)),
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
        evaluation=evaluations.get(cell.id),
    )
