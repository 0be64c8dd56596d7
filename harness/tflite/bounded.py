"""Read tables of a flatbuffer whose lengths may be wrong, in bounded time and memory."""

from __future__ import annotations

from typing import Any


class Corrupt(Exception):
    """The file is not a valid model."""


class BoundedReader:
    """A reader of vectors and texts in a file's tables.

    Parts of a sound file hardly overlap, so all vectors together are about as long as the file. What is
    read beyond a few times its size is a wrong length.
    """

    def __init__(self, size_bytes: int) -> None:
        """size_bytes: of the file."""
        self._left = 4 * size_bytes + 4096

    def spend(self, count: int) -> None:
        """Count bytes that are read. Raises Corrupt if they are too many."""
        self._left -= count
        if self._left < 0:
            raise Corrupt("the lengths in it add up to far more than the file")

    def length(self, table: Any, field: str) -> int:
        """Return the length of a vector of tables: each takes at least four bytes, for its offset."""
        length = int(getattr(table, field + "Length")())
        self.spend(4 * length)
        return length

    def vector(self, table: Any, field: str) -> list[Any]:
        """Read a vector of numbers. Raises ValueError if it reaches outside the file."""
        if not getattr(table, field + "Length")():
            return []
        array = getattr(table, field + "AsNumpy")()  # a view
        self.spend(array.nbytes)
        return list(array.tolist())

    def indices(self, table: Any, field: str, count: int, *, optional: bool = False) -> tuple[int, ...]:
        """Read a vector of indices below `count`; with `optional`, -1 stands for none and is left out."""
        indices = self.vector(table, field)
        wrong = next((i for i in indices if not (0 <= i < count or (optional and i == -1))), None)
        if wrong is not None:
            raise Corrupt(f"it refers to tensor {wrong}, and there are {count}")
        return tuple(i for i in indices if i >= 0)

    def text(self, raw: bytes | None, errors: str = "replace") -> str:
        """Read bytes as text."""
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", errors)

    def name(self, raw: bytes | None, whose: str) -> str:
        """Read a name. Raises Corrupt unless it is UTF-8, which runtimes need for Python."""
        try:
            return self.text(raw, "strict")
        except UnicodeDecodeError:
            raise Corrupt(f"the name of {whose} is not UTF-8") from None
