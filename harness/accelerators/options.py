"""Check the delegates of device profiles: their names and options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.accelerators.base import Accelerator
from harness.accelerators.registry import ACCELERATORS
from harness.config import Config, DelegateSpec
from harness.config.checks import InvalidValue, one_of, suggest, wrong_type
from harness.errors import ConfigError
from harness.record.plain import JsonObject


def check_options(config: Config) -> Config:
    """Return the profiles with every delegate known, its options checked and paths in them resolved.

    Raises ConfigError: one line with file, table and key.
    """
    devices = {}
    for name, profile in config.devices.items():
        try:
            local = profile.place == "local"
            specs = tuple(checked(spec, on_this_machine=local) for spec in profile.delegates)
        except InvalidValue as invalid:
            why = f'{config.path}: [devices.{name}] key "delegates": {invalid}'
            raise ConfigError(" ".join(why.split())) from None
        devices[name] = replace(profile, delegates=specs)
    return replace(config, devices=devices)


def checked(spec: DelegateSpec, *, on_this_machine: bool) -> DelegateSpec:
    """Return the delegate with checked options. Raises InvalidValue, which names the wrong option."""
    known = spec.name in ACCELERATORS
    accelerator = ACCELERATORS[spec.name if known else one_of(tuple(ACCELERATORS))(spec.name)]
    options = {key: _option(accelerator, key, value) for key, value in spec.options.items()}
    if on_this_machine:
        for key in (key for key in accelerator.device_files if key in options):
            options[key] = resolved(options[key], spec.folder)
    return replace(spec, options=accelerator.complete(options, spec.folder))


def resolved(path: str, folder: Path | None) -> str:
    """Return a path relative to devices.toml's folder joined to it; bare names and `~` are resolved later."""
    return str(folder / path) if folder is not None and "/" in path and not path.startswith("~") else path


def flag(value: Any) -> bool:
    """Check that a value is true or false."""
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def scalars(value: Any) -> JsonObject:
    """Check the options of a delegate library: a table of strings, numbers and booleans."""
    if not isinstance(value, dict):
        raise wrong_type("a table", value)
    for key, item in value.items():
        if not isinstance(item, str | int | float):
            raise InvalidValue(f'"{key}" has to be a string, a number, true or false')
    return value


def _option(accelerator: Accelerator, key: str, value: Any) -> Any:
    known = accelerator.options
    if key not in known:
        hint = suggest(key, tuple(known)) if known else "; this delegate has no options"
        raise InvalidValue(f'"{accelerator.name}" has no option "{key}"{hint}')
    try:
        return known[key](list(value) if isinstance(value, tuple) else value)
    except InvalidValue as invalid:
        raise InvalidValue(f'option "{key}": {invalid}') from None
