"""Several runs read as one: more launches, a narrower interval. Only runs that measured the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from delegates import stats
from harness.errors import ResultsError
from harness.results.samples import LAUNCHES, SAMPLES

if TYPE_CHECKING:
    import pandas as pd

_OF_DEVICE = ("place", "os", "arch", "cpu", "cores", "memory_bytes", "python", "runtime", "runtime_version")
_OF_PROFILE = ("delegates", "affinity", "env")
_KEY = ["model", "variant", "delegate", "device", "threads"]


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
                f"{'; '.join(found)}; --force pools them all the same"
            )
    launches = [_Launches(run.folder, number) for number, run in enumerate(runs)]
    return {
        **first,
        "run_id": " + ".join(run.document["run_id"] for run in runs),
        "finished_at": runs[-1].document["finished_at"],
        "cells": [_pooled(cell, first["cells"], launches) for cell in first["cells"]],
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What makes two runs incomparable, in words: variants, machine, runtime, settings, governor."""
    return [
        f"{where} {key}: {_short(mine.get(key))} and {_short(theirs.get(key))}"
        for where, keys, mine, theirs in _facts(one, other)
        for key in keys
        if mine.get(key) != theirs.get(key)
    ]


def _facts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Sequence[str], Any, Any]]:
    """(where, keys that must agree, one's values, other's values)."""
    facts: list[tuple[str, Sequence[str], Any, Any]] = []
    variants = {(v["model"], v["variant"]): v for v in other["variants"]}
    for variant in one["variants"]:
        name = (variant["model"], variant["variant"])
        facts.append((f"{' '.join(name)}", ("sha256",), variant, variants.get(name, {})))
    devices = {device["name"]: device for device in other["devices"]}
    for device in one["devices"]:
        there = devices.get(device["name"], {})
        facts.append((device["name"], _OF_DEVICE, device, there))
        facts.append((device["name"], _OF_PROFILE, device["profile"], there.get("profile", {})))
        before = (device["facts_before"], there.get("facts_before", {}))
        facts.append((device["name"], ("governors",), *before))
    return facts


class _Launches:
    """The raw samples of one run; its launches get numbers of their own."""

    def __init__(self, folder: Path, number: int) -> None:
        import pandas as pd

        try:
            # Names are text: a variant may be called "1" or "NA".
            names = {key: str for key in _KEY if key != "threads"}
            self._samples = pd.read_csv(
                folder / SAMPLES, dtype=names, keep_default_na=False, na_values={"own_ns": [""]}
            )
            self._launches = pd.read_csv(folder / LAUNCHES, dtype=names, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise ResultsError(f"{folder}: the raw samples can't be read: {error}") from None
        self._offset = number * 1_000_000

    def blocks(self, cell: Mapping[str, Any], column: str = "run_ns") -> dict[int, list[list[float]]]:
        """Launch number -> blocks of samples in ns."""
        found: dict[int, list[list[float]]] = {}
        for (launch, _), block in _of(self._samples, cell).groupby(["launch", "block"]):
            found.setdefault(self._offset + int(launch), []).append(block[column].tolist())
        return found

    def floors(self, cell: Mapping[str, Any]) -> dict[int, float]:
        """Launch number -> floor in ns, of the process's own time where that was measured."""
        measured = _of(self._samples, cell).own_ns.notna().all()
        blocks = self.blocks(cell, "own_ns" if measured else "run_ns")
        found = {number: stats.launch_floor(launch) for number, launch in blocks.items()}
        return {number: floor for number, floor in found.items() if floor is not None}

    def tick_ns(self, cell: Mapping[str, Any]) -> float:
        ticks = _of(self._launches, cell).tick_ns
        return float(ticks.max()) if len(ticks) else 0.0


def _of(frame: pd.DataFrame, cell: Mapping[str, Any]) -> pd.DataFrame:
    kept = frame
    for key in _KEY:
        kept = kept[kept[key] == cell[key]]
    return kept


def _pooled(
    cell: dict[str, Any], cells: Sequence[Mapping[str, Any]], runs: Sequence[_Launches]
) -> dict[str, Any]:
    """The cell with the figures that depend on launches made anew."""
    blocks = {number: found for run in runs for number, found in run.blocks(cell).items()}
    if not blocks:
        return cell
    latency = stats.summary_ms([[ns for block in launch for ns in block] for launch in blocks.values()])
    pooled = {**cell, "latency_ms": latency, "throughput_per_s": latency and 1000 / latency["median"]}
    if cell["speedup"] is None:
        return pooled
    against = cell["speedup"]["baseline"]
    baseline = next(c for c in cells if c["model"] == cell["model"] and against.items() <= c.items())
    theirs, ours = (
        {number: floor for run in runs for number, floor in run.floors(c).items()} for c in (baseline, cell)
    )
    found = stats.speedup(theirs, ours, max(run.tick_ns(cell) for run in runs))
    if found is not None:
        pooled["speedup"] = {**found._asdict(), "baseline": against}
    return pooled


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
