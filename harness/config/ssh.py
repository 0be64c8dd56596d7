"""Checkers for values that are passed to the user's ssh."""

from __future__ import annotations

import re
from typing import Any

from harness.config.checks import InvalidValue, text, wrong_type

# ssh(1), OpenSSH 9: options with a value, and those with which no command would be run for us.
_SSH_WITH_VALUE = "BDEFIJLOPQRSWbceilmopw"
_SSH_ELSEWHERE = "GMNOQSVWfnsty"


def name(value: Any) -> str:
    """Check a host or user name for ssh: no option, nothing special to a ProxyCommand's shell."""
    word = text(value)
    if not re.fullmatch(r"[A-Za-z0-9_\[\]][A-Za-z0-9_.:%@\[\]-]*", word):
        raise InvalidValue(f'"{word}" cannot be given to ssh as a name')
    return word


def options(value: Any) -> tuple[str, ...]:
    """Check words of ssh's command line that say how to connect; an option may come twice (-o)."""
    if not isinstance(value, list):
        raise wrong_type("a list of ssh's options, one word each,", value)
    words = tuple(text(word) for word in value)
    rest = iter(words)
    for word in rest:
        if not re.match("-[A-Za-z0-9]", word):
            raise InvalidValue(
                f'"{word}" is not an option of ssh: those begin with a hyphen; the host is a key'
            )
        if _wants_value(word) and next(rest, None) is None:
            raise InvalidValue(f'"{word}" needs a value')
    return words


def _wants_value(word: str) -> bool:
    """Return True if the value of the last option in a word (-F, -vF) is the next word."""
    for position, letter in enumerate(word[1:], start=2):
        if letter in _SSH_ELSEWHERE:
            raise InvalidValue(f'"{word}" cannot be set here; only options about how to connect can')
        if letter in _SSH_WITH_VALUE:
            return position == len(word)
    return False
