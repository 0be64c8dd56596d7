"""A device as one run used it."""

from __future__ import annotations

from msgspec import Struct

from harness.record.plain import JsonObject

Facts = JsonObject
"""What a machine says of itself at one moment: see delegates.probe.facts for the keys and their units."""


class Delegate(Struct, frozen=True):
    """A delegate as a profile asks for it."""

    name: str
    options: JsonObject = {}


class Profile(Struct, frozen=True):
    """A device profile as it was used. Of the environment only the names: values may be secrets."""

    python: str | None = None
    runtime: str = "auto"
    delegates: tuple[Delegate, ...] = ()
    threads: tuple[int, ...] = (1,)
    affinity: tuple[int, ...] | None = None
    timeout_s: float | None = None
    env: tuple[str, ...] = ()


class DeviceState(Struct, frozen=True):
    """A device as it was found, and the state of its machine before and after the run."""

    name: str
    place: str = "local"
    machine: str | None = None  # profiles with the same one share a machine; "local" is this one
    note: str | None = None  # what has to be said wherever its figures stand
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

    def delegate(self, name: str) -> Delegate:
        """Return the delegate of that name as the profile configures it."""
        asked = () if self.profile is None else self.profile.delegates
        return next((delegate for delegate in asked if delegate.name == name), Delegate(name))
