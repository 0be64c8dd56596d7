"""Read what a test asks for: the arguments of its markers, and the one cell that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from delegates.wire import DEFAULT_ACCURACY_PRECISION
from harness.errors import ConfigError
from harness.record import BaselineName
from qbench.given import names, shapes
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.config import Config, DeviceProfile

ARGUMENTS = (
    "model",
    "variant",
    "device",
    "delegate",
    "threads",
    "baseline",
    "calibration",
    "dataset",
    "metric",
    "accuracy_precision",
    "batch",
    "shape",
    "signature",
    "trust_model",
    "budget_s",
    "precision",
)
_PARAMETERS = ARGUMENTS[:5]  # a parameter of a test with one of these names is that argument
_CHECKED = ("metric", "accuracy_precision", "batch", "shapes", "signatures", "budget_s", "precision")
_LISTED = 8  # most cells named in an error message
_FILES = (".tflite",)


@dataclass(frozen=True, eq=False)
class Wanted:
    """One cell that a test asks for, and how its run is to be measured.

    variant: None stands for the only one of a ready .tflite. baseline: None if no marker names one.
    """

    model: Any  # an absolute path or a name, or an object
    variant: str | None
    device: DeviceProfile
    delegate: str
    threads: int
    baseline: BaselineName | None
    calibration: Any
    dataset: Any
    metric: str | None
    accuracy_precision: float
    batch: int
    shapes: tuple[str, ...]  # as --shape takes them, of one point
    signatures: tuple[str, ...]  # none or one
    trust_model: bool
    budget_s: float
    precision: float

    @property
    def run_key(self) -> tuple[object, ...]:
        """Return what must be equal for two cells to be measured in one run."""
        data = (identity(self.calibration), identity(self.dataset), self.metric, self.accuracy_precision)
        inputs = (self.batch, self.shapes, self.signatures)
        return *data, *inputs, self.trust_model, self.budget_s, self.precision

    def names(self, variant: str | None) -> tuple[str | None, str, str, int]:
        """Return the names of this cell, or of another variant's in its place."""
        return variant, self.delegate, self.device.name, self.threads


