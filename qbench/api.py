"""The functions of `import qbench`; each does what the command of its name does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delegates.wire import DEFAULT_BUDGET_S, DEFAULT_PRECISION
from qbench.runs import Run

if TYPE_CHECKING:
    from harness.analysis.compat import CompatReport
    from harness.config import Config, DeviceProfile
    from harness.quantize import MadeVariant
    from harness.record.listing import Listing
    from harness.session.selection import Options
    from harness.session.watcher import Watcher
    from harness.tflite import Inspection

Model = Any  # what --model takes as text or path, a Keras model, a tf.Module or a concrete function
Samples = Any  # what --calibration takes as text or path, arrays, a tf.data.Dataset or an iterable
Named = "str | DeviceProfile"


def run(  # noqa: PLR0913 - the options of the command
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
    results: str | PathLike[str] = "results",
    devices_file: str | PathLike[str] | None = None,
    progress: Watcher | None = None,
) -> Run:
    """Measure a model's variants on devices, and store the run.

    model: as --model takes it, or an object: a Keras model, a tf.Module, a concrete function. Several are
        given as a list.
    devices: names of profiles, or profiles made with `qbench.device`. Empty: all local ones that can run
        here. variants, delegates, threads: empty means all.
    calibration, dataset: as --calibration and --dataset take them, or samples: a numpy array (samples
        first), a dict of arrays by input name, a tf.data.Dataset.
    budget_s: timed work per cell at most, in seconds. precision: a part of one; 0.01 is ±1 %.
    results: the folder of stored runs. progress: who is told how far the run is; None: nobody.

    Raises QbenchError: ConfigError, ModelError, ResultsError or DeviceError. A cell that could not be
    measured is no error; its row says why.
    """
    from harness.session.run import run as measure

    config, names = _config(devices_file, devices)
    options = _options(
        model,
        devices=names,
        variants=variants,
        delegates=delegates,
        threads=threads,
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
    outcome = measure(options, config, progress or _silent())
    return Run(outcome.run, outcome.document, outcome.folder, outcome.problem)


def load(
    *runs: str | PathLike[str], results: str | PathLike[str] = "results", force: bool = False
) -> Run:
    """A stored run: `"latest"`, its id, its folder or its run.json. Several are pooled to one.

    force: pool runs although they differ in what was measured. Raises ResultsError.
    """
    from harness import analysis, store

    folder = Path(results)
    loaded = [_load(str(name), folder) for name in runs or ("latest",)]
    stored = loaded[0] if len(loaded) == 1 else analysis.pool(loaded, force)
    return Run(stored, analysis.document(stored), store.find(runs[0] if runs else "latest", folder))
