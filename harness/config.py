"""devices.toml -> device profiles and custom variants; every complaint names file, table and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DelegateSpec:
    """A delegate as a profile asks for it: its name and the options given beside it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceProfile:
    """A device as `[devices.NAME]` describes it."""

    name: str
    delegates: tuple[DelegateSpec, ...]
    place: str = "local"
    python: str | None = None  # None: the Python that runs qbench
    runtime: str = "auto"
    threads: tuple[int, ...] = (1,)
    affinity: tuple[int, ...] | None = None  # CPU numbers; None: qbench chooses
    timeout_s: float = 60.0  # without an answer for so long, a worker counts as hung
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantSpec:
    """How the converter is to make a variant: its own settings, in its own words.

    `supported_ops` and `optimizations` hold names of `tf.lite.OpsSet` and `tf.lite.Optimize`,
    types are dtype names ("int8", "float16").
    """

    name: str
    optimizations: tuple[str, ...] = ()
    supported_ops: tuple[str, ...] = ()
    supported_types: tuple[str, ...] = ()
    inference_input_type: str | None = None
    inference_output_type: str | None = None
    representative_dataset: str | None = None  # as --calibration takes it; for this variant only
    needs_calibration: bool = False
    notes: tuple[str, ...] = ()  # said wherever the variant is shown, e.g. a retired name explained


@dataclass(frozen=True)
class Config:
    path: Path
    devices: Mapping[str, DeviceProfile]
    variants: Mapping[str, VariantSpec]
