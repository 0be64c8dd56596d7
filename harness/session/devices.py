"""What `qbench devices` is about: the profiles, what is behind them, and what qbench keeps there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.accelerators import ACCELERATORS, CompilerFound
from harness.cache import default_cache
from harness.config import Config, DeviceProfile
from harness.devices import listing
from harness.devices.machines import Note
from harness.devices.transports.cleaned import Cleaned
from harness.devices.transports.run_once import run_once
from harness.record.listing import ListedCompiler, Listing, ProbedDevice


def list_devices(config: Config, names: Sequence[str], *, probe: bool, note: Note) -> Listing:
    """List the profiles named (by default all), probed if that is asked for. Raises QbenchError."""
    profiles = config.named(names)
    if not probe:
        return listing.describe(config, profiles)
    return listing.probe(config, profiles, find_compilers(profiles), note)


def find_compilers(profiles: Iterable[DeviceProfile]) -> dict[str, ListedCompiler]:
    """Return the compiler of each profile that has an accelerator with one, by the profile's name."""
    wanted = [
        (profile.name, spec, make)
        for profile in profiles
        for spec in profile.delegates
        if (make := ACCELERATORS[spec.name].compiler) is not None
    ]
    compilers = {spec.name: make(default_cache(), run_once, _ignore) for _, spec, make in wanted}
    return {name: _listed(compilers[spec.name].find(spec)) for name, spec, _ in wanted}


def unreached(listing: Listing) -> list[ProbedDevice]:
    """Return the devices of a listing that could not be reached."""
    return [device for device in listing.devices if isinstance(device, ProbedDevice) and device.problem]


def clean(config: Config, name: str, note: Note) -> Cleaned:
    """Remove what qbench keeps on a board. Raises QbenchError."""
    return listing.clean(config, name, note)


def _listed(found: CompilerFound) -> ListedCompiler:
    return ListedCompiler(found.command, found.version, found.host, found.problem)


def _ignore(text: str) -> None:
    """Nothing is compiled, so nothing is said."""
