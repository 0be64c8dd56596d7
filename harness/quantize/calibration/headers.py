"""Read .npy and .npz files: first their headers, then only the samples that are used.

A few MB of zip can hold an array of any size, so nothing is unpacked before its header fits.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError

LARGEST = 2 << 30  # bytes that are read of one array
LARGEST_FORTRAN = 1 << 29  # the same for an array in Fortran order, which has to be read whole
MOST_ARRAYS = 1024  # in one .npz
LARGEST_HEADER = 1 << 16  # bytes; numpy takes headers of up to 10,000 characters
_MAGIC, _ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")
_BLOCK = 1 << 24
_UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_PICKLED = (
    "not an array file, or it holds pickled Python objects, which are never loaded; save numbers with"
    " numpy.save or numpy.savez"
)


@dataclass(frozen=True)
class StoredArray:
    """An array in a file: what its header says, and how to open it."""

    where: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    open: Callable[[], IO[bytes]]  # at the start of the header

    def all(self) -> npt.NDArray[Any]:
        """Read the whole array, whatever its size. Raises ModelError."""
        return self._read(self.shape).reshape(self.shape, order="F" if self.fortran_order else "C")

    def first(self, rows: int) -> npt.NDArray[Any]:
        """Read the first `rows` along the first dimension. Raises ModelError, also if they are too large."""
        shape = (min(rows, self.shape[0]), *self.shape[1:])
        if self.fortran_order:
            self._limit(self.shape, LARGEST_FORTRAN, "save numpy.ascontiguousarray(…) of it")
            return self.all()[: shape[0]]
        self._limit(shape, LARGEST, "use fewer samples (…,samples=100)")
        return self._read(shape).reshape(shape)

    def _limit(self, shape: tuple[int, ...], limit: int, remedy: str) -> None:
        size = math.prod(shape) * self.dtype.itemsize
        if size > limit:
            raise ModelError(f"{self.where}: {size / 1e9:.1f} GB of it would have to be read; {remedy}")

    def _read(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read the values of an array of this shape, from the beginning of the file."""
        with _one_line(self.where), self.open() as file:
            if _read_header(file) != (self.shape, self.fortran_order, self.dtype):
                raise ValueError("it was replaced while it was read")
            values = _exactly(file, math.prod(shape) * self.dtype.itemsize)
            _check_sum(file)
        return np.frombuffer(values, self.dtype)


def arrays_in(path: Path, where: str) -> Mapping[str, StoredArray]:
    """Return the arrays in an .npy (under the name "") or an .npz; only headers are read.

    Raises ModelError, one line, for files that are damaged and for arrays of Python objects.
    """
    with _one_line(where):
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
        if magic.startswith(_ZIP):
            return _of_zip(path, where)
        if magic != _MAGIC:
            raise ModelError(f"{where}: " + (_PICKLED if magic else "cannot be read: No data left in file"))
        return {"": _stored(where, lambda: path.open("rb"), path.stat().st_size)}


def _of_zip(path: Path, where: str) -> dict[str, StoredArray]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > MOST_ARRAYS:
        raise ModelError(f"{where}: {len(members)} files in one .npz, more than {MOST_ARRAYS}")
    found = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        found[name] = _stored(where, partial(_open_member, path, member.filename), member.file_size)
    return found


def _open_member(path: Path, name: str) -> IO[bytes]:
    with zipfile.ZipFile(path) as archive:
        return archive.open(name)  # the member keeps the archive open


def _stored(where: str, opener: Callable[[], IO[bytes]], size: int) -> StoredArray:
    """Return the array that a header describes; its values must fit in the file's `size` bytes."""
    with opener() as file:
        shape, fortran_order, dtype = _read_header(file)
        header = file.tell()
    if dtype.hasobject:
        raise ModelError(f"{where}: {_PICKLED}")
    if min(shape, default=0) < 0 or header + math.prod(shape) * dtype.itemsize > size:
        raise ModelError(f"{where}: cannot be read: an array of shape {shape} is not all there")
    return StoredArray(where, dtype, shape, fortran_order, opener)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, Fortran order and type, up to the array's first byte. Raises ValueError."""
    form: Any = np.lib.format
    magic = file.read(form.MAGIC_LEN)
    version = form.read_magic(io.BytesIO(magic))
    known = {(1, 0): (2, form.read_array_header_1_0), (2, 0): (4, form.read_array_header_2_0)}
    if version not in known:
        raise ValueError(f"array format {'.'.join(map(str, version))} is not one of plain numbers")
    width, read = known[version]
    length = file.read(width)
    if int.from_bytes(length, "little") > LARGEST_HEADER:  # it may say 4 GB, and numpy would read them
        raise ValueError("its header is damaged")
    header = file.read(int.from_bytes(length, "little"))
    try:
        shape, fortran_order, dtype = read(io.BytesIO(length + header))
    except (SyntaxError, TokenError, RecursionError):  # numpy reads it as a Python literal
        raise ValueError("its header is damaged") from None
    return tuple(shape), fortran_order, dtype


def _exactly(file: IO[bytes], size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        block = file.read(min(_BLOCK, size - len(data)))
        if not block:
            raise EOFError(f"it ends after {len(data)} of {size} bytes")
        data += block
    return data


def _check_sum(file: IO[bytes]) -> None:
    """Read a zip's member to its end, at which zipfile checks its CRC-32; give up after another 2 GiB."""
    if isinstance(file, zipfile.ZipExtFile):
        for _ in range(LARGEST // _BLOCK):
            if not file.read(_BLOCK):
                return


@contextmanager
def _one_line(where: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ModelError(f"{where}: cannot be read: {text or type(error).__name__}") from None
