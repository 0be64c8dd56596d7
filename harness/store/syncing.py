"""Bring the index of a folder of runs up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ResultsError
from harness.store.index import Index, RunEntry, fingerprint, scan
from harness.store.index.file import Note
from harness.store.reader import NothingPlannedError
from harness.store.summary import summarize

_AT_ONCE = 200  # runs that one write puts in
_MANY = 2_000  # reading this many takes seconds


@dataclass(frozen=True)
class Skipped:
    """The folders among the runs that are left out.

    damaged: why a run can't be read, by folder. foreign: folders that hold no run.
    """

    damaged: Mapping[str, str]
    foreign: tuple[str, ...]


def sync(index: Index, results: Path, note: Note) -> Skipped:
    """Read the runs that are new or have changed, and forget those that are gone. Raises ResultsError.

    Runs that can't be read are not in the index, and are tried again each time.
    """
    found, known = scan(results), index.known()
    if gone := known.keys() - found.runs.keys():
        index.forget(gone)
    new = [(folder, state) for folder, state in found.runs.items() if known.get(folder) != state]
    if len(new) >= _MANY:
        note(f"making the index of {len(new)} runs in {results}")
    damaged: dict[str, str] = {}
    for at in range(0, len(new), _AT_ONCE):
        index.put_runs(_read(results, new[at : at + _AT_ONCE], damaged))
    return Skipped(damaged, found.foreign)


def add(index: Index, folder: Path) -> bool:
    """Put one run into the index if it is new or has changed. Returns whether the index knows it."""
    state, damaged = fingerprint(folder), dict[str, str]()
    if state is None:
        return False
    if index.known(folder.name).get(folder.name) != state:
        index.put_runs(_read(folder.parent, [(folder.name, state)], damaged))
    return not damaged


def _read(results: Path, runs: list[tuple[str, str]], damaged: dict[str, str]) -> list[tuple[str, RunEntry]]:
    """Return the entries of runs with their fingerprints, and add those that are damaged to `damaged`."""
    entries = []
    for folder, state in runs:
        try:
            entries.append((state, summarize(results / folder)))
        except NothingPlannedError:
            continue
        except ResultsError as error:
            damaged[folder] = str(error)
    return entries
