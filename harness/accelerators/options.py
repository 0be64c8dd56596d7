"""A delegate of a profile: its name, or a table of the name and the options that it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from delegates.backends.registry import DELEGATES
from harness.config import DelegateSpec, ssh
from harness.config.checks import Bad, Check, list_of, one_of, seconds, suggest, text, wrong_type

_OWN_FLAGS = ("--out_dir", "--num_segments")  # -o and -n of edgetpu_compiler


def delegate(value: Any) -> DelegateSpec:
    """Raises Bad, with the option's name where the value of one is wrong."""
    known = one_of(tuple(DELEGATES))
    if not isinstance(value, dict):
        return _complete(DelegateSpec(known(value)))
    if "name" not in value:
        raise Bad('a delegate given as a table needs a "name"')
    name = known(value["name"])
    given = {key: option for key, option in value.items() if key != "name"}
    return _complete(DelegateSpec(name, {key: _option(name, key, option) for key, option in given.items()}))


def anchored(spec: DelegateSpec, folder: Path, local: bool) -> DelegateSpec:
    """The same; paths on this machine are relative to the file's folder, a bare name is looked up."""
    here = {"library": local, "compiler": "compiler_host" not in spec.options}
    paths = {
        key: str(folder / spec.options[key])
        for key in (key for key, is_here in here.items() if is_here)
        if key in spec.options and "/" in spec.options[key] and not spec.options[key].startswith("~")
    }
    within = folder if "compiler_ssh_options" in spec.options else None
    return replace(spec, options={**spec.options, **paths}, folder=within) if paths or within else spec


def _complete(spec: DelegateSpec) -> DelegateSpec:
    if spec.name == "external" and "library" not in spec.options:
        raise Bad('"external" needs a library: { name = "external", library = "libsomething.so" }')
    if spec.name == "gpu" and "library" in spec.options:
        wrong = next((key for key in ("precision", "fallback") if key in spec.options), None)
        if wrong:
            raise Bad(
                f'option "{wrong}" belongs to LiteRT\'s accelerator; those of a library go into "options"'
            )
    return spec


def _option(name: str, key: str, value: Any) -> Any:
    known = _OPTIONS[name]
    if key not in known:
        hint = suggest(key, tuple(known)) if known else "; this delegate has no options"
        raise Bad(f'"{name}" has no option "{key}"{hint}')
    try:
        return known[key](value)
    except Bad as bad:
        raise Bad(f'option "{key}": {bad}') from None


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def _device(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"(usb|pci)?(:\d+)?", word):
        raise Bad(f'"{word}" does not name an Edge TPU; known: usb, usb:N, pci, pci:N, :N (the N-th, from 0)')
    return word


def _compiler_args(value: Any) -> tuple[str, ...]:
    """Flags for the compiler, but none that moves its one file to where it is not looked for."""
    words: tuple[str, ...] = list_of(text, least=0)(value)
    for word in words:
        flag = word.partition("=")[0]
        if re.match("-[on]", word) or (len(flag) > 2 and any(own.startswith(flag) for own in _OWN_FLAGS)):
            raise Bad(f'"{word}" cannot be set: qbench decides what the compiler writes, and where')
    return words


def _scalars(value: Any) -> dict[str, Any]:
    """What a library gets: it is handed names and texts only."""
    if not isinstance(value, dict):
        raise wrong_type("a table", value)
    for key, item in value.items():
        if not isinstance(item, str | int | float):
            raise Bad(f'"{key}" has to be a string, a number, true or false')
    return value


_OPTIONS: Mapping[str, Mapping[str, Check]] = {
    "cpu": {},
    "xnnpack": {},
    "gpu": {
        "precision": one_of(("float16", "float32")),
        "fallback": _flag,
        "library": text,
        "options": _scalars,
    },
    "edgetpu": {
        "device": _device,
        "library": text,
        "options": _scalars,
        "compiler": text,
        "compiler_host": ssh.name,
        "compiler_ssh_options": ssh.options,
        "compiler_args": _compiler_args,
        "compiler_timeout": seconds,
    },
    "external": {"library": text, "options": _scalars},
}
