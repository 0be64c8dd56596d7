"""Identify the rules that predictions are made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable


@cache
def sha256() -> str:
    """Return the SHA-256 of all rules: the tables and the code in this folder."""
    digest = hashlib.sha256()
    for name, content in sorted(_files(resources.files("harness.accelerators"), "")):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        elif entry.name.endswith((".toml", ".py")):
            yield path + entry.name, entry.read_bytes()
