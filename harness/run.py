"""The main job, step by step: models and profiles in, a measured and stored run out."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from delegates.wire import Progress, PythonFacts
from harness import __version__, compare, execute, host, plan, results
from harness.cache import default_cache
from harness.compare.baseline import check_baseline
from harness.config import Config, DeviceProfile, VariantSpec
from harness.config.checks import suggest
from harness.errors import ConfigError, ModelError, ResultsError
from harness.models import ModelSource, resolve_model
from harness.quantize import VariantSet, make_variants
from harness.runners import bundle
from harness.runners.local import LocalRunner
from harness.variants import STANDARD

OLD_RUNTIMES = ("tflite-runtime",)  # whose version says which op versions of TensorFlow's it knows


@dataclass(frozen=True)
class Options:
    """What `qbench run` was asked for. Empty means: all there are."""

    models: Sequence[str] = ("digits",)
    devices: Sequence[str] = ()
    variants: Sequence[str] = ()
    delegates: Sequence[str] = ()
    threads: Sequence[int] = ()
    calibration: str | None = None
    baseline: str | None = None
    batch: int = 1
    budget_s: float = 1.0
    results: Path = Path("results")


class Watcher(Protocol):
    """Who is told how far the run is."""

    def step(self, text: str) -> None: ...
    def converted(self, variant: str, done: int, total: int) -> None: ...
    def planned(self, groups: dict[str, float]) -> None: ...
    def measured(self, progress: Progress) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass
class Outcome:
    """What a run ended with. `problem` is set where results could not be stored as asked."""

    document: dict[str, Any]
    folder: Path
    problem: str | None = None


def run(options: Options, config: Config, watcher: Watcher) -> Outcome:
    """Make the variants, measure every cell, store everything. Raises QbenchError."""
    profiles = choose_devices(config, options)
    run_id = results.new_run_id()
    store = results.create(options.results, run_id)
    try:
        runner = LocalRunner(bundle.build(), default_cache() / "bundles")
        watcher.step("looking at the devices")
        facts, answers = execute.probe(runner, profiles)
        profiles = _usable(profiles, answers, asked=bool(options.devices), note=watcher.note)
        models = make_all(options, config, _oldest_runtime(profiles, answers), watcher)
        devices = [_device(profile, answers[profile.name], dict(facts.machine)) for profile in profiles]
        record = results.Run(
            run_id=run_id,
            started_at=_now(),
            qbench_version=__version__,
            host=host.describe(),
            models=models,
            devices=devices,
            cells=plan.make_cells(models, devices, answers),
            baseline=options.baseline,
        )
        check_baseline(record)
    except BaseException:
        store.discard()  # nothing was measured: leave no empty run behind
        raise
    return _measure(record, runner, store, options.budget_s, watcher)


def make_all(
    options: Options, config: Config, oldest_runtime: tuple[int, int] | None, watcher: Watcher
) -> list[VariantSet]:
    """The variants of every model asked for. Raises QbenchError."""
    specs = choose_variants(config, options.variants)
    sources = unique_names([resolve_model(text, Path.cwd()) for text in options.models])
    made = []
    for source in sources:
        watcher.step(f"making variants of {source.name}")
        variants = make_variants(
            source,
            specs,
            calibration=options.calibration,
            batch=options.batch,
            oldest_runtime=oldest_runtime,
            on_progress=watcher.converted,
        )
        made.append(_narrow(variants, options.variants))
    return made


def unique_names(sources: Sequence[ModelSource]) -> list[ModelSource]:
    """The same sources; models that share a name are numbered from the second on."""
    seen: Counter[str] = Counter()
    named = []
    for source in sources:
        seen[source.name] += 1
        number = seen[source.name]
        named.append(source if number == 1 else replace(source, name=f"{source.name}-{number}"))
    return named


def choose_devices(config: Config, options: Options) -> list[DeviceProfile]:
    """The profiles asked for (all without a name), narrowed to the delegates and threads asked for."""
    names = list(dict.fromkeys(options.devices)) or list(config.devices)
    for name in names:
        if name not in config.devices:
            raise ConfigError(f'{config.path}: no device "{name}"{suggest(name, config.devices)}')
    profiles = [config.devices[name] for name in names]
    offered = {d.name for profile in profiles for d in profile.delegates}
    for name in options.delegates:
        if name not in offered:
            raise ConfigError(
                f"--delegate {name}: none of the devices {', '.join(names)} offers it"
                f" (they offer: {', '.join(sorted(offered))})"
            )
    threads = tuple(dict.fromkeys(options.threads))
    narrowed = [
        replace(
            profile,
            threads=threads or profile.threads,
            delegates=tuple(
                d for d in profile.delegates if not options.delegates or d.name in options.delegates
            ),
        )
        for profile in profiles
    ]
    return [profile for profile in narrowed if profile.delegates]


def choose_variants(config: Config, names: Sequence[str]) -> list[VariantSpec]:
    """The variants to make: all seven and the user's own, or those named.

    A name that is neither may still be a ready .tflite's: `_narrow` complains if not.
    """
    known = {**{spec.name: spec for spec in STANDARD}, **config.variants}
    return [spec for name, spec in known.items() if not names or name in names]


def _narrow(made: VariantSet, names: Sequence[str]) -> VariantSet:
    """Only the variants asked for. Raises ModelError for a name the model has not."""
    if not names:
        return made
    have = [v.name for v in made.variants] + [f.name for f in made.failed]
    for name in names:
        if name not in have:
            raise ModelError(f'model {made.model}: no variant "{name}"{suggest(name, have)}')
    return replace(
        made,
        variants=tuple(v for v in made.variants if v.name in names),
        failed=tuple(f for f in made.failed if f.name in names),
    )


def _usable(
    profiles: list[DeviceProfile],
    answers: dict[str, PythonFacts],
    asked: bool,
    note: Callable[[str], None],
) -> list[DeviceProfile]:
    """All profiles that were asked for by name; else those that can run here."""
    if asked:
        return profiles
    usable = []
    for profile in profiles:
        error = answers[profile.name].error
        if error is None:
            usable.append(profile)
        else:
            note(f"device {profile.name} left out: {error}")
    if not usable:
        raise ConfigError("none of the device profiles can run here; see `qbench devices --probe`")
    return usable


def _oldest_runtime(
    profiles: Sequence[DeviceProfile], answers: dict[str, PythonFacts]
) -> tuple[int, int] | None:
    """Major and minor version of the oldest TFLite runtime among the devices, where that limits ops."""
    found = [answers[p.name].runtime for p in profiles]
    versions = [r.version.split(".")[:2] for r in found if r is not None and r.name in OLD_RUNTIMES]
    return min(((int(major), int(minor)) for major, minor in versions), default=None)


def _device(profile: DeviceProfile, facts: PythonFacts, machine: dict[str, Any]) -> results.Device:
    return results.Device(
        profile=profile,
        machine=machine,
        python=facts.version,
        runtime=facts.runtime.name if facts.runtime else None,
        runtime_version=facts.runtime.version if facts.runtime else None,
    )


def _measure(
    record: results.Run, runner: LocalRunner, store: results.Store, budget_s: float, watcher: Watcher
) -> Outcome:
    """Ask for all jobs; store after every answer; a disk that fills up ends the storing, not the run."""
    jobs = plan.make_jobs(record.cells, record.models, record.devices, runner.place, runner.python)
    saver = _Saver(record, store)
    saver.save()
    watcher.step("measuring")
    watcher.planned({job.group: budget_s * sum(j.group == job.group for j in jobs) for job in jobs})
    if jobs:
        execute.measure(record, runner, jobs, budget_s, saver.save, watcher.measured)
    record.finished_at = _now()
    saver.save()
    return saver.outcome()


class _Saver:
    """Stores the run again and again; from the first failure on only remembers why."""

    def __init__(self, record: results.Run, store: results.Store) -> None:
        self.record, self.store = record, store
        self.known: compare.Known = {}
        self.problem: str | None = None
        self.document: dict[str, Any] = {}

    def save(self) -> None:
        self.document = compare.document(self.record, self.known)
        try:
            self.store.save(self.record, self.document)
            self.problem = None
        except ResultsError as error:
            self.problem = str(error)

    def outcome(self) -> Outcome:
        """Where the run is stored; if its own folder took it not, in a temporary one."""
        if self.problem is None:
            return Outcome(self.document, self.store.folder)
        try:
            spare = results.create(Path(tempfile.mkdtemp(prefix="qbench-")), self.record.run_id)
            spare.save(self.record, self.document)
        except (ResultsError, OSError):
            return Outcome(
                self.document, self.store.folder, f"{self.problem}; nor has the temporary folder room"
            )
        return Outcome(
            self.document, spare.folder, f"{self.problem}; everything measured is in {spare.folder}"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
