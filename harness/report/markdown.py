"""Write text and tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def escape(text: str) -> str:
    """Escape text so that Markdown shows it unchanged, also in a table."""
    return _SPECIAL.sub(r"\\\1", text)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with every text escaped."""
    return "\n".join([_row(headers), "|" + " --- |" * len(headers), *map(_row, rows)])


def _row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, texts)) + " |"
