"""A tree of files that stands for another one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OtherTree:
    """A tree of files in which models of another tree are found anew.

    folder: in it, what the working directory is in `original`.
    """

    root: Path
    original: Path
    folder: Path

    def counterpart(self, path: Path) -> Path | None:
        """Return what a path of the original is in this tree, there or not; None for a path outside."""
        for one in (Path(os.path.abspath(path)), path.resolve()):  # noqa: PTH100 - it follows no links
            if one.is_relative_to(self.original):
                return self.root / one.relative_to(self.original)
        return None

    def as_texts(self) -> tuple[str, str, str]:
        """Return its fields in order."""
        return str(self.root), str(self.original), str(self.folder)
