"""Turn the planned cells of a machine into jobs for its agent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from delegates.wire import Job, Request
from harness.accelerators import ACCELERATORS
from harness.analysis.baseline import baselines
from harness.analysis.names import key
from harness.devices.machines import Machine
from harness.record import Header, Run, subject
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
        for job in self.request.jobs:
            seconds[job.group] = seconds.get(job.group, 0.0) + self.request.budget_s
        return seconds


def make_tasks(plan: Plan, header: Header, opened: Iterable[Machine], options: Options) -> list[Task]:
    """Return one task per machine with a cell to measure. Their agents will take the lock for this run."""
    baseline_ids = _baselines(plan.as_run(header))
    tasks = []
    for machine in opened:
        cells = runnable(plan, (profile.name for profile in machine.profiles))
        if not cells:
            continue
        machine.transport.lock_for(header.run_id, options.wait_s)
        jobs = _paired([_job(cell, machine, baseline_ids) for cell in cells], cells)
        tasks.append(
            Task(machine, Request("run", jobs=jobs, budget_s=options.budget_s, precision=options.precision))
        )
    return tasks


def _baselines(run: Run) -> set[str]:
    """Return the ids of the cells that the agents compare the others with: HEAD's, if a subject has sides."""
    found = baselines(run).values()
    of_head = {subject(cell) for cell in found if cell.side == "head"}
    return {cell.id for cell in found if cell.side != "base" or subject(cell) not in of_head}


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


def _job(plan: CellPlan, machine: Machine, baseline_ids: Collection[str]) -> Job:
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
    )
