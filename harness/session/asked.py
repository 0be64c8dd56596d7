"""The options of a run in its record, from which they are taken when it is resumed."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from harness.errors import ConfigError
from harness.record import Asked, Run
from harness.session.options import Options

_FLAGS: Mapping[str, str] = {
    "models": "--model",
    "devices": "--device",
    "variants": "--variant",
    "delegates": "--delegate",
    "threads": "--threads",
    "calibration": "--calibration",
    "dataset": "--dataset",
    "metric": "--metric",
    "batch": "--batch",
    "shapes": "--shape",
    "signatures": "--signature",
    "devices_file": "--devices-file",
}
_FLAGS_OF_HEADER: Mapping[str, str] = {
    "budget_s": "--budget",
    "precision": "--precision",
    "accuracy_precision": "--accuracy-precision",
    "baseline": "--baseline",
    "against": "--against",
}


def asked_of(options: Options) -> Asked | None:
    """Return the options of a run as they are recorded; None if objects of a program were given."""
    values = {name: _plain(getattr(options, name)) for name in _FLAGS}
    texts = (*values["models"], values["calibration"], values["dataset"])
    if options.only is not None or not all(isinstance(text, str | None) for text in texts):
        return None
    return Asked(**values)


def options_of(run: Run, given: Options, named: Collection[str]) -> Options:
    """Return the options to resume a run with: its own, and of `given` what does not change what is measured.

    named: the fields of `given` that the user gave. Raises ConfigError if one of them contradicts the run,
    or if the run did not record its options and none are given.
    """
    header = run.header
    if header.options is None and "models" not in named:
        raise ConfigError(
            f"run {header.run_id} did not record its options; repeat them after --resume: {_likely(run)}"
        )
    recorded = {name: getattr(header, name) for name in _FLAGS_OF_HEADER}
    if recorded["accuracy_precision"] is None:  # as of runs that evaluated nothing
        del recorded["accuracy_precision"]
    if header.options is not None:
        recorded |= structs.asdict(header.options)
    flags = {**_FLAGS, **_FLAGS_OF_HEADER}
    for name in recorded.keys() & set(named):
        wanted, was = _plain(getattr(given, name)), recorded[name]
        if wanted != was:
            raise ConfigError(
                f"{flags[name]} {_words(wanted)}: run {header.run_id} was measured"
                f" {f'with {flags[name]} {_words(was)}' if was not in (None, ()) else 'without'};"
                " leave it out to resume that run"
            )
    devices = tuple(device.name for device in run.devices)  # also where none were named
    return replace(given, **{**recorded, "devices": devices, "tags": {**header.tags, **given.tags}})


def _likely(run: Run) -> str:
    """Return the options that a record without them tells."""
    words = [f"--model {source}" for source in dict.fromkeys(model.source for model in run.models) if source]
    words += [f"--device {device.name}" for device in run.devices]
    sources = {variant.calibration.source for variant in run.variants if variant.calibration}
    words += [f"--calibration {source}" for source in sorted(sources - {"built-in", "generate"})]
    return " ".join(
        [*words, "and what else there was (--variant, --delegate, --threads, --dataset, --shape, …)"]
    )


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    """Return a path as text, and a sequence as a tuple of such."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(map(_plain, value))
    return value
