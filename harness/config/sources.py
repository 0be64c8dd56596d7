"""Sources of samples as devices.toml and the command line name them: `photos,scale=-1..1`."""

from __future__ import annotations

import re
from pathlib import Path

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def anchored(text: str, folder: Path) -> str:
    """Return a source with a relative file or folder joined to `folder`; other sources stay as they are."""
    source = split_options(text)[0]
    is_file = (folder / source).exists() or not (source == "generate" or is_callable(source))
    return str(folder / text) if is_file and not source.startswith("~") else text


def is_callable(source: str) -> bool:
    """Return True for `package.module:callable`."""
    return _CALLABLE.fullmatch(source) is not None


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Split a source from its options: `photos,scale=-1..1` -> ("photos", {"scale": "-1..1"})."""
    found = re.fullmatch(r"(.*?)((?:,[a-z_]+=[^,]*)*)", text, re.DOTALL)
    if found is None or Path(text).exists():
        return text, {}
    return found[1], dict(part.split("=", 1) for part in found[2].split(",")[1:])
