"""Dates and times as a user writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from harness.errors import ConfigError


def read_moment(option: str, text: str | None, *, end: bool = False) -> str | None:
    """Return a date, or a date and time, as RFC 3339 in UTC. Raises ConfigError.

    end: return the end of a day instead of its beginning.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text}: a date such as 2026-11-21 or 2026-11-21T14:30 expected"
        ) from None
    if end and len(text) <= len("2026-11-21"):
        moment += timedelta(days=1, microseconds=-1)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
