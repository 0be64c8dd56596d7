"""Timeouts after which a board counts as lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """All in seconds."""

    connect_s: float = 60.0  # a hardware key may want to be touched
    answer_s: float = 60.0  # without a byte from the board; login shells and slow disks take their time
    beat_s: float = 5.0  # between the empty lines by which each side shows that it is there
    quiet_s: float = 20.0  # without a byte from home, the board counts home as gone
    retry_s: float = 90.0  # after a lost link: a board takes so long to start again
