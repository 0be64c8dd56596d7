"""The main job, step by step: models and profiles in, a measured and stored run out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from delegates.wire import ProbeResult, Progress, Request
from harness import __version__
from harness import store as results
from harness.accelerators import ACCELERATORS
from harness.analysis import rows
from harness.analysis.baseline import baselines, check_baseline
from harness.cache import default_cache
from harness.config import Config, DeviceProfile
from harness.devices import host, machines
from harness.devices.machines import Machine
from harness.errors import ConfigError, DeviceError, ResultsError
from harness.models import resolve_model
from harness.quantize import VariantSet, make_variants
from harness.quantize.separate import separate
from harness.session import execute, plan, selection
from harness.versions import oldest_limiting


class Watcher(Protocol):
    """Who is told how far the run is."""

    def step(self, text: str) -> None: ...
    def converted(self, variant: str, done: int, total: int) -> None: ...
    def planned(self, machine: str, groups: dict[str, float]) -> None: ...
    def measured(self, machine: str, progress: Progress) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass
class Outcome:
    """What a run ended with. `problem` is set where results could not be stored as asked."""

    document: dict[str, Any]
    folder: Path
    problem: str | None = None


def run(options: selection.Options, config: Config, watcher: Watcher) -> Outcome:
    """Make the variants, measure every cell, store everything. Raises QbenchError."""
    profiles = selection.devices(config, options)
    _check_models(options)
    run_id = results.new_run_id()
    store = results.create(options.results, run_id)
    with machines.open_all(profiles, watcher.note, options.patience) as opened:
        try:
            record = _plan(options, config, opened, run_id, watcher)
        except BaseException:
            store.discard()  # nothing was measured: leave no empty run behind
            raise
        return _measure(record, opened, store, options, watcher)


def _check_models(options: selection.Options) -> None:
    """Raises ModelError for a model that is not there, before any device is waited for."""
    for text in options.models:
        resolve_model(text, Path.cwd())


def _plan(
    options: selection.Options, config: Config, opened: list[Machine], run_id: str, watcher: Watcher
) -> results.Run:
    """Everything up to the first inference. Raises QbenchError."""
    watcher.step("looking at the devices")
    started_at = _now()
    machines.probe_all(opened, note=watcher.note)
    _check_reached(opened, watcher.note)
    profiles = [profile for machine in opened for profile in machine.profiles]
    answers = {name: answer for machine in opened for name, answer in machine.answers.items()}
    usable = profiles if options.devices else _usable(profiles, answers)
    models = make_all(
        options, config, oldest_limiting(answers[profile.name].runtime for profile in usable), watcher
    )
    machine_of = {profile.name: machine for machine in opened for profile in machine.profiles}
    devices = [_device(profile, machine_of[profile.name]) for profile in usable]
    record = results.Run(
        run_id=run_id,
        started_at=started_at,
        qbench_version=__version__,
        host=host.describe(),
        models=models,
        devices=devices,
        cells=plan.make_cells(models, devices, answers),
        budget_s=options.budget_s,
        precision=options.precision,
        baseline=options.baseline,
    )
    plan.compile_cells(record.cells, models, devices, default_cache(), watcher.step)
    check_baseline(record)
    for profile in profiles:
        if profile not in usable:
            watcher.note(f"device {profile.name} left out: {_why_not(profile, answers[profile.name])}")
    return record


def _check_reached(opened: Sequence[Machine], note: Callable[[str], None]) -> None:
    """Raises DeviceError if no machine was reached; one that was not is said at once, not at the end."""
    lost = [machine.problem for machine in opened if machine.problem is not None]
    if len(lost) == len(opened):
        raise DeviceError("; ".join(lost))
    for problem in lost:
        note(problem)


def make_all(
    options: selection.Options, config: Config, oldest_runtime: tuple[int, int] | None, watcher: Watcher
) -> list[VariantSet]:
    """The variants of every model asked for. Raises QbenchError."""
    specs = selection.variants(config, options.variants)
    sources = selection.unique_names([resolve_model(text, Path.cwd()) for text in options.models])
    made: list[VariantSet] = []
    for source in sources:
        watcher.step(f"making variants of {source.name}")
        variants = make_variants(
            source,
            specs,
            calibration=options.calibration,
            dataset=options.dataset,
            trust_model=options.trust_model,
            batch=options.batch,
            oldest_runtime=oldest_runtime,
            on_progress=watcher.converted,
        )
        sets = separate(selection.narrow(variants, options.variants))
        if len(sets) > 1:
            names = ", ".join(one.model.name for one in sets)
            watcher.note(f"{source.source}: inputs or outputs differ, these are different models: {names}")
        made += sets
    return selection.unique_sets(made)


def _usable(profiles: list[DeviceProfile], answers: dict[str, ProbeResult]) -> list[DeviceProfile]:
    """The profiles that can run here: one that is about accelerators, if one of them is there.

    Where nothing else is left to run, their other delegates are enough. Raises ConfigError if nothing is.
    """
    running = [profile for profile in profiles if answers[profile.name].error is None]
    usable = [profile for profile in running if _why_not(profile, answers[profile.name]) is None]
    if not running:
        raise ConfigError("none of the device profiles can run here; see `qbench devices --probe`")
    return usable or running


def _why_not(profile: DeviceProfile, found: ProbeResult) -> str | None:
    """Why the profile can't run, or none of its accelerators is there, in short; None where it can."""
    if found.error is not None:
        return found.error
    wanted = [d.name for d in profile.delegates if not ACCELERATORS[d.name].on_cpu]
    missing = [why for name in wanted if (why := found.delegates.get(name) or found.software.get(name))]
    return missing[0].partition(";")[0] if wanted and len(missing) == len(wanted) else None


