"""Which device profiles can run, if the user named none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from delegates.wire import ProbeResult
from harness.accelerators import ACCELERATORS
from harness.config import DeviceProfile
from harness.errors import ConfigError


def usable(profiles: Sequence[DeviceProfile], answers: Mapping[str, ProbeResult]) -> list[DeviceProfile]:
    """Return the profiles that can run; of profiles with accelerators, those that have at least one.

    If none has, return those that can run on the CPU. Raises ConfigError if nothing can run at all.
    answers: what each profile's Python offers, by profile key.
    """
    running = [profile for profile in profiles if answers[profile.key].error is None]
    if not running:
        raise ConfigError("none of the device profiles can run here; see `qbench devices --probe`")
    return [p for p in running if why_not(p, answers[p.key]) is None] or running


def why_not(profile: DeviceProfile, answer: ProbeResult) -> str | None:
    """Return in short why the profile or all of its accelerators can't run; None if it can."""
    if answer.error is not None:
        return answer.error
    names = [d.name for d in profile.delegates if not ACCELERATORS[d.name].on_cpu]
    missing = [why for name in names if (why := answer.delegates.get(name) or answer.software.get(name))]
    return missing[0].partition(";")[0] if names and len(missing) == len(names) else None
