"""Pack samples and outputs into chunks of bytes beside the events, and unpack them."""

from __future__ import annotations

import base64
import itertools
import math
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO, cast

from delegates.wire import Launch, Output
from harness.record.events import Chunk, Launched, StoredOutput

Opener = Callable[[str], BinaryIO]
"""Opens a file of the record by its name, to be read. Raises OSError."""

SAMPLES = "samples.bin"
OUTPUTS = "outputs.bin"

_TYPES = {4: "i", 8: "q"}  # of array.array, by bytes

# Limits that keep a damaged record from filling the memory; far above what a device may send.
_MOST_SAMPLES = 1 << 22
_MOST_VALUES = 1 << 24


class DamagedError(Exception):
    """A chunk is missing, or not as it was written."""


def pack_samples(launch: Launch) -> tuple[int, bytes]:
    """Pack all times of a launch, as `record.events.Launched` describes. Returns `time_bytes`, too."""
    times = list(itertools.chain(*launch.blocks_ns, *launch.cpu_time_ns, launch.end_to_end_ns))
    time_bytes = 4 if max(times, default=0) < 1 << 31 else 8  # up to 2.1 s
    return time_bytes, _pack(_little_endian(array(_TYPES[time_bytes], times)).tobytes())


def pack_output(output: Output) -> bytes:
    """Pack the values of an output tensor."""
    return _pack(base64.b64decode(output.data))


def restore(opener: Opener, event: Launched) -> Launch:
    """Read the launch of an event with its samples, without outputs. Raises DamagedError."""
    sizes = event.block_sizes
    if min((*sizes, event.end_to_end), default=0) < 0:
        raise DamagedError("negative size")
    timed = sum(sizes)
    count = timed * (2 if event.has_cpu_times else 1) + event.end_to_end
    if count > _MOST_SAMPLES:
        raise DamagedError(f"too many samples: {count}")
    if event.time_bytes not in _TYPES:
        raise DamagedError(f"impossible size of a sample: {event.time_bytes} bytes")
    data = _unpack(opener, SAMPLES, event.samples, event.time_bytes * count)
    times = _little_endian(array(_TYPES[event.time_bytes], data))
    blocks = _blocks(times, sizes)
    cpu_times = _blocks(times[timed:], sizes) if event.has_cpu_times else []
    return replace(
        event.launch,
        blocks_ns=blocks,
        cpu_time_ns=cpu_times,
        end_to_end_ns=cast("list[int]", times[count - event.end_to_end :]),
    )


def restore_output(opener: Opener, stored: StoredOutput) -> Output:
    """Read an output tensor with its values. Raises DamagedError."""
    count = math.prod(stored.shape)
    if min(stored.shape, default=0) < 0 or count > _MOST_VALUES:
        raise DamagedError(f"impossible shape {list(stored.shape)}")
    data = _unpack(opener, OUTPUTS, stored.values, 4 * count)
    return Output(stored.name, list(stored.shape), base64.b64encode(data).decode(), stored.subsampled)


def _blocks(times: array[int], sizes: Sequence[int]) -> list[list[int]]:
    """Split times into blocks of these sizes. Slices of an array, which numpy uses without a copy."""
    ends = itertools.accumulate(sizes, initial=0)
    return [cast("list[int]", times[start:end]) for start, end in itertools.pairwise(ends)]


def _little_endian(numbers: array[int]) -> array[int]:
    """Convert numbers in place between this machine's byte order and that of the files."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _pack(data: bytes) -> bytes:
    # Level 1, as this runs beside a measurement: three times smaller at 5 ns a sample.
    return zlib.compress(data, level=1)


def _unpack(opener: Opener, name: str, chunk: Chunk, size: int) -> bytes:
    """Read a chunk of `size` bytes. Raises DamagedError."""
    try:
        with opener(name) as file:
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
