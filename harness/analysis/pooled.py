"""Cells over the launches of several runs: every figure that launches make is made anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delegates import stats
from harness.analysis import warnings
from harness.errors import ResultsError
from harness.store.samples import COPIES, LAUNCHES, SAMPLES

if TYPE_CHECKING:
    import pandas as pd

_KEY = ["model", "variant", "delegate", "device", "threads"]

_OF_END = ("status", "reason", "refusal", "ops")

# One that could not be measured (0) says nothing against what another run measured.
_SEVERITY = {"ok": 1, "partial": 2, "fallback": 3, "timeout": 4, "refused": 5, "crashed": 6}

Stored = Mapping[str, Any]  # a cell of a result document


class Launches:
    """The raw samples of one run; its launches get numbers of their own."""

    def __init__(self, folder: Path, number: int) -> None:
        self._samples = _read(folder / SAMPLES)
        self._launches = _read(folder / LAUNCHES)
        self._copies = _read(folder / COPIES)
        self._offset = number * 1_000_000

    def blocks(self, cell: Stored, column: str = "run_ns") -> dict[int, list[list[float]]]:
        """Launch number -> blocks of samples in ns."""
        found: dict[int, list[list[float]]] = {}
        for (launch, _), block in _of(self._samples, cell).groupby(["launch", "block"]):
            found.setdefault(self._offset + int(launch), []).append(block[column].tolist())
        return found

    def floors(self, cell: Stored) -> dict[int, float]:
        """Launch number -> floor in ns, of the process's own time where that was measured."""
        measured = _of(self._samples, cell).own_ns.notna().all()
        blocks = self.blocks(cell, "own_ns" if measured else "run_ns")
        found = {number: stats.launch_floor(launch) for number, launch in blocks.items()}
        return {number: floor for number, floor in found.items() if floor is not None}

    def copies(self, cell: Stored) -> list[list[float]]:
        """Inferences with copies in ns, one list per launch."""
        return [launch.run_ns.tolist() for _, launch in _of(self._copies, cell).groupby("launch")]

    def once(self, cell: Stored, column: str) -> list[float]:
        """A figure that is measured once per launch: a column of launches.csv, without empty entries."""
        return list(_of(self._launches, cell)[column].dropna().tolist())


def pooled_cells(documents: Sequence[Mapping[str, Any]], runs: Sequence[Launches]) -> list[dict[str, Any]]:
    """The first document's cells with the launches, and the warnings, of all."""
    first = documents[0]
    return [_pooled({**cell, **_end(cell, documents)}, documents, runs) for cell in first["cells"]]


def _end(cell: Stored, documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The cell's worst end among the runs, and the first fidelity that there is."""
    found = [other for document in documents for other in document["cells"] if _same(other, cell)]
    worst = max(found, key=lambda other: _SEVERITY.get(other["status"], 0))
    fidelity = next((other["fidelity"] for other in found if other["fidelity"]), None)
    return {**{key: worst[key] for key in _OF_END}, "fidelity": fidelity}


def _same(one: Stored, other: Stored) -> bool:
    return all(one[key] == other[key] for key in _KEY)


def _pooled(
    cell: dict[str, Any], documents: Sequence[Mapping[str, Any]], runs: Sequence[Launches]
) -> dict[str, Any]:
    blocks = {number: found for run in runs for number, found in run.blocks(cell).items()}
    if not blocks:
        return cell
    launches = [[ns for block in launch for ns in block] for launch in blocks.values()]
    latency = stats.summary_ms(launches)
    median = latency["median"] if latency else 0.0
    pooled = {
        **cell,
        "init_ms": _median_ms(runs, cell, "init_ns"),
        "first_ms": _median_ms(runs, cell, "first_ns"),
        "peak_memory_bytes": _largest(runs, cell, "peak_memory_bytes"),
        "latency_ms": latency,
        "latency_with_copies_ms": stats.summary_ms([launch for run in runs for launch in run.copies(cell)]),
        "throughput_per_s": 1000 / median if median else None,
    }
    timer_resolution_ns = max((ns for run in runs for ns in run.once(cell, "tick_ns")), default=0.0)
    made = list(warnings.of_samples([ns for launch in launches for ns in launch], timer_resolution_ns))
    against = cell["speedup"] and cell["speedup"]["baseline"]
    if against:
        cells = documents[0]["cells"]
        baseline = next(c for c in cells if c["model"] == cell["model"] and against.items() <= c.items())
        pooled["speedup"] = _speedup(baseline, cell, runs, timer_resolution_ns, against)
        if pooled["speedup"] and not cell["baseline"]:
            made += _of_speedup(pooled, _latency(baseline, runs), documents[0].get("precision") or 0.01)
    kept = {warning["code"]: warning for warning in _warnings(cell, documents)}
    pooled["warnings"] = [*kept.values(), *(doubt._asdict() for doubt in made)]
    return pooled


def _speedup(
    baseline: Stored, cell: Stored, runs: Sequence[Launches], timer_resolution_ns: float, against: Any
) -> dict[str, Any] | None:
    """The speedup of a pooled cell; None where a clock stood still (half of the inferences took no time)."""
    if not all((_latency(c, runs) or {}).get("median") for c in (baseline, cell)):
        return None
    theirs, ours = (
        {number: floor for run in runs for number, floor in run.floors(c).items()} for c in (baseline, cell)
    )
    found = stats.speedup(theirs, ours, timer_resolution_ns)
    return None if found is None else {**found._asdict(), "baseline": against}


def _of_speedup(
    pooled: Stored, baseline: Mapping[str, Any] | None, precision: float
) -> Iterator[warnings.Doubt]:
    speedup = pooled["speedup"]
    yield from warnings.of_interval(speedup["low"], speedup["high"], precision)
    yield from warnings.of_medians(baseline, pooled["latency_ms"], speedup)


def _warnings(cell: Stored, documents: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those of every run that don't come from samples and intervals; the first run's words last, to stay."""
    for document in reversed(documents):
        for other in document["cells"]:
            if _same(other, cell):
                yield from (w for w in other["warnings"] if w["code"] not in warnings.OF_LAUNCHES)


def _latency(cell: Stored, runs: Sequence[Launches]) -> dict[str, Any] | None:
    launches = [launch for run in runs for launch in run.blocks(cell).values()]
    return stats.summary_ms([[ns for block in launch for ns in block] for launch in launches])


def _median_ms(runs: Sequence[Launches], cell: Stored, column: str) -> float | None:
    median = stats.median(ns for run in runs for ns in run.once(cell, column))
    return None if median is None else median / stats.NS_PER_MS


def _largest(runs: Sequence[Launches], cell: Stored, column: str) -> int | None:
    return max((int(value) for run in runs for value in run.once(cell, column)), default=0) or None


def _read(path: Path) -> pd.DataFrame:
    """Raises ResultsError. Names are text: a variant may be called "1" or "NA"; empty figures are NaN."""
    import pandas as pd

    names = {key: str for key in _KEY if key != "threads"}
    figures = ("own_ns", "init_ns", "first_ns", "peak_memory_bytes", "tick_ns")
    empty = {column: [""] for column in figures}
    try:
        return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=empty)
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path.parent}: the raw samples can't be read: {error}") from None


def _of(frame: pd.DataFrame, cell: Stored) -> pd.DataFrame:
    kept = frame
    for key in _KEY:
        kept = kept[kept[key] == cell[key]]
    return kept
