"""The functions of `import qbench`; each does what the command of its name does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delegates.wire import DEFAULT_BUDGET_S, DEFAULT_PRECISION
from qbench.runs import Run

if TYPE_CHECKING:
    from harness.analysis.compat import CompatReport, Inspection
    from harness.config import Config, DeviceProfile
    from harness.quantize import VariantSet
    from harness.record.listing import Listing
    from harness.session.options import Options
    from harness.session.watcher import Watcher

Model = Any  # what --model takes, or an object: a Keras model, a tf.Module, a concrete function
Samples = Any  # what --calibration takes, or an object: arrays, a tf.data.Dataset, an iterable of samples
PathText = str | PathLike[str]


def run(
    model: Model | Sequence[Model] = "digits",
    *,
    devices: Sequence[str | DeviceProfile] = (),
    variants: Sequence[str] = (),
    delegates: Sequence[str] = (),
    threads: Sequence[int] = (),
    calibration: Samples = None,
    dataset: Samples = None,
    baseline: str | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    precision: float = DEFAULT_PRECISION,
    batch: int = 1,
    trust_model: bool = False,
    wait_s: float | None = None,
    results: PathText = "results",
    devices_file: PathText | None = None,
    progress: bool | Watcher = False,
) -> Run:
    """Measure the variants of a model on devices, and store the run.

    model: what --model takes, or an object: a Keras model, a tf.Module, a concrete function. Give several
        as a list.
    devices: names of profiles, or profiles made with `qbench.device`. Empty: all local ones that can run.
    variants, delegates, threads: only these. Empty: all.
    calibration, dataset: what --calibration and --dataset take, or an object: a numpy array (samples
        first), a dict of arrays by input name, a tf.data.Dataset.
    budget_s: timed work per cell, at most, in seconds.
    precision: stop where the interval of the speedup is this narrow; a part of one: 0.01 is ±1 %.
    results: folder of stored runs.
    progress: True shows a progress bar on stderr.

    Raises QbenchError. A cell that could not be measured is no error: its row says why.
    """
    from harness.session.run import run as measure

    config = _config(devices_file, devices)
    options = _options(
        model,
        devices=tuple(map(_name, devices)),
        variants=tuple(variants),
        delegates=tuple(delegates),
        threads=tuple(threads),
        calibration=calibration,
        dataset=dataset,
        baseline=baseline,
        budget_s=budget_s,
        precision=precision,
        batch=batch,
        trust_model=trust_model,
        wait_s=wait_s,
        results=Path(results),
    )
    if progress is True:
        from harness.report.progress import ProgressBar

        with ProgressBar(quiet=False) as bar:
            outcome = measure(options, config, bar)
    else:
        outcome = measure(options, config, progress or _silent())
    return Run(outcome.run, outcome.document, outcome.folder, outcome.problem)


def load(*runs: PathText, results: PathText = "results", force: bool = False) -> Run:
    """Read a stored run: "latest" (the default), its id, its folder or its run.json. Pool several to one.

    force: pool runs although they differ in what was measured. Raises ResultsError.
    """
    from harness.session.stored import open_runs

    named = [fspath(name) for name in runs]
    names = [] if named == ["latest"] else named
    opened = open_runs(names, Path(results), force=force)
    return Run(opened.run, opened.document, opened.folder)


def quantize(
    model: Model | Sequence[Model] = "digits",
    *,
    variants: Sequence[str] = (),
    calibration: Samples = None,
    trust_model: bool = False,
    batch: int = 1,
    for_runtime: tuple[int, int] | None = None,
    out: PathText | None = None,
    devices_file: PathText | None = None,
) -> list[VariantSet]:
    """Make the variants of a model, without measuring them.

    for_runtime: make files that this version of tflite-runtime loads, for example (2, 14).
    out: folder for copies named MODEL_VARIANT.tflite, each with its provenance beside it as .json. Without
        it the files stay in the cache, where `path` of each variant finds them.

    Returns one VariantSet per model: `variants` (each with `variant` and `path`) and `failed`.
    Raises QbenchError.
    """
    from harness.quantize import export_variants
    from harness.session.variants import make_all

    options = _options(
        model,
        variants=tuple(variants),
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
    )
    made = make_all(options, _config(devices_file), for_runtime, _silent())
    if out is not None:
        for one in made:
            export_variants(one, Path(out))
    return made


def inspect(
    file: PathText,
    *,
    devices: Sequence[str | DeviceProfile] = (),
    devices_file: PathText | None = None,
) -> Inspection:
    """Look into a .tflite, op by op, and predict what the delegates of these devices will run of it.

    Raises ModelError if the file can't be read, ConfigError for a device that is not there.
    """
    from harness.session import inspection, selection
    from harness.session.options import Options

    profiles = []
    if devices:
        options = Options(devices=tuple(map(_name, devices)))
        profiles = selection.devices(_config(devices_file, devices), options)
    return inspection.inspect(Path(file), profiles)


def compat(
    model: Model | Sequence[Model] = "digits",
    *,
    devices: Sequence[str | DeviceProfile] = (),
    variants: Sequence[str] = (),
    calibration: Samples = None,
    trust_model: bool = False,
    batch: int = 1,
    results: PathText = "results",
    devices_file: PathText | None = None,
) -> CompatReport:
    """Predict what each delegate will run of each variant, beside what stored runs have observed.

    Needs none of the hardware. Raises QbenchError.
    """
    from harness.session.compat import compat as predict

    options = _options(
        model,
        devices=tuple(map(_name, devices)),
        variants=tuple(variants),
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
        results=Path(results),
    )
    return predict(options, _config(devices_file, devices), _silent())


def devices(*names: str, probe: bool = False, devices_file: PathText | None = None) -> Listing:
    """List the device profiles; with probe=True connect to them and tell what is really there.

    Raises ConfigError. A device that can't be reached says so in its `problem`.
    """
    from harness.session.devices import list_devices

    return list_devices(_config(devices_file), names, probe=probe, note=_silent().note)


def device(name: str, **keys: Any) -> DeviceProfile:
    """Make a device profile as a table [devices.NAME] of devices.toml would.

    keys: those of devices.toml: delegates, place, host, python, runtime, threads, …
    Relative paths are relative to the working directory. Raises ConfigError, which names the key.
    """
    from harness.accelerators import check_options
    from harness.config import config_from

    table = {key: _as_toml(value) for key, value in keys.items()}
    tables = {"devices": {name: table}}
    return check_options(config_from(tables, Path("qbench.device"), Path.cwd())).devices[name]


def _options(model: Model | Sequence[Model], **given: Any) -> Options:
    from harness.session.options import Options

    models = model if isinstance(model, list | tuple) else [model]
    return Options(models=tuple(map(_plain, models)), **given)


def _config(devices_file: PathText | None, wanted: Sequence[str | DeviceProfile] = ()) -> Config:
    """The profiles of devices.toml, and those that were made in Python. Raises ConfigError."""
    from harness.session.settings import read_config

    config = read_config(None if devices_file is None else Path(devices_file))
    made = {profile.name: profile for profile in wanted if not isinstance(profile, str)}
    return replace(config, devices={**config.devices, **made})


def _as_toml(value: Any) -> Any:
    """A value as devices.toml could hold it: lists for tuples, text for paths."""
    return list(value) if isinstance(value, tuple) else _plain(value)


def _name(wanted: str | DeviceProfile) -> str:
    return wanted if isinstance(wanted, str) else wanted.name


def _plain(given: Any) -> Any:
    """A path as text, anything else as it is."""
    return fspath(given) if isinstance(given, PathLike) else given


def _silent() -> Watcher:
    from harness.session.watcher import Silent

    return Silent()
