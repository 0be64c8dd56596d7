"""The runtimes that a device profile is predicted for, without asking the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS
from harness.analysis.compat.document import KnownFrom
from harness.config import DelegateSpec, DeviceProfile

# The versions that rules are known for best; assumed where nothing says what a device has.
KNOWN = (
    Runtime("tflite-runtime", "2.14.0"),
    Runtime("ai-edge-litert", "2.3.0"),
)
_TENSORFLOW = Runtime("tensorflow", "2.21.0")


@dataclass(frozen=True)
class Target:
    """A device profile and the runtimes to predict for."""

    profile: DeviceProfile
    runtimes: tuple[Runtime, ...]  # at least one
    known_from: KnownFrom

    def runtimes_for(self, delegate: DelegateSpec) -> tuple[Runtime, ...]:
        """The runtimes to predict for: only the first where they make no difference to the rules."""
        return self.runtimes if needs_runtime(delegate.name) else self.runtimes[:1]


def needs_runtime(delegate: str) -> bool:
    """True for a delegate whose rules are not the same for all runtimes."""
    return ACCELERATORS[delegate].rules_need_runtime


def target(profile: DeviceProfile, installed: Sequence[Runtime]) -> Target:
    """The runtimes of a profile: of a local one those installed, of any other what it names, else all known.

    installed: the runtimes of the Python that runs qbench, in the order in which `auto` chooses.
    """
    if profile.place == "local" and profile.python is None:
        wanted = [runtime for runtime in installed if profile.runtime in ("auto", runtime.name)]
        if wanted:
            return Target(profile, (wanted[0],), "installed")
    named = tuple(runtime for runtime in (*KNOWN, _TENSORFLOW) if runtime.name == profile.runtime)
    return Target(profile, named or KNOWN, "profile" if named else "assumed")
