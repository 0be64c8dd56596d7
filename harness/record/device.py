"""A device as one run used it."""

from __future__ import annotations

from msgspec import Struct

from harness.record.plain import JsonObject
from harness.record.variant import Side

Facts = JsonObject
"""A machine's description of itself at one moment; keys and units: delegates.probe.facts."""


class Delegate(Struct, frozen=True):
    """A delegate, with the options that a profile gives it."""

    name: str
    options: JsonObject = {}


class Profile(Struct, frozen=True):
    """A device profile as it was used. `env` holds names only, because values may be secrets."""

    python: str | None = None
    runtime: str = "auto"
    delegates: tuple[Delegate, ...] = ()
    threads: tuple[int, ...] = (1,)
    affinity: tuple[int, ...] | None = None
    timeout_s: float | None = None
    env: tuple[str, ...] = ()


class DeviceState(Struct, frozen=True):
    """A device as probing found it, and the state of its machine before and after the run."""

    name: str
    place: str = "local"
    machine: str | None = None  # the same for profiles that share a machine; "local" is the user's own
    note: str | None = None  # shown wherever its figures are
    problem: str | None = None  # why it could not be reached, at the start or later
    os: str | None = None
    arch: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    python: str | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    profile: Profile | None = None
    facts_before: Facts = {}
    facts_after: Facts = {}
    side: Side | None = None  # only where the two sides differ in Python or runtime

    def delegate(self, name: str) -> Delegate:
        """Return the delegate with its options in the profile, without options if it is not in there."""
        asked = () if self.profile is None else self.profile.delegates
        return next((delegate for delegate in asked if delegate.name == name), Delegate(name))
