"""The work of `qbench run`: models and device profiles in, a measured and stored run out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__, analysis, git, store
from harness.analysis.baseline import check_baseline
from harness.cache import default_cache
from harness.config import Config, DeviceProfile
from harness.devices import host, machines
from harness.devices.machines import Machine
from harness.devices.state import device_state
from harness.errors import ResultsError
from harness.record import Document, Header, Run
from harness.session import selection, variants
from harness.session.indexing import remember
from harness.session.jobs import Task, make_tasks
from harness.session.measuring import Measuring
from harness.session.options import Options
from harness.session.plan import Device, Plan, make_plan
from harness.session.probing import note_left_out, probing, used_profiles
from harness.session.references import with_references
from harness.session.scoring import score_all
from harness.session.watcher import Watcher


@dataclass(frozen=True)
class Outcome:
    """A finished run. `problem` says why its results could not be stored as asked; None if they were."""

    run: Run
    document: Document
    folder: Path
    problem: str | None = None


def run(options: Options, config: Config, watcher: Watcher) -> Outcome:
    """Make the variants, measure every cell, store everything. Raises QbenchError."""
    profiles = selection.devices(config, options)
    variants.sources(options)  # a missing model raises ModelError before any device is waited for
    header = _header(options)
    writer = store.create(options.results, header)
    with machines.open_all(profiles, watcher.note, options.timeouts) as opened:
        try:
            plan = _plan(options, config, opened, header, watcher)
            tasks = make_tasks(plan, header, opened, options)
        except BaseException:
            writer.discard()  # nothing was measured: leave no empty run behind
            raise
        with writer:
            writer.planned(plan.as_event())
            record_labels(writer, plan)
            interrupted = _measure(writer, tasks, watcher)
            score_all(plan, writer, watcher.note)
            writer.finished(_now(), interrupted)
            return _outcome(writer, options.results, watcher.note)


def _header(options: Options) -> Header:
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
    )


def _plan(
    options: Options, config: Config, opened: Sequence[Machine], header: Header, watcher: Watcher
) -> Plan:
    """Make the variants, and probe the devices meanwhile. Raises QbenchError."""
    watcher.step("looking at the devices")
    with probing(opened, options, watcher.note) as oldest_runtime:
        models = variants.make_all(options, config, oldest_runtime, watcher, evaluated=True)
        oldest_runtime.result()  # also where no variant depends on it: from now on all is known
    used = used_profiles(opened, options)
    plan = make_plan(models, _devices(used, opened), default_cache(), watcher.step)
    check_baseline(plan.as_run(header))
    plan = with_references(plan, opened)
    note_left_out(opened, used, watcher.note)
    return plan


def _devices(profiles: Sequence[DeviceProfile], opened: Sequence[Machine]) -> list[Device]:
    machine_of = {profile.name: machine for machine in opened for profile in machine.profiles}
    return [
        Device(p, device_state(p, machine_of[p.name]), machine_of[p.name].answers[p.name]) for p in profiles
    ]


def record_labels(writer: store.Writer, plan: Plan) -> None:
    """Record the labels of the samples that models are evaluated on."""
    for made in plan.models:
        if made.evaluation is not None and made.evaluation.labels is not None:
            writer.labelled(made.model.name, made.evaluation.labels)


def _measure(writer: store.Writer, tasks: Sequence[Task], watcher: Watcher) -> bool:
    """Measure all tasks. Returns whether the user interrupted that."""
    watcher.step("measuring")
    for task in tasks:
        watcher.planned(task.machine.name, task.planned_s())
    measuring = Measuring(writer, tasks, watcher)
    measuring.measure()
    return measuring.interrupted


def _outcome(writer: store.Writer, results: Path, note: Callable[[str], None]) -> Outcome:
    """Derive the document from the record, export both, and put the run into the index."""
    run = writer.run()
    document = analysis.document(run)
    problem = writer.problem
    try:
        store.export(run, document, writer.folder)
    except ResultsError as error:
        problem = problem or str(error)
    remember(writer.folder, document, results, note)
    return Outcome(run, document, writer.folder, problem)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
