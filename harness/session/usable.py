"""Which device profiles can run here, where none was asked for by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from delegates.wire import ProbeResult
from harness.accelerators import ACCELERATORS
from harness.config import DeviceProfile
from harness.errors import ConfigError


def usable(profiles: Sequence[DeviceProfile], answers: Mapping[str, ProbeResult]) -> list[DeviceProfile]:
    """Return the profiles that can run: one with accelerators only if one of them is there.

    If that leaves none, those remain that can run on the CPU. Raises ConfigError if nothing can run.
    answers: what each profile's Python offers, by the profile's name.
    """
    running = [profile for profile in profiles if answers[profile.name].error is None]
    if not running:
        raise ConfigError("none of the device profiles can run here; see `qbench devices --probe`")
    return [p for p in running if why_not(p, answers[p.name]) is None] or running


def why_not(profile: DeviceProfile, found: ProbeResult) -> str | None:
    """Return why the profile, or all of its accelerators, can't run, in short; None if it can."""
    if found.error is not None:
        return found.error
    wanted = [d.name for d in profile.delegates if not ACCELERATORS[d.name].on_cpu]
    missing = [why for name in wanted if (why := found.delegates.get(name) or found.software.get(name))]
    return missing[0].partition(";")[0] if wanted and len(missing) == len(wanted) else None