def arguments_of(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of an item's markers, of which the closest counts, and of its parameters.

    Raises ConfigError for one that is unknown.
    """
    merged: dict[str, Any] = {}
    for mark in item.iter_markers("qbench"):
        if mark.args:
            raise ConfigError(f"the marker takes named arguments only, such as model={mark.args[0]!r}")
        check_names(mark.kwargs)
        merged = {**mark.kwargs, **merged}
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return {**{name: parameters[name] for name in _PARAMETERS if name in parameters}, **merged}


def check_names(given: Mapping[str, object]) -> None:
    """Raise ConfigError for an unknown argument."""
    from harness.config.checks import suggest

    for name in given:
        if name not in ARGUMENTS:
            raise ConfigError(f"{name}: no such argument{suggest(name, ARGUMENTS)}")


def wanted(given: Mapping[str, Any], config: Config, settings: Settings) -> Wanted:
    """Return the one cell that the arguments name. Raises ConfigError if they name none or several."""
    from harness.session.options import Options

    if given.get("model") is None:
        raise ConfigError('model: missing; for example @pytest.mark.qbench(model="models/kws.tflite")')
    model, variant = _rooted(given["model"], settings), given.get("variant")
    if variant is None and not _is_one_file(model):
        raise ConfigError(f'variant: {given["model"]} may have several; give one, such as variant="int8"')
    _check_variants(model, (variant, given.get("baseline")), config)
    profile, delegate, threads = _place(given, config)
    found = Wanted(
        model=model,
        variant=variant,
        device=profile,
        delegate=delegate,
        threads=threads,
        baseline=_baseline(given.get("baseline"), profile, delegate, threads, config),
        calibration=_rooted(given.get("calibration"), settings),
        dataset=_rooted(given.get("dataset"), settings),
        metric=given.get("metric"),
        accuracy_precision=given.get("accuracy_precision", DEFAULT_ACCURACY_PRECISION),
        batch=given.get("batch", 1),
        shapes=_given(shapes, "shape", given),
        signatures=_given(names, "signature", given),
        trust_model=bool(given.get("trust_model", False)),
        budget_s=given.get("budget_s", settings.budget_s),
        precision=given.get("precision", settings.precision),
    )
    checked = {name: getattr(found, name) for name in _CHECKED}
    options = Options(**checked, threads=(threads,))
    if len(options.inputs()) > 1:
        raise ConfigError("shape, signature: several are a sweep; a test has one cell")
    return found


def _given(
    read: Callable[[str, Any], tuple[str, ...]], name: str, given: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the texts of an argument; none if it is not given. Raises ConfigError."""
    return () if given.get(name) is None else read(name, given[name])


def named(text: str, device: DeviceProfile, delegate: str, threads: int) -> BaselineName:
    """Return the cell that "VARIANT[/DELEGATE][@DEVICE]" names, as seen from a cell of this place."""
    variant_and_delegate, _, other = text.partition("@")
    variant, _, asked = variant_and_delegate.partition("/")
    return BaselineName(variant, asked or delegate, other or device.name, threads)


def _baseline(
    text: str | None, device: DeviceProfile, delegate: str, threads: int, config: Config
) -> BaselineName | None:
    """Return the baseline that a marker names. Raises ConfigError if its device has no such delegate."""
    if text is None:
        return None
    name = named(text, device, delegate, threads)
    there = device if name.device == device.name else config.named([name.device])[0]
    offered = [spec.name for spec in there.delegates]
    if name.delegate not in offered:
        raise ConfigError(
            f"baseline {text}: device {there.name} has no delegate {name.delegate}, only {', '.join(offered)}"
            "; give VARIANT/DELEGATE@DEVICE"
        )
    return name


def identity(value: Any) -> object:
    """Return a key that is equal for equal texts, and for one object otherwise."""
    return value if isinstance(value, str | None) else id(value)


def _place(given: Mapping[str, Any], config: Config) -> tuple[DeviceProfile, str, int]:
    """Return the device, delegate and threads. Raises ConfigError unless there is exactly one such place."""
    places = [
        (profile, spec.name, threads)
        for profile in _profiles(given.get("device"), config)
        for spec in profile.delegates
        for threads in ((given["threads"],) if given.get("threads") is not None else profile.threads)
    ]
    asked = given.get("delegate")
    found = [place for place in places if asked in (None, place[1])]
    if not found:
        offered = ", ".join(dict.fromkeys(f"{name}@{profile.name}" for profile, name, _ in places))
        raise ConfigError(f"delegate: nothing offers {asked}; there are {offered}")
    if len(found) > 1:
        raise ConfigError(_several(found, given.get("variant") or "its variant"))
    return found[0]


def _several(places: Sequence[tuple[DeviceProfile, str, int]], variant: str) -> str:
    """Return the message that several places are named, and by which arguments they are told apart."""
    labels = [f"{variant}/{name}@{profile.name}, {threads} threads" for profile, name, threads in places]
    told_apart = (
        argument
        for argument, values in zip(("device", "delegate", "threads"), zip(*places, strict=True), strict=True)
        if any(value != values[0] for value in values)
    )
    listed = "; ".join(labels[:_LISTED])
    return f"{len(places)} cells are named: {listed}; a test has one: give {' or '.join(told_apart)}"


def _profiles(device: Any, config: Config) -> list[DeviceProfile]:
    from harness.config import DeviceProfile

    if isinstance(device, DeviceProfile):
        return [device]
    if device is None:
        return [profile for profile in config.devices.values() if profile.place == "local"]
    if not isinstance(device, str):
        raise ConfigError(f"device: a name, or a profile of qbench.device expected, found {device!r}")
    return config.named([device])


def _rooted(value: Any, settings: Settings) -> Any:
    """Return a path that exists below rootdir as an absolute one, anything else unchanged."""
    from harness.models import is_built_in

    if not isinstance(value, str | PathLike) or (isinstance(value, str) and is_built_in(value)):
        return value
    text = fspath(value)
    path = settings.root / text.partition(",")[0]
    return str(settings.root / text) if text and path.exists() else text


def _is_one_file(model: Any) -> bool:
    return isinstance(model, bytes) or (isinstance(model, str) and model.lower().endswith(_FILES))


def _check_variants(model: Any, texts: Sequence[Any], config: Config) -> None:
    """Raise ConfigError for a variant or baseline that no model can have, or that is no text."""
    from harness.config.checks import suggest
    from harness.config.standard import STANDARD

    known = [*(spec.name for spec in STANDARD), *config.variants]
    for text in texts:
        if text is not None and not (isinstance(text, str) and text):
            raise ConfigError(f"variant: a name expected, found {text!r}")
        name = str(text or "").partition("@")[0].partition("/")[0]
        if name and name not in known and not is_ready(model):
            raise ConfigError(f'no variant "{name}"{suggest(name, known)}')


def is_ready(model: Any) -> bool:
    """Return whether a model consists of .tflite files, which are variants as they are."""
    if _is_one_file(model):
        return True
    folder = Path(model) if isinstance(model, str) else None
    return folder is not None and any(folder.glob("*.tflite")) and not (folder / "saved_model.pb").is_file()
