"""What lies in a folder of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ResultsError
from harness.store.document import RUN_JSON
from harness.store.growing import EVENTS

RUN_ID = re.compile(r"\d{8}-\d{6}-\d{3}-[0-9a-f]{4}")


@dataclass(frozen=True)
class Scan:
    """The folders in a folder of runs.

    runs: the state of each run's record, by the name of its folder. foreign: folders without a record.
    """

    runs: Mapping[str, str]
    foreign: tuple[str, ...]


def scan(results: Path) -> Scan:
    """Look at the folders in a folder of runs; there are none if it does not exist. Raises ResultsError."""
    runs, foreign = {}, []
    try:
        with os.scandir(results) as entries:
            names = [each.name for each in entries if each.name[0] != "." and each.is_dir()]
    except FileNotFoundError:
        return Scan({}, ())
    except OSError as error:
        raise ResultsError(f"cannot read {results}: {error.strerror or error}") from None
    for name in names:
        found = fingerprint(results / name)
        if found is not None and name.isprintable():  # what is not UTF-8 is not printable
            runs[name] = found
        elif not RUN_ID.fullmatch(name):  # else it is being made, or was killed while it was
            foreign.append(name)
    return Scan(runs, tuple(sorted(foreign)))


def fingerprint(folder: Path) -> str | None:
    """Return a text that changes whenever a run's record does; None without a record."""
    for name in (EVENTS, RUN_JSON):
        try:
            found = os.stat(f"{folder}/{name}")  # noqa: PTH116 - of thousands of runs
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{name}: {error.strerror}"
        return f"{name} {found.st_size} {found.st_mtime_ns}"
    return None
