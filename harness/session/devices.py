"""The work of `qbench devices`: list device profiles, and probe the machines behind them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.accelerators import find_compilers
from harness.config import Config
from harness.devices import listing
from harness.devices.machines import Note
from harness.devices.transports.run_once import run_once
from harness.record.listing import Listing, ProbedDevice


def list_devices(config: Config, names: Sequence[str], *, probe: bool, note: Note) -> Listing:
    """List the named profiles (by default all); with `probe`, connect to them. Raises QbenchError."""
    profiles = config.named(names)
    if not probe:
        return listing.describe(config, profiles)
    return listing.probe(config, profiles, find_compilers(profiles, run_once), note)


def unreached(listed: Listing) -> list[ProbedDevice]:
    """Return the devices of a listing that could not be reached."""
    return [device for device in listed.devices if isinstance(device, ProbedDevice) and device.problem]
