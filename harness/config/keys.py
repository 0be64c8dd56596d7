"""The keys of `[devices.NAME]` and `[variants.NAME]` tables, and how their values are checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.config import ssh
from harness.config.checks import (
    Check,
    InvalidValue,
    environment,
    list_of,
    one_of,
    one_or_more,
    seconds,
    suggest,
    text,
    whole,
    wrong_type,
)
from harness.config.profiles import MOST_THREADS, DelegateSpec, DeviceProfile, SshTarget, VariantSpec
from harness.config.sources import anchored
from harness.config.standard import STANDARD

Values = dict[str, Any]
"""The checked values of a table by key."""

RUNTIMES = ("auto", "tflite-runtime", "ai-edge-litert", "tensorflow")


def device(name: str, table: Any, folder: Path) -> DeviceProfile:
    """Return the device profile in a table; relative paths start from `folder`. Raises InvalidValue."""
    values: Values = {"delegates": _DEFAULT_DELEGATES, **_checked(name, table, _DEVICE_KEYS)}
    if "timeout" in values:
        values["timeout_s"] = values.pop("timeout")
    reach = {key: values.pop(key) for key in _SSH_KEYS if key in values}
    if values.get("place") == "ssh":
        values["ssh"] = _target(reach, folder)
    elif reach:
        raise InvalidValue(f'key "{next(iter(reach))}" applies to place = "ssh" only')
    if "python" in values:
        home = "~" if "ssh" in values else str(folder)
        values["python"] = python_command(values["python"], home)
    values["delegates"] = tuple(replace(spec, folder=folder) for spec in values["delegates"])
    return DeviceProfile(name=name, **values)


def variant(name: str, table: Any, folder: Path) -> VariantSpec:
    """Return the custom variant in a table; relative paths start from `folder`. Raises InvalidValue."""
    values = _checked(name, table, _VARIANT_KEYS)
    if name in {standard.name for standard in STANDARD}:
        raise InvalidValue("is the name of a standard variant; choose another one")
    data = values.pop("representative_dataset", None)
    asked = values.get("optimizations", ())
    retired = [word for word in asked if word in _RETIRED]
    values["optimizations"] = tuple(dict.fromkeys("DEFAULT" if word in _RETIRED else word for word in asked))
    return VariantSpec(
        name=name,
        representative_dataset=anchored(data, folder) if isinstance(data, str) else None,
        needs_calibration=_calibrated(values) if data is None else bool(data),
        notes=tuple(f"{word} is an old name of DEFAULT, which was used instead" for word in retired),
        **values,
    )


def _checked(name: str, table: Any, keys: Mapping[str, Check]) -> Values:
    """Check every value of a table. Raises InvalidValue."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name):
        raise InvalidValue("a name is made of at most 100 letters, digits, dots, underscores and hyphens")
    if not isinstance(table, dict):
        raise wrong_type("a table", table)
    values = {}
    for key, value in table.items():
        try:
            values[key] = _checker(key, keys)(value)
        except InvalidValue as invalid:
            raise InvalidValue(f'key "{key}": {invalid}') from None
    return values


def _checker(key: str, keys: Mapping[str, Check]) -> Check:
    if key in keys:
        return keys[key]
    raise InvalidValue(f"unknown key{suggest(key, tuple(keys))}")


def _target(values: Values, folder: Path) -> SshTarget:
    if "host" not in values:
        raise InvalidValue('place = "ssh" needs a key "host"; a name from ~/.ssh/config is enough')
    if "identity_file" in values:
        values["identity_file"] = str(folder / Path(values["identity_file"]).expanduser())
    return SshTarget(folder=folder, **values)


def python_command(command: str, base: str) -> str:
    """Return a path joined to `base`; bare names and `~` are left for the device to resolve."""
    return str(Path(base) / command) if "/" in command and not command.startswith("~") else command


