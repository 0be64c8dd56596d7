"""What a caller gives, checked: whatever cannot be is a ConfigError that names the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from operator import index
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from harness.errors import ConfigError

if TYPE_CHECKING:
    from harness.record.comparison import Limits

T = TypeVar("T")


def listed(given: object) -> tuple[object, ...]:
    """One value or several of them, as a tuple."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


def several(name: str, given: object, kind: type[T], what: str) -> tuple[T, ...]:
    """One value of a kind or several, as a tuple; `what` says what they are. Raises ConfigError."""
    found = []
    for one in listed(given):
        if not isinstance(one, kind) or isinstance(one, bool):
            raise ConfigError(f"{name}: {what} expected, found {one!r}")
        found.append(one)
    return tuple(found)


def names(name: str, given: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several. Raises ConfigError."""
    return several(name, given, str, "names")


def whole_numbers(name: str, given: object) -> tuple[int, ...]:
    """Return one whole number or several, numpy's included, as a tuple. Raises ConfigError."""
    values = listed(given)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, SupportsIndex):
            raise ConfigError(f"{name}: whole numbers expected, found {value!r}")
    return tuple(index(value) for value in values if isinstance(value, SupportsIndex))


def tags(name: str, given: object) -> dict[str, str]:
    """Tags by name, or none. Raises ConfigError."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}: a dict of texts expected, found {given!r}")
    return dict(given)


def shapes(name: str, given: object) -> tuple[str, ...]:
    """Return shapes as --shape takes them, given so or as dicts of dimensions by name. Raises ConfigError."""
    each = (given,) if isinstance(given, str | Mapping) else listed(given)
    return tuple(map(partial(_shape, name), each))


def _shape(name: str, given: object) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping) and given:
        return ",".join(f"{key}={'x'.join(map(str, listed(dims)))}" for key, dims in given.items())
    raise ConfigError(f'{name}: "x=1x96x96x3", or a dict of dimensions expected, found {given!r}')


def path(name: str, given: Any) -> Path:
    """A path. Raises ConfigError."""
    if not isinstance(given, str | PathLike):
        raise ConfigError(f"{name}: a path expected, found {given!r}")
    return Path(fspath(given))


def version(name: str, given: Any) -> tuple[int, int] | None:
    """Major and minor number of a version; None where none is given. Raises ConfigError."""
    if given is None:
        return None
    if not (isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, int) for part in given)):
        raise ConfigError(f"{name}: two numbers expected, such as (2, 14), found {given!r}")
    return given


def fraction(name: str, given: Any) -> float:
    """A number from 0 upwards: 0.05 is 5 %. Raises ConfigError."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise ConfigError(f"{name}: a number from 0 upwards expected (0.05 is 5 %), found {given!r}")
    return float(given)


def limits(  # noqa: PLR0913 - each is an option of the command
    *,
    within: object,
    fail_over: object,
    fail_size: object,
    fail_memory: object,
    fail_accuracy: object,
    fail_ops: object,
    undecided: str,
    by: str = "both",
) -> Limits:
    """What counts as the same, and the gates of a comparison. Raises ConfigError."""
    from harness.record.comparison import Limits

    return Limits(
        within=fraction("within", within),
        by=choice("by", by, "both", "latency", "speedup"),
        latency=None if fail_over is None else fraction("fail_over", fail_over),
        size=None if fail_size is None else fraction("fail_size", fail_size),
        memory=None if fail_memory is None else fraction("fail_memory", fail_memory),
        accuracy=None if fail_accuracy is None else fraction("fail_accuracy", fail_accuracy),
        ops=None if fail_ops is None else whole_numbers("fail_ops", fail_ops)[0],
        undecided=choice("undecided", undecided, "warn", "fail"),
    )


def choice(name: str, given: Any, *choices: T) -> T:
    """One of several values. Raises ConfigError."""
    for value in choices:
        if given == value:
            return value
    raise ConfigError(f"{name}: {' or '.join(map(repr, choices))} expected, found {given!r}")
