"""Ask a Python once about the delegates of all profiles: starting it takes longer than asking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from delegates.wire import ProbeRequest, ProbeResult


def merge(requests: Sequence[ProbeRequest]) -> tuple[list[ProbeRequest], list[int]]:
    """Return as few requests as ask all of these, and for each of these the index of its own among them."""
    merged: list[ProbeRequest] = []
    indices = []
    for request in requests:
        fitting = (index for index, other in enumerate(merged) if _asks_the_same_python(request, other))
        index = next(fitting, len(merged))
        if index == len(merged):
            merged.append(request)
        else:
            merged[index] = _joined(merged[index], request)
        indices.append(index)
    return merged, indices


def part(answer: ProbeResult, request: ProbeRequest) -> ProbeResult:
    """Return the part of an answer that answers this request."""
    names = request.delegates
    return replace(
        answer,
        delegates={name: why for name, why in answer.delegates.items() if name in names},
        software={name: what for name, what in answer.software.items() if name in names},
    )


def _asks_the_same_python(one: ProbeRequest, other: ProbeRequest) -> bool:
    """Return whether the requests differ in nothing but in delegates, each with one set of options."""
    common = set(one.delegates) & set(other.delegates)
    return _without_delegates(one) == _without_delegates(other) and all(
        one.options.get(name) == other.options.get(name) for name in common
    )


def _without_delegates(request: ProbeRequest) -> ProbeRequest:
    return replace(request, delegates=[], options={})


def _joined(one: ProbeRequest, other: ProbeRequest) -> ProbeRequest:
    return replace(
        one,
        delegates=list(dict.fromkeys([*one.delegates, *other.delegates])),
        options={**one.options, **other.options},
    )