def _device(profile: DeviceProfile, machine: Machine) -> results.Device:
    facts = machine.answers[profile.name]
    return results.Device(
        profile=profile,
        machine=dict(machine.facts.machine) if machine.facts else {},
        python=facts.version,
        runtime=facts.runtime.name if facts.runtime else None,
        runtime_version=facts.runtime.version if facts.runtime else None,
        problem=machine.problem,
    )


def _measure(
    record: results.Run,
    opened: Sequence[Machine],
    store: results.Store,
    options: selection.Options,
    watcher: Watcher,
) -> Outcome:
    """Ask for all jobs; store after every answer; a disk that fills up ends the storing, not the run."""
    saver = _Saver(record, store)
    saver.save()
    watcher.step("measuring")
    tasks = [_task(record, machine, options) for machine in opened]
    tasks = [task for task in tasks if task.request.jobs]
    for task in tasks:
        jobs = task.request.jobs
        sums = {job.group: options.budget_s * sum(j.group == job.group for j in jobs) for job in jobs}
        watcher.planned(task.machine.name, sums)
    try:
        execute.Execution(record, tasks, saver.save, watcher.measured, watcher.note).measure()
    except KeyboardInterrupt:  # the second one: no more answers, but what there is is kept
        record.interrupted = True
    record.finished_at = _now()
    saver.save()
    return saver.outcome()


def _task(record: results.Run, machine: Machine, options: selection.Options) -> execute.Task:
    """The jobs of one machine, which is this run's alone from now on."""
    names = {profile.name for profile in machine.profiles}
    jobs = plan.make_jobs(
        record.cells,
        record.models,
        [device for device in record.devices if device.profile.name in names],
        baselines(record),
        machine.runner.place,
        machine.answers,
    )
    machine.runner.take(record.run_id, options.wait_s)
    request = Request("run", jobs=jobs, budget_s=options.budget_s, precision=options.precision)
    return execute.Task(machine, request)


class _Saver:
    """Stores the run again and again; from the first failure on only remembers why."""

    def __init__(self, record: results.Run, store: results.Store) -> None:
        self.record, self.store = record, store
        self.known: rows.Known = {}
        self.problem: str | None = None
        self.document: dict[str, Any] = {}

    def save(self) -> None:
        self.document = rows.document(self.record, self.known)
        try:
            self.store.save(self.record, self.document)
            self.problem = None
        except ResultsError as error:
            self.problem = str(error)

    def outcome(self) -> Outcome:
        """The folder of the stored run; a temporary one where storing it failed."""
        if self.problem is None:
            return Outcome(self.document, self.store.folder)
        try:
            spare = results.create(Path(tempfile.mkdtemp(prefix="qbench-")), self.record.run_id)
            spare.save(self.record, self.document)
        except (ResultsError, OSError) as error:
            problem = f"{self.problem}; nor can a temporary folder take the run: {error}"
            return Outcome(self.document, self.store.folder, problem)
        return Outcome(
            self.document, spare.folder, f"{self.problem}; everything measured is in {spare.folder}"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
