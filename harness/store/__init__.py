"""Run <-> results/: the stored document (run.json, see docs/results.md) and the raw samples beside it."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ResultsError
from harness.store import check, files, samples

if TYPE_CHECKING:
    from delegates.wire import Failure, Launch
    from harness.accelerators import CompiledFile
    from harness.config import DeviceProfile
    from harness.quantize import VariantSet

SCHEMA = 1
DOCUMENT = "run.json"


@dataclass
class Cell:
    """One model x variant x delegate x device x threads, and all that is known of it.

    Grows while the run goes on: `measurements` gets one entry per launch.
    """

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    skipped: str | None = None  # ruled out on paper, with the reason
    refused: str | None = None  # never reached a device: the variant could not be made
    unavailable: str | None = None  # the profile's Python has no runtime, the library is missing, …
    measurements: list[Launch] = field(default_factory=list)
    refusal: Failure | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)  # (code, message)
    compiled: CompiledFile | None = None  # what runs instead of the variant's own file


@dataclass
class Device:
    """A device as used in this run."""

    profile: DeviceProfile
    machine: Mapping[str, Any] = field(default_factory=dict)  # os, arch, cpu, cores, memory_bytes
    python: str | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    facts_before: Mapping[str, Any] = field(default_factory=dict)
    facts_after: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None  # why it could not be reached, at the start or later


@dataclass
class Run:
    """Everything asked for and everything answered; figures are derived from it, never kept in it."""

    run_id: str
    started_at: str  # RFC 3339, UTC
    qbench_version: str
    host: Mapping[str, Any]
    models: list[VariantSet]
    devices: list[Device]
    cells: list[Cell]
    budget_s: float = 1.0
    precision: float = 0.01
    baseline: str | None = None  # as asked for: VARIANT[/DELEGATE][@DEVICE]
    finished_at: str | None = None
    interrupted: bool = False


def new_run_id(now: datetime | None = None) -> str:
    """A name that sorts by time and is unique: 20261121-054412-123-3f9c (UTC, ms, random)."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{uuid.uuid4().hex[:4]}"


class Store:
    """The folder of one run while it is being filled.

    Whatever fails, what was stored before stays whole: the document is replaced, never changed in
    place, and a half-written piece of a samples file is cut off again (and tried again next time).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stored: dict[str, int] = {}  # cell id -> launches whose samples are in the files

    def save(self, run: Run, document: Mapping[str, Any]) -> None:
        """Store what is new since the last call: samples first, then the document made of them.

        Raises ResultsError, one line: disk full, folder gone.
        """
        try:
            for cell in run.cells:
                self._append_samples(cell)
            files.replace(self.folder / DOCUMENT, _encode(document))
        except OSError as error:
            why = error.strerror or error
            raise ResultsError(
                f"cannot write results to {self.folder}: {why}; what was stored before is kept"
            ) from None

    def discard(self) -> None:
        """Remove the folder: for a run that ended before anything was measured."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _append_samples(self, cell: Cell) -> None:
        for measurement in cell.measurements[self._stored.get(cell.id, 0) :]:
            files.append(samples.rows(self.folder, cell, measurement))
            self._stored[cell.id] = self._stored.get(cell.id, 0) + 1


def create(results_dir: Path, run_id: str) -> Store:
    """A new folder for a run, proved writable before anything is measured. Raises ResultsError."""
    folder = results_dir / run_id
    try:
        folder.mkdir(parents=True)
        try:
            files.append(samples.headers(folder))
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)  # made a moment ago, by us
            raise
    except OSError as error:
        why = error.strerror or error
        raise ResultsError(
            f"cannot write results to {folder}: {why}; choose another folder with --results"
        ) from None
    return Store(folder)


def load(which: str | Path, results_dir: Path) -> dict[str, Any]:
    """The document of a run: its id, its folder or its run.json. Raises ResultsError."""
    path = find(which, results_dir)
    try:
        document = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is not a result document: {error}") from None
    _check(document, path)
    return dict(document)


def latest(results_dir: Path) -> dict[str, Any]:
    """The document of the newest run. Raises ResultsError, also when there is none."""
    found = sorted(path.parent.name for path in results_dir.glob(f"*/{DOCUMENT}"))
    if not found:
        raise ResultsError(f"no runs in {results_dir}; `qbench run` makes one")
    return load(found[-1], results_dir)


def load_all(results_dir: Path) -> list[dict[str, Any]]:
    """The documents of all runs that can be read, oldest first; none where there is no such folder."""
    documents = []
    for path in sorted(results_dir.glob(f"*/{DOCUMENT}")):
        try:
            documents.append(load(path, results_dir))
        except ResultsError:  # one damaged run does not cost the others
            continue
    return documents


def find(which: str | Path, results_dir: Path) -> Path:
    """The document's file of a run that is named by its id, folder or run.json. Raises ResultsError."""
    for path in (results_dir / which, Path(which)):
        try:
            if (path / DOCUMENT).is_file():
                return path / DOCUMENT
            if path.is_file():
                return path
        except OSError as error:  # a name too long, a folder closed to us
            raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    raise ResultsError(f"no run {str(which)!r} in {results_dir}, and no folder or file of that name")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(document: Any, path: Path) -> None:
    """The schema's number first: of a newer one nothing else is known."""
    if not isinstance(document, dict) or type(document.get("schema")) is not int:
        raise ResultsError(f"{path} is not a result document: it has no schema number")
    if document["schema"] > SCHEMA:
        raise ResultsError(
            f"{path} was written by a newer qbench (schema {document['schema']}, this one reads {SCHEMA}); "
            "update qbench to read it"
        )
    try:
        check.check(document)
    except check.Wrong as wrong:
        raise ResultsError(f"{path} is not a result document: {wrong}") from None


def _encode(document: Mapping[str, Any]) -> bytes:
    # A file name that is not UTF-8 reaches Python as lone surrogates; as \udcXX they are valid JSON.
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
