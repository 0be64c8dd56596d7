"""Convert a device profile and its probe to the types of the record."""

from __future__ import annotations

from delegates.wire import ProbeResult
from harness.config import DeviceProfile
from harness.devices.machines import Machine
from harness.record import Delegate, DeviceState, Profile
from harness.record.plain import plain_object


def profile_as_used(profile: DeviceProfile) -> Profile:
    """Return the part of a profile that affects measurements, with the names of its environment only."""
    return Profile(
        python=profile.python,
        runtime=profile.runtime,
        delegates=tuple(Delegate(d.name, plain_object(d.options)) for d in profile.delegates),
        threads=profile.threads,
        affinity=profile.affinity,
        timeout_s=profile.timeout_s,
        env=tuple(sorted(profile.env)),
    )


def device_state(profile: DeviceProfile, machine: Machine) -> DeviceState:
    """Return the state of a device as probing found it."""
    answer: ProbeResult = machine.answers[profile.key]
    facts = {} if machine.facts is None else machine.facts.machine
    return DeviceState(
        name=profile.name,
        place=profile.place,
        machine=machine.id,
        note=profile.note,
        problem=machine.problem,
        os=facts.get("os"),
        arch=facts.get("arch"),
        cpu=facts.get("cpu"),
        cores=facts.get("cores"),
        memory_bytes=facts.get("memory_bytes"),
        python=answer.version,
        runtime=answer.runtime.name if answer.runtime else None,
        runtime_version=answer.runtime.version if answer.runtime else None,
        profile=profile_as_used(profile),
        side=profile.side,
    )
