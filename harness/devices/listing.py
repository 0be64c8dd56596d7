"""List device profiles, and probe or clean the machines behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from harness.config import Config, DeviceProfile
from harness.devices import machines
from harness.devices.state import profile_as_used
from harness.devices.transports.cleaned import Cleaned
from harness.errors import ConfigError
from harness.record.listing import ListedCompiler, ListedDevice, Listing, ProbedDevice

Compilers = Mapping[str, ListedCompiler]  # by profile name


def describe(config: Config, profiles: Sequence[DeviceProfile]) -> Listing:
    """List the profiles as devices.toml has them."""
    return Listing(str(config.path), tuple(map(_listed, profiles)))


def probe(
    config: Config, profiles: Sequence[DeviceProfile], compilers: Compilers, note: machines.Note
) -> Listing:
    """List the profiles with what their machines have, or why these can't be reached."""
    with machines.open_all(profiles, note) as opened:
        machines.probe_all(opened, look="everywhere", note=note)
        machine_of = {profile.name: machine for machine in opened for profile in machine.profiles}
        probed = tuple(_probed(p, machine_of[p.name], compilers.get(p.name)) for p in profiles)
    return Listing(str(config.path), probed)


def clean(config: Config, name: str, note: machines.Note) -> Cleaned:
    """Remove what qbench keeps on a board. Raises QbenchError."""
    (profile,) = config.named([name])
    if profile.ssh is None:
        raise ConfigError(
            f"--clean {name}: this is the local machine; qbench keeps nothing there but its cache"
        )
    with machines.open_all([profile], note) as (machine,):
        machine.transport.lock_for("that cleans up", 0.0)
        return machine.transport.clean()


def _listed(profile: DeviceProfile) -> ListedDevice:
    used = profile_as_used(profile)
    return ListedDevice(
        name=profile.name,
        place=profile.place,
        host=None if profile.ssh is None else profile.ssh.host,
        note=profile.note,
        python=used.python,
        runtime=used.runtime,
        delegates=tuple(delegate.name for delegate in used.delegates),
        threads=used.threads,
        affinity=used.affinity,
    )


def _probed(
    profile: DeviceProfile, machine: machines.Machine, compiler: ListedCompiler | None
) -> ProbedDevice:
    facts = machine.facts
    return ProbedDevice(
        **msgspec.structs.asdict(_listed(profile)),
        machine=None if facts is None else {**facts.machine, **facts.changing},
        found=machine.answers[profile.key],
        problem=machine.problem,
        lock=machine.transport.lock_holder,
        compiler=msgspec.UNSET if compiler is None else compiler,
    )
