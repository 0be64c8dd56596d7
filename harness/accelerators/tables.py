"""Read the rule tables, TOML files beside the modules that use them, as typed structs."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, TypeVar

import msgspec

from harness.versions import Version, release

T = TypeVar("T")


class OpNames(frozenset[str]):
    """Names of ops; in a table one string, separated by blanks."""

    @classmethod
    def parse(cls, text: str) -> OpNames:
        """Return the names in a table's string."""
        return cls(text.split())


class Releases(tuple[Version | None, ...]):
    """The releases that brought versions 1, 2, 3, … of an op; in a table one string, with "-" for a gap."""

    @classmethod
    def parse(cls, text: str) -> Releases:
        """Return the releases in a table's string."""
        return cls(None if word == "-" else release(word) for word in text.split())


def read_table(package: str, name: str, kind: type[T]) -> T:
    """Read the file `name` in a package. Raises msgspec.ValidationError if it does not fit `kind`."""
    text = resources.files(package).joinpath(name).read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), kind, dec_hook=_parse)


def _parse(kind: Any, value: str) -> object:
    return kind.parse(value)
