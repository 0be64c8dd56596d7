"""The functions of `import qbench`. Each does what the command of the same name does."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from delegates.wire import DEFAULT_ACCURACY_PRECISION, DEFAULT_BUDGET_S, DEFAULT_PRECISION
from harness.errors import ConfigError
from qbench import given
from qbench.comparisons import Comparison
from qbench.histories import History
from qbench.runs import Run
from qbench.stored import Runs

if TYPE_CHECKING:
    from harness.analysis.compat import CompatReport, Inspection
    from harness.config import Config, DeviceProfile
    from harness.quantize import VariantSet
    from harness.record.listing import Listing
    from harness.session.options import Options
    from harness.session.watcher import Watcher

Model = Any  # a value of --model, or an object: a Keras model, a tf.Module, a concrete function
Samples = Any  # a value of --calibration, or an object: arrays, a tf.data.Dataset, an iterable of samples
Shape = str | Mapping[str, Sequence[int]]  # a value of --shape, or dimensions by the input's name
PathText = str | PathLike[str]
Device = Union[str, "DeviceProfile"]
StoredRun = Union[str, "PathLike[str]", Run]


def run(
    model: Model | Sequence[Model] = "digits",
    *,
    devices: Device | Sequence[Device] = (),
    variants: str | Sequence[str] = (),
    delegates: str | Sequence[str] = (),
    threads: int | Sequence[int] = (),
    calibration: Samples = None,
    dataset: Samples = None,
    metric: str | None = None,
    accuracy_precision: float = DEFAULT_ACCURACY_PRECISION,
    baseline: str | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    precision: float = DEFAULT_PRECISION,
    batch: int = 1,
    shape: Shape | Sequence[Shape] = (),
    signature: str | Sequence[str] = (),
    against: Model | None = None,
    trust_model: bool = False,
    wait_s: float | None = None,
    results: PathText = "results",
    tags: Mapping[str, str] | None = None,
    devices_file: PathText | None = None,
    progress: bool | Watcher = False,
) -> Run:
    """Measure the variants of a model on devices, and store the run.

    model: a value of --model, or an object: a Keras model, a tf.Module, a concrete function. Several models
        are given as a list.
    devices: names of profiles, or profiles made with `qbench.device`. Empty: all local ones that can run.
    variants, delegates, threads: only these, one or several. Empty: all.
    calibration, dataset: a value of --calibration or --dataset, or an object: a numpy array (samples first),
        a dict of arrays by input name, a tf.data.Dataset. With labels in the dataset, (x, y) or an array
        `labels` of a dict, the accuracy is measured.
    shape: the shapes of inputs with free dimensions: "1x96x96x3", {"x": (1, 96, 96, 3)}. Several are a sweep.
    signature: which one of a model that has several.
    metric: of the accuracy, "top1", "top5", "mse", "mae" or "package.module:callable". None: what fits.
    accuracy_precision: a slow device stops evaluating once the drop's interval is this narrow; 0.01 is ±1 %.
    budget_s: the longest timed work per cell, in seconds.
    precision: stop once the 95 % interval of the speedup is this narrow; 0.01 is ±1 %.
    against: a value of --against, or a model object: another side, measured in the same turns. The result's
        `sides` compares them.
    results: the folder of stored runs.
    tags: texts by name, stored with the run; `runs` finds it by them.
    progress: True shows a progress bar on stderr.

    Raises QbenchError. A cell that could not be measured raises nothing: its row says why.
    """
    from harness.session.run import run as measure

    config, wanted = _config(devices_file, devices)
    options = _options(
        model,
        devices=wanted,
        variants=given.names("variants", variants),
        delegates=given.names("delegates", delegates),
        threads=given.whole_numbers("threads", threads),
        calibration=calibration,
        dataset=dataset,
        metric=metric,
        accuracy_precision=accuracy_precision,
        baseline=baseline,
        budget_s=budget_s,
        precision=precision,
        batch=batch,
        shapes=given.shapes("shape", shape),
        signatures=given.names("signature", signature),
        against=_plain(against),
        trust_model=trust_model,
        wait_s=wait_s,
        results=given.path("results", results),
        tags=given.tags("tags", tags),
    )
    if not isinstance(progress, bool) and not hasattr(progress, "measured"):
        raise ConfigError(f"progress: True, False or a Watcher expected, found {progress!r}")
    if progress is True:
        from harness.report.progress import ProgressBar

        with ProgressBar(quiet=False) as bar:
            outcome = measure(options, config, bar)
    else:
        outcome = measure(options, config, progress or _silent())
    return Run(outcome.run, outcome.document, outcome.folder, outcome.problem)


def load(*runs: PathText, results: PathText = "results", force: bool = False) -> Run:
    """Load a stored run; without a name the newest one.

    runs: each an id or how it begins, "latest", "latest~2", a folder, a run.json, or a git revision or
        branch. Several are pooled into one.
    force: pool them even if they measured different things.

    Warns of runs that are passed over because they can't be read. Raises ResultsError.
    """
    from harness.session.stored import open_runs

    folder = given.path("results", results)
    names = [str(given.path("load", name)) for name in runs]
    opened = open_runs(names, folder, force=force, note=_warn)
    return Run(opened.run, opened.document, opened.folder)


def site(out: PathText, *, results: PathText = "results", limit: int = 200, samples: bool = False) -> Path:
    """Write a page of all stored runs that needs no server, and return its path. Raises ResultsError.

    limit: the most runs of a cell that are shown, its newest. samples: copy the raw samples, too.
    """
    from harness.report.site import data_json, render
    from harness.session.site import PAGE, Request, publish

    wanted = Request(Path(results), Path(out), limit, samples)
    _, skipped = publish(wanted, render, data_json, _warn)
    for name, why in skipped.damaged.items():
        _warn(f"{name} is passed over: {why}")
    return Path(out) / PAGE


def compare(
    base: StoredRun,
    head: StoredRun,
    *,
    within: float = 0.02,
    by: str = "both",
    fail_over: float | None = None,
    fail_size: float | None = None,
    fail_memory: float | None = None,
    fail_accuracy: float | None = None,
    fail_ops: int | None = None,
    undecided: str = "warn",
    results: PathText = "results",
) -> Comparison:
    """Compare two runs cell by cell. Each is named as for `load`, or is a Run, which may be pooled.

    within: times that differ by no more count as the same; 0.02 is ±2 %.
    by: compare times as measured ("latency"), relative to a baseline that is the same in both runs
        ("speedup"), or by intervals that span "both".
    fail_over, fail_size, fail_memory, fail_accuracy, fail_ops: the gates of `qbench compare`. The result's
        `failed` says whether one failed; fractions, but for fail_ops.
    undecided: "fail" if a gate that the data can't decide counts as failed.

    Raises ResultsError if a run can't be read, or if they have no cell in common.
    """
    from harness.analysis.comparison import compare_runs
    from harness.session.comparing import open_side

    folder = given.path("results", results)
    limits = given.limits(
        within=within,
        by=by,
        fail_over=fail_over,
        fail_size=fail_size,
        fail_memory=fail_memory,
        fail_accuracy=fail_accuracy,
        fail_ops=fail_ops,
        undecided=undecided,
    )
    sides = [
        run.side() if isinstance(run, Run) else open_side(str(given.path(name, run)), folder, _warn)
        for name, run in (("base", base), ("head", head))
    ]
    return Comparison(compare_runs(sides[0], sides[1], limits))


def runs(
    *,
    model: str | Sequence[str] = (),
    device: str | Sequence[str] = (),
    tags: Mapping[str, str | None] | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = None,
    results: PathText = "results",
) -> Runs:
    """List the stored runs, the newest first.

    model, device: only runs with any of these. tags: only runs with all of these; None stands for any value.
    since, until: only runs that started then: "2026-11-21" or "2026-11-21T14:30", in UTC.
    limit: the newest ones only.

    Warns of runs that can't be read. Raises ResultsError, ConfigError.
    """
    from harness.session.indexing import list_runs
    from harness.session.moments import read_moment
    from harness.store.index import RunFilter

    wanted = RunFilter(
        models=given.names("model", model),
        devices=given.names("device", device),
        tags=dict(tags or {}),
        since=read_moment("since", since),
        until=read_moment("until", until, end=True),
    )
    folder = given.path("results", results)
    found, _, skipped = list_runs(folder, wanted, _warn, limit)
    for name, why in skipped.damaged.items():
        _warn(f"{name} is passed over: {why}")
    return Runs(found)


def history(
    *,
    model: str | Sequence[str] = (),
    variant: str | Sequence[str] = (),
    device: str | Sequence[str] = (),
    delegate: str | Sequence[str] = (),
    threads: int | Sequence[int] = (),
    shape: str | Sequence[str] = (),
    signature: str | Sequence[str] = (),
    tags: Mapping[str, str | None] | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int | None = 200,
    figure: str = "latency",
    within: float = 0.02,
    by_revision: bool = False,
    results: PathText = "results",
) -> History:
    """Show how cells moved over the stored runs, and where they took a step.

    model, variant, device, delegate, threads, shape, signature: only these cells. tags, since, until: only
        these runs, as for `runs`.
    limit: the newest ones only; None is all.
    figure: "latency", "median", "speedup", "size", "memory", "sqnr" or "ops" (those left on the CPU).
    within: levels that differ by no more are no step; 0.02 is 2 %.
    by_revision: one point per git revision.

    Raises ResultsError if there is nothing, ConfigError.
    """
    from harness.record.history import FIGURES
    from harness.session.history import Asked, find
    from harness.session.moments import read_moment
    from harness.store.index import CellFilter, RunFilter

    asked = Asked(
        runs=RunFilter(
            tags=dict(tags or {}),
            since=read_moment("since", since),
            until=read_moment("until", until, end=True),
        ),
        cells=CellFilter(
            models=given.names("model", model),
            variants=given.names("variant", variant),
            devices=given.names("device", device),
            delegates=given.names("delegate", delegate),
            threads=given.whole_numbers("threads", threads),
            shapes=given.names("shape", shape),
            signatures=given.names("signature", signature),
        ),
        figure=given.choice("figure", figure, *FIGURES),
        within=given.fraction("within", within),
        limit=limit,
        by_revision=by_revision,
    )
    folder = given.path("results", results)
    return History(asked, find(asked, folder, _warn), folder)


def quantize(
    model: Model | Sequence[Model] = "digits",
    *,
    variants: str | Sequence[str] = (),
    calibration: Samples = None,
    trust_model: bool = False,
    batch: int = 1,
    shape: Shape | Sequence[Shape] = (),
    signature: str | Sequence[str] = (),
    for_runtime: tuple[int, int] | None = None,
    out: PathText | None = None,
    devices_file: PathText | None = None,
) -> list[VariantSet]:
    """Make the variants of a model, without measuring them.

    for_runtime: the version of tflite-runtime that has to load the files, for example (2, 14).
    out: a folder for copies named MODEL_VARIANT.tflite, each with its provenance in a .json beside it.
        Without it, the files stay in the cache, at the `path` of each variant.

    Returns one VariantSet per model, with `variants` (each has `variant` and `path`) and `failed`.
    Raises QbenchError.
    """
    from harness.quantize import export_variants
    from harness.session.variants import make_all

    options = _options(
        model,
        variants=given.names("variants", variants),
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
        shapes=given.shapes("shape", shape),
        signatures=given.names("signature", signature),
    )
    folder = None if out is None else given.path("out", out)
    config, _ = _config(devices_file)
    made = make_all(options, config, given.version("for_runtime", for_runtime), _silent())
    if folder is not None:
        for one in made:
            export_variants(one, folder)
    return made


def inspect(
    file: PathText,
    *,
    devices: Device | Sequence[Device] = (),
    shape: Shape = "",
    signature: str | None = None,
    devices_file: PathText | None = None,
) -> Inspection:
    """Describe a .tflite file op by op, and predict which ops the delegates of these devices will run.

    shape, signature: describe the file with these, as for `run`.

    Raises ModelError if the file can't be read, ConfigError if a device has no profile.
    """
    from harness.record.shapes import read_sweep
    from harness.session import inspection, selection
    from harness.session.options import Options

    profiles = []
    if devices:
        config, wanted = _config(devices_file, devices)
        profiles = selection.devices(config, Options(devices=wanted))
    shapes = read_sweep(given.shapes("shape", shape or ()))
    return inspection.inspect(given.path("file", file), profiles, shapes[0] if shapes else (), signature)


def compat(
    model: Model | Sequence[Model] = "digits",
    *,
    devices: Device | Sequence[Device] = (),
    variants: str | Sequence[str] = (),
    calibration: Samples = None,
    trust_model: bool = False,
    batch: int = 1,
    shape: Shape | Sequence[Shape] = (),
    signature: str | Sequence[str] = (),
    results: PathText = "results",
    devices_file: PathText | None = None,
) -> CompatReport:
    """Predict which ops of each variant each delegate will run, and add what stored runs have observed.

    Needs no hardware. Raises QbenchError.
    """
    from harness.session.compat import compat as predict

    config, wanted = _config(devices_file, devices)
    options = _options(
        model,
        devices=wanted,
        variants=given.names("variants", variants),
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
        shapes=given.shapes("shape", shape),
        signatures=given.names("signature", signature),
        results=given.path("results", results),
    )
    return predict(options, config, _silent())


def devices(*names: str, probe: bool = False, devices_file: PathText | None = None) -> Listing:
    """List the device profiles. With probe=True, connect to their machines and report what they have.

    Raises ConfigError. If a device can't be reached, its `problem` says why.
    """
    from harness.session.devices import list_devices

    config, _ = _config(devices_file)
    return list_devices(config, given.names("devices", names), probe=probe, note=_silent().note)


def device(name: str, **keys: Any) -> DeviceProfile:
    """Make a device profile, like a table [devices.NAME] in devices.toml.

    keys: the keys of that table: delegates, place, host, python, runtime, threads, …
    Relative paths start in the working directory. Raises ConfigError, which names the key.
    """
    from harness.accelerators import check_options
    from harness.config import config_from

    (name,) = given.names("device", name)
    table = {key: _as_toml(value) for key, value in keys.items()}
    tables = {"devices": {name: table}}
    return check_options(config_from(tables, Path("qbench.device"), Path.cwd())).devices[name]


def _options(model: Model | Sequence[Model], **more: Any) -> Options:
    from harness.session.options import Options

    models = model if isinstance(model, list | tuple) else [model]
    return Options(models=tuple(map(_plain, models)), **more)


def _config(
    devices_file: PathText | None, devices: Device | Sequence[Device] = ()
) -> tuple[Config, tuple[str, ...]]:
    """Return devices.toml with the profiles made in Python added, and the names of `devices`.

    Raises ConfigError.
    """
    from harness.config import DeviceProfile
    from harness.session.settings import read_config

    config = read_config(None if devices_file is None else given.path("devices_file", devices_file))
    names, made = [], {}
    for one in given.listed(devices):
        if isinstance(one, DeviceProfile):
            made[one.name] = one
        elif not isinstance(one, str):
            raise ConfigError(f"devices: names, or profiles of qbench.device expected, found {one!r}")
        names.append(one if isinstance(one, str) else one.name)
    return replace(config, devices={**config.devices, **made}), tuple(names)


def _as_toml(value: Any) -> Any:
    """Return a value as TOML would hold it: a list for a tuple, text for a path."""
    return list(value) if isinstance(value, tuple) else _plain(value)


def _plain(value: Any) -> Any:
    """Return a path as text, anything else unchanged."""
    return fspath(value) if isinstance(value, PathLike) else value


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=3)


def _silent() -> Watcher:
    from harness.session.watcher import Silent

    return Silent()
