"""Which runtimes a device profile is to be predicted for, without asking the device."""

from __future__ import annotations

from collections.abc import Sequence

from delegates.backends.runtime import installed
from delegates.wire import Runtime
from harness import versions
from harness.analysis.compat import Target
from harness.config import DeviceProfile

# The versions that rules are known for best; assumed where nothing says what a device has.
KNOWN = (
    Runtime("tflite-runtime", "2.14.0"),
    Runtime("ai-edge-litert", "2.3.0"),
)
_TENSORFLOW = Runtime("tensorflow", "2.21.0")


def target(profile: DeviceProfile) -> Target:
    """A local profile: the runtime installed here. Any other: the profile's `runtime`, or both known ones."""
    if profile.place == "local" and profile.python is None:
        found = _choose(installed(), profile.runtime)
        if found is not None:
            return Target(profile, (found,), "installed")
    named = [runtime for runtime in (*KNOWN, _TENSORFLOW) if runtime.name == profile.runtime]
    return Target(profile, tuple(named) or KNOWN, "profile" if named else "assumed")


def oldest_limiting(targets: Sequence[Target]) -> tuple[int, int] | None:
    """Major and minor version of the oldest tflite-runtime among them, which variants are made for."""
    return versions.oldest_limiting(
        runtime for target in targets if target.known_from != "assumed" for runtime in target.runtimes
    )


def _choose(found: Sequence[Runtime], wanted: str) -> Runtime | None:
    """As the device's own Python chooses: the one asked for, else the first."""
    return next((runtime for runtime in found if wanted in ("auto", runtime.name)), None)
