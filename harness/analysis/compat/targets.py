"""Which runtimes to predict for on a device profile, without connecting to the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS
from harness.analysis.compat.document import KnownFrom
from harness.config import DelegateSpec, DeviceProfile

# The versions that rules are best known for; assumed if a device's runtime is unknown.
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
        """Return the runtimes to predict for; only one if the delegate's rules don't depend on it."""
        return self.runtimes if needs_runtime(delegate.name) else self.runtimes[:1]


def needs_runtime(delegate: str) -> bool:
    """Return whether a delegate's rules depend on the runtime."""
    return ACCELERATORS[delegate].rules_need_runtime


def target(profile: DeviceProfile, installed: Sequence[Runtime]) -> Target:
    """Return the runtimes of a profile: the installed one if local, else the one it names, else all known.

    installed: the runtimes of the Python that runs qbench, in the order in which `auto` chooses.
    """
    if profile.place == "local" and profile.python is None:
        wanted = [runtime for runtime in installed if profile.runtime in ("auto", runtime.name)]
        if wanted:
            return Target(profile, (wanted[0],), "installed")
    named = tuple(runtime for runtime in (*KNOWN, _TENSORFLOW) if runtime.name == profile.runtime)
    return Target(profile, named or KNOWN, "profile" if named else "assumed")
