"""The work of `qbench run`: models and device profiles in, a measured and stored run out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__, analysis, git, store
from harness.analysis.baseline import baselines, check_baseline
from harness.cache import default_cache
from harness.config import Config, DeviceProfile
from harness.devices import host, machines
from harness.devices.machines import Machine
from harness.devices.state import device_state
from harness.errors import ResultsError
from harness.record import Document, Header, Run, subject
from harness.session import against, selection, sides, variants
from harness.session.against import Base
from harness.session.asked import asked_of
from harness.session.indexing import remember
from harness.session.jobs import Task, make_tasks
from harness.session.measuring import Measuring
from harness.session.options import Options
from harness.session.plan import Device, Plan, make_plan
from harness.session.probing import note_left_out, probing, used_profiles
from harness.session.references import with_references
from harness.session.resuming import Resumed
from harness.session.scoring import score_all
from harness.session.stored import shown_together
from harness.session.watcher import Watcher


@dataclass(frozen=True)
class Outcome:
    """A finished run, with those that it resumes.

    `problem` says why its results could not be stored as asked; None if they were.
    """

    run: Run
    document: Document
    folder: Path
    problem: str | None = None


@dataclass(frozen=True)
class Work:
    """What a run is to do. base: what --against names. resumed: the run that it resumes."""

    options: Options
    config: Config
    base: Base
    resumed: Resumed | None

    def profiles(self) -> Sequence[DeviceProfile]:
        """Return the profiles to measure on. Raises ConfigError, or ModelError if a model is missing."""
        profiles = self.base.profiles(selection.devices(self.config, self.options))
        variants.sources(self.options)  # before any device is waited for
        return profiles

    def header(self) -> Header:
        """Return the header of a run that starts now."""
        options, resumed = self.options, self.resumed
        return Header(
            run_id=store.new_run_id(),
            started_at=_now(),
            qbench_version=__version__,
            host=host.describe(),
            budget_s=options.budget_s,
            precision=options.precision,
            accuracy_precision=options.accuracy_precision,
            baseline=options.baseline,
            git=git.state(Path.cwd()),
            tags=options.tags,
            against=self.base.given,
            base_revision=self.base.revision,
            options=asked_of(options) if resumed is None else resumed.runs[0].header.options,
            resumes=None if resumed is None else resumed.run_id,
        )


@contextmanager
def opened_work(options: Options, config: Config, resumed: Resumed | None) -> Iterator[Work]:
    """Yield what a run with these options is to do. Raises QbenchError."""
    if resumed is not None:
        options = replace(options, only=resumed.wants)
    with against.opened(options) as base:
        yield Work(options, config, base, resumed)


def run(options: Options, config: Config, watcher: Watcher, resumed: Resumed | None = None) -> Outcome:
    """Make the variants, measure every cell, store everything. Raises QbenchError.

    resumed: the run to resume, with the options from its record: measure only what it lacks.
    """
    with opened_work(options, config, resumed) as work:
        return _run(work, watcher)


def _run(work: Work, watcher: Watcher) -> Outcome:
    options, profiles, header = work.options, work.profiles(), work.header()
    writer = store.create(options.results, header)
    with machines.open_all(profiles, watcher.note, options.timeouts) as opened:
        try:
            plan, baseline_ids = plan_run(work, opened, header, watcher)
            tasks = make_tasks(plan, baseline_ids, header.run_id, opened, options)
        except BaseException:
            writer.discard()  # nothing was measured: leave no empty run behind
            raise
        with writer:
            writer.planned(plan.as_event())
            record_labels(writer, plan)
            interrupted = _measure(writer, tasks, watcher)
            score_all(plan, writer, watcher.note)
            writer.finished(_now(), interrupted)
            return _outcome(writer, options.results, watcher.note, work.resumed)


def plan_run(
    work: Work, opened: Sequence[Machine], header: Header, watcher: Watcher, *, make: bool = True
) -> tuple[Plan, set[str]]:
    """Make the variants, and probe the devices meanwhile. Raises QbenchError.

    make: False converts and compiles nothing. Returns the plan and the ids of the baselines.
    """
    options, base, resumed = work.options, work.base, work.resumed
    watcher.step("looking at the devices")
    with probing(opened, options, watcher.note) as oldest_runtime:
        models = sides.make_both(options, work.config, base, oldest_runtime, watcher, convert=make)
        oldest_runtime.result()  # also where no variant depends on it: from now on all is known
    used = used_profiles(opened, options)
    against.check_usable(base, used, opened)
    devices = _devices(used, opened)
    plan = make_plan(models, devices, default_cache(), watcher.step, options.only, compile=make)
    if resumed is not None:
        plan, baseline_ids = resumed.narrowed(plan, header, opened)
    else:
        check_baseline(plan.as_run(header))
        baseline_ids = _baselines(plan.as_run(header))
    plan = with_references(plan, models, opened)
    note_left_out(opened, used, watcher.note)
    return plan, baseline_ids


def _baselines(run: Run) -> set[str]:
    """Return the ids of the cells that the agents compare the others with: HEAD's, if a subject has sides."""
    found = baselines(run).values()
    of_head = {subject(cell) for cell in found if cell.side == "head"}
    return {cell.id for cell in found if cell.side != "base" or subject(cell) not in of_head}


def _devices(profiles: Sequence[DeviceProfile], opened: Sequence[Machine]) -> list[Device]:
    machine_of = {profile.key: machine for machine in opened for profile in machine.profiles}
    return [Device(p, device_state(p, machine_of[p.key]), machine_of[p.key].answers[p.key]) for p in profiles]


def record_labels(writer: store.Writer, plan: Plan) -> None:
    """Record the labels of the samples that cells are evaluated on."""
    sets = [one.evaluation for one in plan.cells if one.evaluation is not None]
    for sha256, labels in {one.record.sha256: one.labels for one in sets}.items():
        if sha256 is not None and labels is not None:
            writer.labelled(sha256, labels)


def _measure(writer: store.Writer, tasks: Sequence[Task], watcher: Watcher) -> bool:
    """Measure all tasks. Returns whether the user interrupted that."""
    watcher.step("measuring")
    for task in tasks:
        watcher.planned(task.machine.name, task.planned_s())
    measuring = Measuring(writer, tasks, watcher)
    measuring.measure()
    return measuring.interrupted


def _outcome(
    writer: store.Writer, results: Path, note: Callable[[str], None], resumed: Resumed | None
) -> Outcome:
    """Derive the document from the record, export both, and put the run into the index."""
    run = writer.run()
    document = analysis.document(run)
    problem = writer.problem
    try:
        store.export(run, document, writer.folder)
    except ResultsError as error:
        problem = problem or str(error)
    remember(writer.folder, document, results, note)
    if resumed is not None:
        run, document = shown_together([*resumed.runs, run], note)
    return Outcome(run, document, writer.folder, problem)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
