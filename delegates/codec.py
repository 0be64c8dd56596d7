"""Encode frozen dataclasses as lines of JSON, and check every type when decoding them."""

from __future__ import annotations

import dataclasses
import functools
import json
import typing
from typing import Any, Callable, Dict, List, Mapping, Type, Union

# Longer lines are refused unread; outputs are bounded far below.
MAX_LINE_BYTES = 64 * 1024 * 1024

_LARGEST = 1 << 62  # far above any count, size or time
_DEEPEST = 8

# check(value, where): return the value with its annotated type, or raise WireError with `where` in its text.
Check = Callable[[Any, str], Any]


class WireError(Exception):
    """A line is not a message, or one of its values is not of its type."""


def encode(message: Any) -> str:
    """Return one line of ASCII JSON: the name of the dataclass as "kind", and its fields."""
    return _to_json({"kind": type(message).__name__, **vars(message)}) + "\n"


_from_json = json.JSONDecoder().decode

# The fields of a nested dataclass are its __dict__: nothing is copied.
_to_json = json.JSONEncoder(default=vars, check_circular=False).encode


def by_name(*kinds: Type[Any]) -> Dict[str, Type[Any]]:
    """Return the dataclasses by name, which is the "kind" in a line."""
    return {kind.__name__: kind for kind in kinds}


def decode(line: str, kinds: Mapping[str, Type[Any]]) -> Any:
    """Decode the message in a line, and check all types. Raises WireError."""
    try:
        return build(_from_json(line), kinds)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON: %s" % error) from None


def build(raw: Any, kinds: Mapping[str, Type[Any]]) -> Any:
    """Build a message from parsed JSON, and check all types. Raises WireError."""
    if not isinstance(raw, dict):
        raise WireError("not a JSON object")
    fields = dict(raw)
    name = fields.pop("kind", None)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise WireError("unknown kind of message %.40r" % (name,))
    return _object(kind, fields, kind.__name__)


def _object(kind: Type[Any], raw: Any, where: str) -> Any:
    if not isinstance(raw, dict):
        raise WireError("%s: not an object" % where)
    checks = _checks(typing.cast(Any, kind))
    if not raw.keys() <= checks.keys():
        raise WireError("%s: unknown key %.40r" % (where, min(raw.keys() - checks.keys())))
    values = {key: checks[key](value, where + "." + key) for key, value in raw.items()}
    try:
        return kind(**values)
    except TypeError as error:  # a field is missing
        raise WireError("%s: %s" % (where, error)) from None


@functools.lru_cache(maxsize=None)
def _checks(kind: Any) -> Dict[str, Check]:
    """Return one check per field of the dataclass."""
    return {name: _check_of(hint) for name, hint in typing.get_type_hints(kind).items()}


def _check_of(hint: Any) -> Check:
    """Return the check for an annotation. Supports only the forms that messages use."""
    origin = getattr(hint, "__origin__", None)
    if hint is Any:
        return _plain
    if origin is Union:  # Optional[…]
        inner = _check_of(hint.__args__[0])
        return lambda value, where: None if value is None else inner(value, where)
    if origin in (list, List):
        return _ints if hint.__args__[0] is int else functools.partial(_list, _check_of(hint.__args__[0]))
    if origin in (dict, Dict):
        return functools.partial(_dict, _check_of(hint.__args__[1]))
    if dataclasses.is_dataclass(hint):
        return functools.partial(_object, typing.cast(Any, hint))
    return _int if hint is int else functools.partial(_scalar, hint)


def _list(item: Check, value: Any, where: str) -> Any:
    if not isinstance(value, list):
        raise WireError("%s: not a list" % where)
    return [item(one, where) for one in value]


def _dict(item: Check, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise WireError("%s: not an object" % where)
    return {key: item(one, where) for key, one in value.items()}


def _scalar(kind: Type[Any], value: Any, where: str) -> Any:
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise WireError("%s: %s expected" % (where, kind.__name__))
    return kind(_plain(value, where))


def _int(value: Any, where: str) -> Any:
    if type(value) is not int:  # True is an instance of int
        raise WireError("%s: int expected" % where)
    if not -_LARGEST <= value <= _LARGEST:
        raise WireError("%s: a number out of bounds" % where)
    return value


def _ints(value: Any, where: str) -> Any:
    """Check a list of int as a whole, which is fast: there are tens of thousands of samples."""
    if not isinstance(value, list):
        raise WireError("%s: not a list" % where)
    if not set(map(type, value)) <= {int}:
        raise WireError("%s: int expected" % where)
    if value and not -_LARGEST <= min(value) <= max(value) <= _LARGEST:
        raise WireError("%s: a number out of bounds" % where)
    return value


def _plain(value: Any, where: str, depth: int = 0) -> Any:
    """Check a JSON value: its depth is limited, its numbers are finite and at most 2**62."""
    if isinstance(value, (int, float)):
        if not abs(value) <= _LARGEST:  # nor NaN; an int may be larger than any float
            raise WireError("%s: a number out of bounds" % where)
        return value
    if depth == _DEEPEST:
        raise WireError("%s: too deep" % where)
    if isinstance(value, list):
        return [_plain(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, where, depth + 1) for key, item in value.items()}
    return value
