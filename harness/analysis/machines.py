"""Tell whether two runs were on the same machine."""

from __future__ import annotations

from typing import Protocol

_MEMORY = 0.02  # by which the memory of one machine may seem to differ, after an update of its system


class Machine(Protocol):
    """What a device says of its machine; None: not known."""

    @property
    def place(self) -> str:
        """How it is reached: "local", "ssh"."""

    @property
    def machine(self) -> str | None:
        """Its address, or "local"."""

    @property
    def arch(self) -> str | None:
        """Its architecture."""

    @property
    def cpu(self) -> str | None:
        """Its CPU."""

    @property
    def cores(self) -> int | None:
        """How many cores it has."""

    @property
    def memory_bytes(self) -> int | None:
        """How much memory it has."""


def same_machine(base: Machine, head: Machine) -> bool:
    """Return whether a device was on the same machine in both runs, as far as it can be told."""
    facts = ("place", "arch", "cpu", "cores")
    if any(_differ(getattr(base, fact), getattr(head, fact)) for fact in facts):
        return False
    if base.place != "local" and _differ(base.machine, head.machine):
        return False
    return same_memory(base.memory_bytes, head.memory_bytes)


def same_memory(base: int | None, head: int | None) -> bool:
    """Return whether two machines may have the same memory. A system's update may change it a little."""
    return base is None or head is None or abs(base - head) <= _MEMORY * max(base, head)


def _differ(base: object, head: object) -> bool:
    """Return whether both are known and differ."""
    return base is not None and head is not None and base != head
