"""The options of a run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from delegates.wire import DEFAULT_ACCURACY_PRECISION, DEFAULT_BUDGET_S, DEFAULT_PRECISION
from harness.config.profiles import MOST_THREADS
from harness.config.sources import is_callable
from harness.devices.timeouts import Timeouts
from harness.errors import ConfigError
from harness.record import Cell
from harness.record.shapes import Shapes, as_text, read_sweep
from harness.record.variant import METRICS

SHORTEST_BUDGET_S = 0.01
LONGEST_BUDGET_S = 86_400.0  # one day
LONGEST_TAG = 200  # characters of its name and of its value


@dataclass(frozen=True)
class Options:
    """The options of `qbench run` and `qbench.run`. An empty sequence means all; models needs one.

    Raises ConfigError for a value out of range.
    """

    models: Sequence[Any] = ("digits",)  # what --model takes, or objects: see models.resolve_model
    devices: Sequence[str] = ()
    variants: Sequence[str] = ()
    variants_by_model: Sequence[Sequence[str]] = ()  # one per entry of models, in the place of variants
    delegates: Sequence[str] = ()
    threads: Sequence[int] = ()
    calibration: Any = None  # what --calibration takes, or data: see quantize.calibration.as_source
    dataset: Any = None
    metric: str | None = None  # top1, top5, mse, mae or package.module:callable; None: what fits the labels
    accuracy_precision: float = DEFAULT_ACCURACY_PRECISION  # 0: evaluate all samples
    trust_model: bool = False
    devices_file: str | None = None  # that --devices-file named; stored with the run
    baseline: str | None = None  # VARIANT[/DELEGATE][@DEVICE]
    batch: int = 1
    shapes: Sequence[str] = ()  # what --shape takes
    signatures: Sequence[str] = ()
    against: Any = None  # what --against takes, or a model object
    budget_s: float = DEFAULT_BUDGET_S
    precision: float = DEFAULT_PRECISION
    only: Callable[[Cell], bool] | None = None  # measure only these cells; None: all
    wait_s: float | None = None  # longest wait for a machine in use; None: for ever
    results: Path = Path("results")
    tags: Mapping[str, str] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("model: at least one expected")
        _check("budget_s", self.budget_s, float, SHORTEST_BUDGET_S, LONGEST_BUDGET_S)
        _check("precision", self.precision, float, 0, 1)
        _check("accuracy_precision", self.accuracy_precision, float, 0, 1)
        _check("batch", self.batch, int, 1, math.inf)
        read_sweep(self.shapes)
        if self.metric is not None and self.metric not in METRICS and not is_callable(str(self.metric)):
            raise ConfigError(f"metric: {', '.join(METRICS)} or package.module:callable, not {self.metric!r}")
        for number in self.threads:
            _check("threads", number, int, 1, MOST_THREADS)
        if self.wait_s is not None:
            _check("wait_s", self.wait_s, float, 0, math.inf)
        if not isinstance(self.baseline, str | None):
            raise ConfigError(f"baseline: VARIANT[/DELEGATE][@DEVICE] expected, found {self.baseline!r}")
        for name, value in self.tags.items():
            _check_tag(name, value)

    def points(self) -> list[Options]:
        """Return the options of each point of a sweep, in which every model has one shape and signature."""
        return [
            replace(
                self, shapes=[as_text(shapes)] if shapes else [], signatures=[] if name is None else [name]
            )
            for shapes, name in self.inputs()
        ]

    def inputs(self) -> list[tuple[Shapes, str | None]]:
        """Return what each model is measured with: shapes of inputs and a signature, once or for a sweep."""
        signatures: Sequence[str | None] = [*dict.fromkeys(self.signatures)] or [None]
        return [*itertools.product(read_sweep(self.shapes) or [()], signatures)]


def _check_tag(name: object, value: object) -> None:
    """Raises ConfigError unless both are text of one line, and the name is neither empty nor holds "="."""
    for text in (name, value):
        if not isinstance(text, str) or not text.isprintable() or len(text) > LONGEST_TAG:
            raise ConfigError(f"tag {name}={value}: one line of at most {LONGEST_TAG} characters expected")
    if not name or "=" in str(name):
        raise ConfigError(f"tag {name}={value}: KEY=VALUE expected, for example branch=main")


def _check(name: str, value: object, kind: type[int | float], least: float, most: float) -> None:
    """Raises ConfigError unless it is a number (a whole one where `kind` is int) from `least` to `most`."""
    number = isinstance(value, int | kind) and not isinstance(value, bool)
    if not (number and isinstance(value, int | float) and least <= value <= most):
        what = "a whole number" if kind is int else "a number"
        upper = f"to {most:g}" if most != math.inf else "upwards"
        raise ConfigError(f"{name}: {what} from {least:g} {upper} expected, found {value!r}")
