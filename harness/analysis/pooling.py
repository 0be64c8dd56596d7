"""Several runs read as one: more launches, a narrower interval. Only runs that measured the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from harness.analysis.conclusion import conclude
from harness.analysis.pooled import Launches, pooled_cells
from harness.errors import ResultsError
from harness.record import Document

_OF_DEVICE = ("place", "os", "arch", "cpu", "cores", "memory_bytes", "python", "runtime", "runtime_version")
_OF_PROFILE = ("delegates", "affinity", "env")
_NAMED = 3  # differences said one by one


class Stored(NamedTuple):
    """A run as it lies on disk."""

    document: dict[str, Any]
    folder: Path


def pool(runs: Sequence[Stored], force: bool = False) -> dict[str, Any]:
    """One document over the launches of all runs; cells are those of the first.

    Raises ResultsError, naming what differs, for runs whose facts differ in what matters: then their
    samples are not of one thing. `force` pools them all the same.
    """
    first = runs[0].document
    for other in runs[1:]:
        found = differences(first, other.document)
        if found and not force:
            raise ResultsError(
                f"runs {first['run_id']} and {other.document['run_id']} are not of the same thing: "
                f"{_some(found)}; --force pools them all the same"
            )
    launches = [Launches(run.folder, number) for number, run in enumerate(runs)]
    budgets = [run.document.get("budget_s") or 0.0 for run in runs]
    pooled = {
        **first,
        "run_id": " + ".join(run.document["run_id"] for run in runs),
        "finished_at": runs[-1].document["finished_at"],
        "budget_s": sum(budgets),
        "cells": pooled_cells([run.document for run in runs], launches),
    }
    return {
        **pooled,
        "conclusions": [found.as_dict() for found in conclude(msgspec.convert(pooled, Document))],
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The reasons why two runs cannot be pooled: models, variants, machine, runtime, settings, governor."""
    here, there = (sorted({v["model"] for v in run["variants"]}) for run in (one, other))
    if not set(here) & set(there):
        return [f"they measured {_some(here, ', ')} and {_some(there, ', ')}"]
    return _in_one_only(one, other) + [
        _difference(where, key, mine, theirs)
        for where, keys, mine, theirs in _facts(one, other)
        for key in keys
        if mine.get(key) != theirs.get(key)
    ]


def _in_one_only(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Cells of one run that the other does not have; by their variant or device where that is missing."""
    found = []
    for which, mine, theirs in (("first", one, other), ("second", other, one)):
        there = _names(theirs)
        missing = dict.fromkeys(next((n for n in names if n not in there), None) for names in _cells(mine))
        if named := [name for name in missing if name is not None]:
            found.append(f"only the {which} has {_some(named, ', ')}")
    return found


def _cells(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The names by which a cell may be missing: its variant, its device, itself."""
    return [
        (
            variant := f"{cell['model']} {cell['variant']}",
            f"device {cell['device']}",
            f"{variant}/{cell['delegate']}@{cell['device']} with threads {cell['threads']}",
        )
        for cell in run["cells"]
    ]


def _names(run: Mapping[str, Any]) -> set[str]:
    return {name for names in _cells(run) for name in names}


def _difference(where: str, key: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    if key == "sha256":
        return f"{where}: another file (sha256 {str(mine[key])[:8]}… and {str(theirs[key])[:8]}…)"
    return f"{where} {key}: {_short(mine.get(key))} and {_short(theirs.get(key))}"


def _facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Sequence[str], Any, Any]]:
    """(where, keys that must agree, one's values, other's values) of what is in both."""
    facts: list[tuple[str, Sequence[str], Any, Any]] = []
    variants = _variants(other)
    for (model, variant), mine in _variants(one).items():
        if theirs := variants.get((model, variant)):
            facts.append((f"{model} {variant}", ("sha256",), mine, theirs))
    for name, device in _devices(one).items():
        if there := _devices(other).get(name):
            facts.append((name, _OF_DEVICE, device, there))
            facts.append((name, _OF_PROFILE, device["profile"], there["profile"]))
            facts.append((name, ("governors",), device["facts_before"], there["facts_before"]))
    return facts


def _variants(run: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(variant["model"], variant["variant"]): variant for variant in run["variants"]}


def _devices(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {device["name"]: device for device in run["devices"]}


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _some(texts: Sequence[str], between: str = "; ") -> str:
    more = len(texts) - _NAMED
    return between.join(texts[:_NAMED]) + (f"{between}and {more} more" if more > 0 else "")
