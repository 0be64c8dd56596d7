"""The converter's results for a model in the cache: files, and reasons why there are none."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from harness import cache
from harness.quantize.backends.tflite_converter.messages import Settings
from harness.quantize.calibration.samples import Samples
from harness.record import Converter
from harness.tflite import read_model, read_model_file
from harness.versions import release

Version = tuple[int, int]  # major and minor
Oldest = Future[Version | None]  # of the oldest runtime that must load the variants, once that is known

# tflite-runtime 2.7 to 2.9 load int8 dense layers with one scale per channel, but use one scale for all
# (seen on x86-64: digits in int8 predicts one class for all inputs; correct since 2.10).
_DENSE_PER_CHANNEL: Version = (2, 10)


@dataclass(frozen=True)
class Task:
    """A variant to make. `compatible` asks for the form that older runtimes load."""

    name: str
    settings: Settings
    calibration: Samples | None
    compatible: bool = False

    @property
    def in_older_form(self) -> Task:
        """The same variant for older runtimes."""
        return replace(self, compatible=True)


@dataclass(frozen=True)
class ConversionResult:
    """A file in the cache, or the reason why there is none."""

    path: Path | None
    reason: str | None = None
    compatible: bool = False  # made in the older form
    too_new: str | None = None  # the runtime version that the file needs, if too new
    is_missing: bool = False  # it has not been made, or not in the form that the oldest runtime loads


class Entry(Struct, frozen=True, omit_defaults=True):
    """The cache entry of a task: its file, or why the converter rejects the model (`failed`)."""

    sha256: str = ""
    size_bytes: int = 0
    min_runtime: str | None = None
    failed: str | None = None


class ResultCache:
    """The results for one model. An entry that is damaged or lacks its file counts as missing."""

    def __init__(self, folder: Path, content: Callable[[], str], converter: Converter) -> None:
        """folder: the cache. content: returns the hash of the model's content."""
        self._folder, self._content, self._converter = folder, content, converter
        self._known: dict[str, Entry] = {}  # key -> entries found or made in this run
        self._lost: dict[str, str] = {}  # key -> the reason of a failure that may not happen again

    def key(self, task: Task) -> str:
        """Return the name of a task's entry: the SHA-256 of all that its result depends on."""
        return cache.key(
            model=self._content(),
            settings=msgspec.to_builtins(task.settings),
            calibration=task.calibration.sha256 if task.calibration else None,
            converter=structs.asdict(self._converter),
            compatible=task.compatible,
        )

    def find(self, task: Task) -> Entry | None:
        """Return the entry of a task; None if it has to be made."""
        key = self.key(task)
        if key not in self._known:
            entry = cache.read_record(self._file(key), Entry)
            if entry is None or not (entry.failed or self._is_whole(entry)):
                return None
            self._known[key] = entry
        return self._known[key]

    def keep(self, task: Task, data: bytes) -> None:
        """Store a .tflite. Raises ModelError if it is not valid, or the cache cannot be written."""
        info = read_model(data, "the converter's result")
        cache.put(self._folder / "files", data, ".tflite")
        self._store(task, Entry(cache.digest(data), len(data), info.min_runtime_version))

    def keep_failure(self, task: Task, reason: str, final: bool) -> None:
        """Keep the reason for a failure; in the cache only if it is `final`, the converter's own verdict."""
        if final:
            self._store(task, Entry(failed=reason))
        else:
            self._lost[self.key(task)] = reason

    def result(self, task: Task, oldest: Oldest) -> ConversionResult:
        """Return a task's result, in the older form if `oldest` needs that and it could be made."""
        entry = self.find(task)
        if entry is None:
            lost = self._lost.get(self.key(task))
            return ConversionResult(None, lost or "lost from the cache", is_missing=lost is None)
        if entry.failed:
            return ConversionResult(None, entry.failed)
        too_new = self.is_too_new(task, oldest)
        if too_new and not task.compatible:
            older = self.result(task.in_older_form, oldest)
            if older.path is not None:
                return older
            return ConversionResult(
                self._path(entry), None, False, entry.min_runtime, is_missing=older.is_missing
            )
        needed = entry.min_runtime if too_new else None
        return ConversionResult(self._path(entry), None, task.compatible, needed)

    def is_too_new(self, task: Task, oldest: Oldest) -> bool:
        """Return True if the oldest runtime refuses a task's file, or computes it wrongly.

        Waits until that runtime is known, unless any will do.
        """
        entry = self.find(task)
        needed = None if entry is None else self._needed(entry)
        if needed is None:
            return False
        version = oldest.result()
        return version is not None and version < needed

    def _needed(self, entry: Entry) -> tuple[int, ...] | None:
        """Return the oldest runtime that a file needs; None if any will do, or there is no file."""
        if entry.failed:
            return None
        needed = [release(entry.min_runtime)[:2]] if entry.min_runtime else []
        if _has_dense_per_channel(self._path(entry)):
            needed.append(_DENSE_PER_CHANNEL)
        return max(needed, default=None)

    def _store(self, task: Task, entry: Entry) -> None:
        key = self.key(task)
        cache.write_record(self._file(key), entry)
        self._known[key] = entry

    def _is_whole(self, entry: Entry) -> bool:
        return cache.get(self._folder / "files", entry.sha256, ".tflite") is not None

    def _path(self, entry: Entry) -> Path:
        return self._folder / "files" / f"{entry.sha256}.tflite"

    def _file(self, key: str) -> Path:
        return self._folder / "variants" / f"{key}.json"


@functools.cache  # a file in the cache is named by its content
def _has_dense_per_channel(path: Path) -> bool:
    """Return True if a dense layer computes in int8 with one scale per channel."""
    info = read_model_file(path)
    for op in info.ops:
        if op.name == "FULLY_CONNECTED":
            activation, weights = (info.tensors[index] for index in op.inputs[:2])
            quantization = weights.quantization
            if activation.dtype == "int8" and quantization and len(quantization.scales) > 1:
                return True
    return False