def _calibrated(values: Values) -> bool:
    """Check whether the converter needs a representative dataset: for integer kernels, inputs or outputs.

    Source: QuantizationMode._is_int8_target_required and _is_int16x8_target_required in TensorFlow's
    lite.py. Without those, DEFAULT alone means dynamic range, which needs no data.
    """
    borders = {values.get("inference_input_type"), values.get("inference_output_type")}
    return bool(
        {_INT8_OPS, _INT16_OPS} & set(values.get("supported_ops", ()))
        or set(values.get("supported_types", ())) == {"int8"}
        or borders & {"int8", "uint8", "int16"}
    )


def _named(prefix: str, known: tuple[str, ...], fold: Callable[[str], str]) -> Check:
    """Return a checker for words that may be pasted from Python: tf.lite.Optimize.DEFAULT, tf.int8."""
    check = one_of(known)
    return lambda value: check(fold(re.sub(prefix, "", text(value))))


def _delegate(value: Any) -> DelegateSpec:
    """Return the delegate of a name, or of a table of a name and options."""
    if not isinstance(value, dict):
        return DelegateSpec(text(value))
    if "name" not in value:
        raise InvalidValue('a delegate given as a table needs a "name"')
    return DelegateSpec(text(value["name"]), {key: value[key] for key in value if key != "name"})


def _delegates(value: Any) -> tuple[DelegateSpec, ...]:
    specs: tuple[DelegateSpec, ...] = list_of(_delegate)(value)
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InvalidValue(f'"{twice}" is listed twice; make a second device profile for other options')
    return specs


def _command(value: Any) -> str:
    word = text(value)
    if word.startswith("-"):
        raise InvalidValue(f'"{word}" is not a command')
    return word


def _data(value: Any) -> Any:
    return value if isinstance(value, bool) else text(value)


_LAST_CPU = 8191  # the most that Linux can be built for, on any architecture
_SSH_KEYS = ("host", "user", "port", "identity_file", "ssh_options", "workdir")
_DEFAULT_DELEGATES = (DelegateSpec("cpu"), DelegateSpec("xnnpack"))
_DEVICE_KEYS: Mapping[str, Check] = {
    "place": one_of(("local", "ssh")),
    "host": ssh.name,
    "user": ssh.name,
    "port": whole(1, 65535),
    "identity_file": text,
    "ssh_options": ssh.options,
    "workdir": text,
    "python": _command,
    "runtime": one_of(RUNTIMES),
    "delegates": _delegates,
    "threads": one_or_more(whole(1, MOST_THREADS)),
    "affinity": list_of(whole(0, _LAST_CPU)),
    "timeout": seconds,
    "env": environment,
    "note": text,
}

_INT8_OPS = "TFLITE_BUILTINS_INT8"
_INT16_OPS = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
_OPS_SETS = ("TFLITE_BUILTINS", "SELECT_TF_OPS", _INT8_OPS, _INT16_OPS, "EXPERIMENTAL_STABLEHLO_OPS")
_RETIRED = ("OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")
_TF = r"^((tf|tensorflow)\.)?(lite\.)?"
_TYPE = r"^(tf|tensorflow|np|numpy)\.(dtypes\.|lite\.constants\.)?"
_BORDER_TYPE = _named(_TYPE, ("float32", "int8", "uint8", "int16"), str.lower)
_VARIANT_KEYS: Mapping[str, Check] = {
    "optimizations": list_of(
        _named(_TF + r"(Optimize\.)?", ("DEFAULT", "EXPERIMENTAL_SPARSITY", *_RETIRED), str.upper), least=0
    ),
    "supported_ops": list_of(_named(_TF + r"(OpsSet\.)?", _OPS_SETS, str.upper), least=0),
    "supported_types": list_of(_named(_TYPE, ("float32", "float16", "bfloat16", "int8"), str.lower), least=0),
    "inference_input_type": _BORDER_TYPE,
    "inference_output_type": _BORDER_TYPE,
    "representative_dataset": _data,
}
