"""Read what a run is, without its launches and figures: an entry of the list of runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
from msgspec import Struct, structs

from harness.errors import ResultsError
from harness.record import DeviceState, Document, Header, Model, events
from harness.store.document import RUN_JSON, parse, read_document
from harness.store.growing import EVENTS
from harness.store.index.entries import MachineEntry, RunEntry, State, utf8
from harness.store.reader import NothingPlannedError, lines_of, read_header

_TAIL_BYTES = 1 << 16  # the last event of a run, which says that it has ended, is much shorter
T = TypeVar("T")


class _Kind(Struct):
    event: str


class _Named(Struct):
    name: str


class _Planned(Struct):
    """A plan without what an entry does not hold."""

    models: tuple[_Named, ...]
    devices: tuple[MachineEntry, ...]
    cells: tuple[object, ...]


def summarize(folder: Path) -> RunEntry:
    """Read the entry of the run in a folder. Raises ResultsError; NothingPlannedError without a plan."""
    entry = _read(folder)
    try:
        msgspec.json.encode(entry)
    except UnicodeEncodeError:
        raise ResultsError(f"{folder} is damaged: what it says of itself is no text") from None
    return entry


def _read(folder: Path) -> RunEntry:
    path = folder / EVENTS
    try:
        with path.open("rb") as file:
            return _of_record(folder, file)
    except FileNotFoundError:
        return _of_document(folder.name, read_document(folder / RUN_JSON))
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None


def run_id_of(folder: Path) -> str:
    """Return the id of the run in a folder; the folder's name if it can't be read."""
    try:
        with (folder / EVENTS).open("rb") as file:
            return read_header(next(lines_of(file), b""), folder / EVENTS).run_id
    except FileNotFoundError:
        try:
            return read_document(folder / RUN_JSON).run_id
        except ResultsError:
            return folder.name
    except (OSError, ResultsError):
        return folder.name


def being_written(folder: Path) -> bool:
    """Return whether a qbench holds the lock of a run. False where locks can't be asked for."""
    try:
        with (folder / EVENTS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _of_record(folder: Path, file: BinaryIO) -> RunEntry:
    lines = lines_of(file)
    header = read_header(next(lines, b""), folder / EVENTS)
    damaged = False
    for line in lines:
        try:
            if _decode(line, _Kind).event == "planned":
                return _entry(folder, header, _decode(line, _Planned), _finished(file))
        except (ValueError, RecursionError):
            damaged = True
    if damaged:
        raise ResultsError(f"{folder} is damaged: its plan can't be read")
    raise NothingPlannedError(folder)


def _entry(folder: Path, header: Header, plan: _Planned, finished: events.Finished | None) -> RunEntry:
    state: State = "running" if finished is None and being_written(folder) else "cut-short"
    if finished is not None:
        state = "interrupted" if finished.interrupted else "finished"
    return RunEntry(
        run_id=header.run_id,
        folder=folder.name,
        started_at=header.started_at,
        finished_at=None if finished is None else finished.finished_at,
        state=state,
        qbench_version=header.qbench_version,
        models=_names(plan.models),
        devices=_names(plan.devices),
        cells=len(plan.cells),
        tags=header.tags,
        git=header.git,
        resumes=header.resumes,
        machines=tuple(structs.replace(device, name=utf8(device.name)) for device in plan.devices),
    )


def _finished(file: BinaryIO) -> events.Finished | None:
    """Return the event that ends a record, or None."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
    for line in reversed(file.read().split(b"\n")[:-1]):
        try:
            if _decode(line, _Kind).event == "finished":
                return _decode(line, events.Finished)
        except (ValueError, RecursionError):
            continue
    return None


def _of_document(name: str, document: Document) -> RunEntry:
    over: State = "interrupted" if document.interrupted else "finished"
    return RunEntry(
        run_id=document.run_id,
        folder=name,
        started_at=document.started_at or "",
        finished_at=document.finished_at,
        state="cut-short" if document.finished_at is None else over,
        qbench_version=document.qbench_version or "",
        models=_names(document.models),
        devices=_names(document.devices),
        cells=len(document.cells),
        tags=document.tags,
        git=document.git,
        resumes=document.resumes,
        machines=tuple(_machine(device) for device in document.devices),
    )


def _names(named: Iterable[_Named | Model | DeviceState | MachineEntry]) -> tuple[str, ...]:
    """Return the names, each once: a run with two sides may have two of a name."""
    return tuple(dict.fromkeys(utf8(one.name) for one in named))


def _machine(device: DeviceState) -> MachineEntry:
    told = [getattr(device, name) for name in MachineEntry.__struct_fields__[1:]]
    return MachineEntry(utf8(device.name), *told)


def _decode(line: bytes, kind: type[T]) -> T:
    """Decode a line of JSON; those that hold names that are not UTF-8 take longer. Raises ValueError."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        return msgspec.convert(parse(line), kind)
