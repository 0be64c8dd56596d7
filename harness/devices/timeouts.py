"""Timeouts of the link to a board."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """The timeouts of a link, in seconds."""

    connect_s: float = 60.0  # to connect; the user may have to touch a hardware key
    answer_s: float = 60.0  # without a byte from the board, until it counts as lost; slow disks need some
    beat_s: float = 5.0  # between heartbeats, which are empty lines
    quiet_s: float = 20.0  # without a byte from home, until the board counts home as gone
    retry_s: float = 90.0  # of attempts to restore a lost link; a board needs that long to restart
