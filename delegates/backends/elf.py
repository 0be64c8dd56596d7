"""Find shared libraries of Linux, and check by their ELF headers whether they can be loaded.

The dynamic linker reports "No such file" for a library of another machine, and a truncated library kills the
process that loads it (SIGBUS). Source: elf(5).
"""

from __future__ import annotations

import glob
import os
import struct
from typing import BinaryIO, List, NamedTuple, Optional

_MACHINES = {3: "x86", 8: "MIPS", 21: "ppc64", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv"}
_FOLDERS = (
    "/usr/local/lib", "/usr/local/lib/*-linux-*", "/lib", "/lib/*-linux-*", "/lib64", "/usr/lib",
    "/usr/lib/*-linux-*", "/usr/lib64",
)  # fmt: skip
_SELF = "/proc/self/exe"
_NO_DATA = 8  # SHT_NOBITS: a section that takes no room in the file


class _NotElf(Exception):
    """The file has no ELF header, or a damaged one."""


class _Header(NamedTuple):
    bits: int
    machine: int
    end: int  # the least size of the file in bytes, according to its header


def find(library: str) -> Optional[str]:
    """Return the file that the dynamic linker finds for a path or name; None if there is none.

    Of several files it is the first without a problem, as the linker skips those for other machines.
    """
    path = os.path.expanduser(library)
    if os.sep in path:
        return path if os.path.isfile(path) else None
    places = (os.path.join(folder, path) for folder in _folders())
    files = [place for place in places if os.path.isfile(place)]
    return next((file for file in files if problem(file) is None), files[0] if files else None)


def _folders() -> List[str]:
    """Return folders in the dynamic linker's order: LD_LIBRARY_PATH, the configured ones, the usual ones."""
    named = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    for file in ["/etc/ld.so.conf", *sorted(glob.glob("/etc/ld.so.conf.d/*.conf"))]:
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                named += [line.strip() for line in lines if line.startswith("/")]
        except OSError:
            continue
    return named + [folder for pattern in _FOLDERS for folder in sorted(glob.glob(pattern))]


def problem(path: str) -> Optional[str]:
    """Return why this process can't load the file, and what to do; None if nothing seems wrong."""
    try:
        own = _read(_SELF)
    except (OSError, _NotElf):  # not Linux, or nothing to compare with
        return None
    try:
        found = _read(path)
    except _NotElf:
        return "%s is no shared library of Linux: it has no sound ELF header; install it again" % path
    except OSError as error:
        return "%s cannot be read: %s" % (path, error.strerror or error)
    if (found.bits, found.machine) != (own.bits, own.machine):
        return "%s is for %s, and this Python is for %s; install the library's build for this machine" % (
            path, _words(found), _words(own),
        )  # fmt: skip
    size = os.path.getsize(path)
    if size < found.end:
        return "%s is truncated: it has %d bytes, and its header tells of %d; install it again" % (
            path, size, found.end,
        )  # fmt: skip
    return None


def _words(header: _Header) -> str:
    return "%s, %d bit" % (_MACHINES.get(header.machine, "machine %d" % header.machine), header.bits)


def _read(path: str) -> _Header:
    with open(path, "rb") as file:
        start = file.read(64)
        if start[:4] != b"\x7fELF":
            raise _NotElf
        try:
            return _header(file, start)
        except (struct.error, IndexError, OverflowError, ValueError):
            raise _NotElf from None


def _header(file: BinaryIO, start: bytes) -> _Header:
    wide, order = start[4] == 2, "<" if start[5] == 1 else ">"
    fields = struct.unpack_from(order + ("HHIQQQIHHHHH" if wide else "HHIIIIIHHHHH"), start, 16)
    segments = (fields[4], *fields[8:10])  # offset, size of an entry, number of entries
    sections = (fields[5], *fields[10:12])
    ends = [offset + size * count for offset, size, count in (segments, sections)]
    ends += [_segment_end(entry, wide, order) for entry in _entries(file, *segments)]
    ends += [_section_end(entry, wide, order) for entry in _entries(file, *sections)]
    return _Header(64 if wide else 32, fields[1], max(ends))


def _entries(file: BinaryIO, offset: int, size: int, count: int) -> List[bytes]:
    """Return the entries of a table in the file; fewer than `count` if the file ends before."""
    if not size:
        return []
    file.seek(offset)
    table = file.read(size * count)
    return [table[at : at + size] for at in range(0, len(table) - size + 1, size)]


def _segment_end(entry: bytes, wide: bool, order: str) -> int:
    """Return p_offset + p_filesz."""
    return sum(_number(entry, at, wide, order) for at in ((8, 32) if wide else (4, 16)))


def _section_end(entry: bytes, wide: bool, order: str) -> int:
    """Return sh_offset + sh_size, or 0 for a section without data in the file."""
    (kind,) = struct.unpack_from(order + "I", entry, 4)
    if kind == _NO_DATA:
        return 0
    return sum(_number(entry, at, wide, order) for at in ((24, 32) if wide else (16, 20)))


def _number(entry: bytes, at: int, wide: bool, order: str) -> int:
    return int(struct.unpack_from(order + ("Q" if wide else "I"), entry, at)[0])
