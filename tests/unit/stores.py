"""Folders of runs made by hand, and file systems that can't be written."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.session.indexing import list_runs
from harness.store.index import RunEntry, RunFilter
from tests.unit.record_builder import recorded


def ids(count: int) -> list[str]:
    """Ids of runs, the oldest first."""
    return [f"20261121-0544{number:02d}-123-{number:04x}" for number in range(count)]


def store_of(results: Path, count: int, **more: Any) -> list[str]:
    """Make runs in a folder; returns their ids, the oldest first."""
    for run_id in ids(count):
        recorded(results, run_id, **more).close()
    return ids(count)


def listed(results: Path, notes: list[str] | None = None, **wanted: Any) -> Sequence[RunEntry]:
    """The runs asked for, the newest first; notes are added to `notes`."""
    return list_runs(results, RunFilter(**wanted), (notes if notes is not None else []).append)[0]


def names(runs: Sequence[RunEntry]) -> list[str]:
    return [run.run_id for run in runs]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `folder`; skips the test where mounting is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_read_only(disk: Path) -> None:
    """Remount a file system of `mounted` so that nobody can write."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
