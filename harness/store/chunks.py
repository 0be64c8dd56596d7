"""Samples and outputs as chunks of bytes that lie beside the events."""

from __future__ import annotations

import base64
import itertools
import math
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from delegates.wire import Launch, Output
from harness.record.events import Chunk, Launched, StoredOutput

SAMPLES = "samples.bin"
OUTPUTS = "outputs.bin"

_TYPES = {4: "i", 8: "q"}  # of array.array, by bytes

# A damaged record must not fill the memory: far above what a device may send.
_MOST_SAMPLES = 1 << 22
_MOST_VALUES = 1 << 24


class DamagedError(Exception):
    """A chunk is not there, or not as it was written."""


def pack_samples(launch: Launch) -> tuple[int, bytes]:
    """Pack all times of a launch, as `record.events.Launched` describes them; return `time_bytes`, too."""
    times = list(itertools.chain(*launch.blocks_ns, *launch.cpu_time_ns, launch.end_to_end_ns))
    time_bytes = 4 if max(times, default=0) < 1 << 31 else 8  # up to 2.1 s
    return time_bytes, _pack(_little_endian(array(_TYPES[time_bytes], times)).tobytes())


def pack_output(output: Output) -> bytes:
    """The values of an output tensor, compressed."""
    return _pack(base64.b64decode(output.data))


def restore(folder: Path, event: Launched) -> Launch:
    """The launch with its samples, without outputs. Raises DamagedError."""
    sizes = event.block_sizes
    if min((*sizes, event.end_to_end), default=0) < 0:
        raise DamagedError("a size below zero")
    timed = sum(sizes)
    count = timed * (2 if event.has_cpu_times else 1) + event.end_to_end
    if count > _MOST_SAMPLES:
        raise DamagedError(f"{count} samples can't be")
    if event.time_bytes not in _TYPES:
        raise DamagedError(f"{event.time_bytes} bytes a sample can't be")
    data = _unpack(folder / SAMPLES, event.samples, event.time_bytes * count)
    times = _little_endian(array(_TYPES[event.time_bytes], data))
    blocks = _blocks(times, sizes)
    cpu_times = _blocks(times[timed:], sizes) if event.has_cpu_times else []
    return replace(
        event.launch,
        blocks_ns=blocks,
        cpu_time_ns=cpu_times,
        end_to_end_ns=cast("list[int]", times[count - event.end_to_end :]),
    )


def restore_output(folder: Path, stored: StoredOutput) -> Output:
    """An output tensor with its values. Raises DamagedError."""
    count = math.prod(stored.shape)
    if min(stored.shape, default=0) < 0 or count > _MOST_VALUES:
        raise DamagedError(f"the shape {list(stored.shape)} can't be")
    data = _unpack(folder / OUTPUTS, stored.values, 4 * count)
    return Output(stored.name, list(stored.shape), base64.b64encode(data).decode(), stored.subsampled)


def _blocks(times: array[int], sizes: Sequence[int]) -> list[list[int]]:
    """The first times as blocks of these sizes: slices of an array, which numpy takes without a copy."""
    ends = itertools.accumulate(sizes, initial=0)
    return [cast("list[int]", times[start:end]) for start, end in itertools.pairwise(ends)]


def _little_endian(numbers: array[int]) -> array[int]:
    """The same numbers in the byte order of the files, or of the files in this machine's."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _pack(data: bytes) -> bytes:
    return zlib.compress(data, level=1)  # beside a measurement: three times smaller for 5 ns a sample


def _unpack(path: Path, chunk: Chunk, size: int) -> bytes:
    """`size` bytes. Raises DamagedError."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            if min(chunk.offset, chunk.size_bytes) < 0 or chunk.offset + chunk.size_bytes > file.tell():
                raise DamagedError("it is cut short")
            file.seek(chunk.offset)
            stored = file.read(chunk.size_bytes)
        if zlib.crc32(stored) != chunk.crc32:
            raise DamagedError("its checksum differs")
        unpacked = zlib.decompressobj().decompress(stored, size + 1)
    except OSError as error:
        raise DamagedError(error.strerror or str(error)) from None
    except zlib.error as error:
        raise DamagedError(str(error)) from None
    if len(unpacked) != size:
        raise DamagedError("its size differs")
    return unpacked
