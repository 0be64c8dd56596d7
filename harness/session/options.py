"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delegates.wire import DEFAULT_BUDGET_S, DEFAULT_PRECISION
from harness.devices.timeouts import Timeouts


@dataclass(frozen=True)
class Options:
    """The options of `qbench run`. An empty sequence means all there are."""

    models: Sequence[Any] = ("digits",)  # what --model takes, or objects: see models.resolve_model
    devices: Sequence[str] = ()
    variants: Sequence[str] = ()
    delegates: Sequence[str] = ()
    threads: Sequence[int] = ()
    calibration: Any = None  # what --calibration takes, or data: see quantize.calibration.as_source
    dataset: Any = None
    trust_model: bool = False
    baseline: str | None = None  # VARIANT[/DELEGATE][@DEVICE]
    batch: int = 1
    budget_s: float = DEFAULT_BUDGET_S
    precision: float = DEFAULT_PRECISION
    wait_s: float | None = None  # for machines that others measure on; None: for ever
    results: Path = Path("results")
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - frozen
