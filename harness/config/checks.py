"""Checkers for single values of a configuration file. Each returns the checked value."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection
from typing import Any

Check = Callable[[Any], Any]

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
_KINDS |= {list: "a list", dict: "a table"}


class InvalidValue(Exception):
    """A value is wrong. The message follows the file, table and key."""


def suggest(word: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown word: `; did you mean "x"?`, or the known words."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known: {', '.join(known)}"


def wrong_type(wanted: str, value: Any) -> InvalidValue:
    """Return the error for a value of another type than `wanted`, which is in words."""
    kind = next((name for kind, name in _KINDS.items() if isinstance(value, kind)), "a date or time")
    return InvalidValue(f"{wanted} expected, found {kind}")


def text(value: Any) -> str:
    """Check for a non-empty string of printable characters. Raises InvalidValue."""
    if not isinstance(value, str):
        raise wrong_type("a string", value)
    if not value or not value.isprintable():
        raise InvalidValue("a non-empty string without control characters expected")
    return value


def whole(least: int, most: int) -> Check:
    """Return a checker of whole numbers from `least` to `most`."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type("a whole number", value)
        if value < least:
            raise InvalidValue(f"{value} is too small; at least {least}")
        if value > most:
            raise InvalidValue(f"{value} is too large; at most {most}")
        return value

    return check


def seconds(value: Any) -> float:
    """Check for a number of seconds above 0. Raises InvalidValue."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type("a number of seconds", value)
    if not (math.isfinite(value) and value > 0):
        raise InvalidValue(f"{value} is out of range; a number of seconds above 0 expected")
    return float(value)


def one_of(known: Collection[str]) -> Check:
    """Return a checker of words that are among those `known`."""

    def check(value: Any) -> str:
        word = text(value)
        if word not in known:
            raise InvalidValue(f'unknown value "{word}"{suggest(word, known)}')
        return word

    return check


def list_of(item: Check, least: int = 1) -> Check:
    """Return a checker of lists with at least `least` elements, none of them twice."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise wrong_type("a list", value)
        if len(value) < least:
            raise InvalidValue("the list is empty; leave the key out or name at least one")
        found: list[Any] = []
        for element in value:
            checked = item(element)
            if checked in found:
                raise InvalidValue(f"{element!r} is listed twice")
            found.append(checked)
        return tuple(found)

    return check


def one_or_more(item: Check) -> Check:
    """Return a checker of a single element or a list of them."""
    several = list_of(item)

    def check(value: Any) -> tuple[Any, ...]:
        return tuple(several(value)) if isinstance(value, list) else (item(value),)

    return check


def environment(value: Any) -> dict[str, str]:
    """Check environment variables: a table of strings. Raises InvalidValue."""
    if not isinstance(value, dict):
        raise wrong_type('a table of strings, such as { OMP_NUM_THREADS = "1" },', value)
    for name, setting in value.items():
        if not isinstance(setting, str):
            raise InvalidValue(f'the value of "{name}" has to be a string')
        if not name or "=" in name or "\0" in name + setting:
            raise InvalidValue(f"{name!r} cannot be set in an environment")
    return value
