"""Differences that keep two runs from being pooled: models, variants, machine, runtime, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from harness.analysis.sides import SIDES, has_sides, run_of
from harness.record import CellRun, DeviceState, Run, subject

_OF_DEVICE = ("place", "os", "arch", "cpu", "cores", "memory_bytes", "python", "runtime", "runtime_version")
_OF_PROFILE = ("delegates", "affinity", "env")
_NAMED = 3  # differences that are listed
_LONGEST = 60  # characters of a fact


class _Fact(NamedTuple):
    """A fact that has to be the same in both runs."""

    what: str
    mine: object
    theirs: object
    may_be_unknown: bool = True  # None: not known


def differences(one: Run, other: Run, *, resumed: bool = False) -> list[str]:
    """Return the reasons why two runs can't be pooled, one sentence each.

    resumed: the other has only some of the cells, and facts that one of them does not know don't count.
    """
    if has_sides(one) or has_sides(other):
        return _of_sides(one, other)
    return _differences(one, other, resumed=resumed)


def _of_sides(one: Run, other: Run) -> list[str]:
    for which, mine, theirs in (("first", one, other), ("second", other, one)):
        if not has_sides(theirs):
            return [f"only the {which} was measured with --against {mine.header.against}"]
    pairs = {side: (run_of(one, side), run_of(other, side)) for side in SIDES}
    return [f"{side.upper()}: {why}" for side, pair in pairs.items() for why in _differences(*pair)]


def _differences(one: Run, other: Run, *, resumed: bool = False) -> list[str]:
    here, there = (sorted({str(subject(entry.cell)) for entry in run.cells}) for run in (one, other))
    if not set(here) & set(there):
        return [f"they measured {some(here, ', ')} and {some(there, ', ')}"]
    alone = () if resumed else _in_one_only(one, other)
    return [*alone, *_other_files(one, other), *_other_facts(one, other, resumed)]


def some(texts: Sequence[str], between: str = "; ") -> str:
    """Return the first few texts joined, followed by how many more there are."""
    more = len(texts) - _NAMED
    return between.join(texts[:_NAMED]) + (f"{between}and {more} more" if more > 0 else "")


def _in_one_only(one: Run, other: Run) -> Iterator[str]:
    """Report cells that only one run has, by variant or device if the other lacks that altogether."""
    for which, mine, theirs in (("first", one, other), ("second", other, one)):
        there = {name for entry in theirs.cells for name in _names(entry)}
        missing = [next((n for n in _names(entry) if n not in there), None) for entry in mine.cells]
        if named := [name for name in dict.fromkeys(missing) if name is not None]:
            yield f"only the {which} has {some(named, ', ')}"


def _names(entry: CellRun) -> tuple[str, str, str]:
    """Return the names by which a cell is reported missing: of its variant, its device, the cell itself."""
    cell = entry.cell
    variant = f"{subject(cell)} {cell.variant.name}"
    full = f"{variant}/{cell.delegate.name}@{cell.device.name} with threads {cell.threads}"
    return variant, f"device {cell.device.name}", full


def _other_files(one: Run, other: Run) -> Iterator[str]:
    there = {(subject(variant), variant.name): variant.sha256 for variant in other.variants}
    for variant in one.variants:
        mine, theirs = variant.sha256, there.get((subject(variant), variant.name), variant.sha256)
        if mine != theirs:
            digests = f"sha256 {str(mine)[:8]}… and {str(theirs)[:8]}…"
            yield f"{subject(variant)} {variant.name}: another file ({digests})"


def _other_facts(one: Run, other: Run, resumed: bool) -> Iterator[str]:
    there = {device.name: device for device in other.devices}
    for device in one.devices:
        for fact in _facts(device, there[device.name]) if device.name in there else ():
            unknown = resumed and fact.may_be_unknown and None in (fact.mine, fact.theirs)
            if fact.mine != fact.theirs and not unknown:
                yield f"{device.name} {fact.what}: {_short(fact.mine)} and {_short(fact.theirs)}"


def _facts(mine: DeviceState, theirs: DeviceState) -> Iterator[_Fact]:
    for key in _OF_DEVICE:
        yield _Fact(key, getattr(mine, key), getattr(theirs, key))
    profiles = plain_profile(mine.profile), plain_profile(theirs.profile)
    for key in _OF_PROFILE:
        yield _Fact(key, profiles[0].get(key), profiles[1].get(key), may_be_unknown=False)
    yield _Fact("governors", mine.facts_before.get("governors"), theirs.facts_before.get("governors"))


def plain_profile(profile: object) -> Mapping[str, object]:
    """A profile's values; a delegate is its name, followed by its options."""
    plain = msgspec.to_builtins(profile) or {}
    delegates = [[d["name"], d["options"]] if d["options"] else d["name"] for d in plain.get("delegates", ())]
    return {**plain, "delegates": delegates}


def _short(value: object) -> str:
    text = words(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def words(value: object) -> str:
    """A fact in words: several after each other, options by their keys."""
    if isinstance(value, list | tuple):
        between = " " if value and isinstance(value[-1], Mapping) else ", "  # a delegate and its options
        return between.join(map(words, value)) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={words(one)}" for key, one in value.items())
    return "nothing" if value is None else str(value)
