"""The listing of device profiles: what `qbench devices` shows, and its JSON."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from delegates.wire import ProbeResult
from harness.record.device import Facts


class ListedCompiler(Struct, frozen=True):
    """The compiler that a profile's accelerator uses, or why there is none."""

    command: str | None
    version: str | None
    host: str | None  # None: this machine
    problem: str | None = None
    name: str = "compiler"  # of the program


class ListedDevice(Struct, frozen=True, kw_only=True):
    """A device profile as devices.toml describes it."""

    name: str
    place: str
    host: str | None  # of a board that is reached over SSH
    note: str | None
    python: str | None
    runtime: str
    delegates: tuple[str, ...]
    threads: tuple[int, ...]
    affinity: tuple[int, ...] | None


class ProbedDevice(ListedDevice, frozen=True, kw_only=True):
    """A device profile, and what probing its machine found."""

    machine: Facts | None  # None: it can't be reached
    found: ProbeResult
    problem: str | None  # why it can't be reached
    lock: str | None  # who is measuring on the machine
    compiler: ListedCompiler | UnsetType = UNSET  # only where a delegate of the profile has one


class Listing(Struct, frozen=True):
    """Device profiles of one devices.toml, in its order."""

    file: str
    devices: tuple[ListedDevice | ProbedDevice, ...]
