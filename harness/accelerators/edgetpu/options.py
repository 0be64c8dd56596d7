"""The Edge TPU's options in devices.toml: the device, its library and its compiler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.accelerators.options import resolved, scalars
from harness.config import ssh
from harness.config.checks import Check, InvalidValue, list_of, seconds, text
from harness.record.plain import JsonObject

_OWN_FLAGS = ("--out_dir", "--num_segments")  # -o and -n of edgetpu_compiler


def complete(options: JsonObject, folder: Path | None) -> JsonObject:
    """Return the options with the compiler's path resolved if it is on this machine."""
    if "compiler" not in options or "compiler_host" in options:
        return options
    return {**options, "compiler": resolved(options["compiler"], folder)}


def _device(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"(usb|pci)?(:\d+)?", word):
        raise InvalidValue(
            f'"{word}" does not name an Edge TPU; known: usb, usb:N, pci, pci:N, :N (the N-th, from 0)'
        )
    return word


def _compiler_args(value: Any) -> tuple[str, ...]:
    """Check flags for the compiler: those that move or split its output file are not allowed."""
    words: tuple[str, ...] = list_of(text, least=0)(value)
    for word in words:
        flag = word.partition("=")[0]
        if re.match("-[on]", word) or (len(flag) > 2 and any(own.startswith(flag) for own in _OWN_FLAGS)):
            raise InvalidValue(f'"{word}" cannot be set: qbench decides what the compiler writes, and where')
    return words


OPTIONS: Mapping[str, Check] = {
    "device": _device,
    "library": text,
    "options": scalars,
    "compiler": text,
    "compiler_host": ssh.name,
    "compiler_ssh_options": ssh.options,
    "compiler_args": _compiler_args,
    "compiler_timeout": seconds,
}
