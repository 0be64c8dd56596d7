"""Convert a model to .tflite files in the cache; converter processes make those that are missing."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import structs

from harness import cache
from harness.errors import ModelError
from harness.models import ModelSource, copy_source, digest_source
from harness.models.builtin import digits_files
from harness.quantize.backends.tflite_converter import installed
from harness.quantize.backends.tflite_converter.messages import Convert, Converted, Failed, Prepare, Prepared
from harness.quantize.backends.tflite_converter.reasons import with_unrolling
from harness.quantize.backends.tflite_converter.results import (
    ConversionResult,
    Entry,
    ResultCache,
    Task,
    Version,
)
from harness.quantize.backends.tflite_converter.scratch import scratch_folder
from harness.quantize.backends.tflite_converter.workers import WorkerPool, how_many
from harness.quantize.calibration.samples import InputSpec

FORM = 1  # version of the canonical model: raise it when `sources` or `tracing` write another one

Progress = Callable[[str, int, int], None]  # variant, how many are done, of how many


class Conversion:
    """The conversion of one model to its variants; a context manager that ends its processes."""

    def __init__(
        self, source: ModelSource, batch: int, folder: Path, tasks: int, trust: bool = False
    ) -> None:
        """tasks: the most variants that will be made. trust: run code in the model's file.

        Raises ModelError if TensorFlow is missing.
        """
        self.converter = installed.converter()
        self.source, self._batch, self._cache, self._trust = source, batch, folder, trust
        self._workers = how_many(tasks)
        self._cleanup = contextlib.ExitStack()
        self._canonical: Path | None = None  # written in this run
        self._recurrent: Sequence[str] = ()  # its recurrent layers, if it is known to have some
        self._results = ResultCache(folder, lambda: self.content, self.converter)

    def __enter__(self) -> Self:
        """Read the model's inputs and the hash of its content, from the cache if it has them."""
        try:
            self._use(self._known() or self._prepare())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @functools.cached_property
    def _scratch(self) -> Path:
        """A temporary folder, made only if something is converted."""
        return self._cleanup.enter_context(scratch_folder())

    @functools.cached_property
    def _pool(self) -> WorkerPool:
        pool = WorkerPool(self._scratch, own_code=self.source.kind == "callable")
        self._cleanup.callback(pool.close)
        return pool

    def make(
        self, tasks: Sequence[Task], oldest: Version | None, progress: Progress
    ) -> list[ConversionResult]:
        """Make the tasks that are not in the cache; return every task's result, in order."""
        missing = self._missing(tasks, oldest)
        if missing and self._canonical is None:
            known = self.source.sha256
            self._use(self._prepare())
            if self.source.sha256 != known:  # calibration data was fitted to the old one
                raise ModelError(f"{self.source.source}: it was replaced while it was read; run again")
            missing = self._missing(tasks, oldest)
        if missing:
            self._pool.start(min(self._workers, len(missing)))
            finished = iter(range(len(tasks) - len(missing) + 1, len(tasks) + 1))
            self._pool.run(
                [partial(self._make_one, task, oldest) for task in missing],
                lambda index: progress(missing[index].name, next(finished), len(tasks)),
            )
        return [self._results.result(task, oldest) for task in tasks]

    def _missing(self, tasks: Sequence[Task], oldest: Version | None) -> list[Task]:
        """Return the tasks to run. The first of each calibration data comes first: others take steps from it.

        Those come last, and of them int16 first, which takes the fewest.
        """
        missing = [task for task in tasks if not self._results.is_settled(task, oldest)]
        first = {task.calibration.sha256: task for task in reversed(missing) if task.calibration}.values()
        later = [task for task in missing if task not in first]
        later.sort(key=lambda task: (task.calibration is not None, "INT16" not in str(task.settings)))
        return [*first, *later]

    def _known(self) -> Prepared | None:
        """Return the cache's record of the canonical model, if there is one."""
        if self.source.kind == "builtin" and digits_files(self._cache) is None:
            return None
        return cache.read_record(self._prepared_file(), Prepared) if self.source.sha256 else None

    def _use(self, prepared: Prepared) -> None:
        """Set the inputs and the hash of the content: of the file or name, or else of the graph."""
        self.inputs: tuple[InputSpec, ...] = prepared.inputs
        self.content = cache.key(
            structure=self.source.sha256 or prepared.structure,
            values=prepared.values,
            made_by=self._made_by(),
        )

    def _prepare(self) -> Prepared:
        # A callable or object has to be built or loaded before the cache can be searched.
        self._pool.start(1 if self.source.kind in ("callable", "object") else self._workers)
        path, canonical = self._copied(), self._scratch / "model"
        answer = self._pool.ask(self._request(path, canonical), Prepared)
        if isinstance(answer, Failed):
            reason = answer.reason
            if path is not None:
                reason = reason.replace(str(path), str(self.source.path or self.source.source))
            raise ModelError(f"{self.source.source}: {reason}")
        self._canonical, self._recurrent = canonical, answer.recurrent
        if self.source.sha256:
            cache.write_record(self._prepared_file(), answer)
        return answer

    def _request(self, path: Path | None, out: Path) -> Prepare:
        kind, trust = self.source.kind, self._trust
        if path is not None and kind == "object":
            kind, trust = "keras" if path.is_file() else "saved_model", True
        source, folder = self.source.source, str(self._cache.absolute())
        return Prepare(kind, source, str(path) if path else None, self._batch, folder, str(out), trust)

    def _copied(self) -> Path | None:
        """Copy the user's file, folder or object, so that it cannot change; None if there is none.

        The source of a file or folder gets the hash of the copy.
        """
        folder = self._scratch / "source"
        if self.source.kind == "object":
            from harness.quantize.backends.tflite_converter.saving import save

            folder.mkdir(exist_ok=True)
            return save(self.source.held, folder)
        if self.source.path is None:
            return None
        folder.mkdir()
        copy = copy_source(self.source.path, folder)
        self.source = replace(self.source, sha256=digest_source(copy))
        return copy

    def _prepared_file(self) -> Path:
        source = self.source
        key = cache.key(source=source.sha256, kind=source.kind, batch=self._batch, made_by=self._made_by())
        return self._cache / "models" / f"{key}.json"

    def _made_by(self) -> dict[str, str | int | None]:
        return {**structs.asdict(self.converter), "keras": installed.version_of("keras"), "form": FORM}

    def _make_one(self, task: Task, oldest: Version | None) -> None:
        entry = self._results.find(task) or self._convert(task)
        if self._results.is_too_new(entry, oldest) and not task.compatible:
            self._make_one(task.in_older_form, oldest)

    def _convert(self, task: Task) -> Entry:
        out = self._scratch / f"{self._results.key(task)}.tflite"
        request = Convert(
            saved_model=str(self._canonical),
            inputs=self.inputs,
            settings=task.settings,
            calibration=str(task.calibration.path.absolute()) if task.calibration else None,
            compatible=task.compatible,
            out=str(out),
        )
        answer = self._pool.ask(request, Converted)
        if isinstance(answer, Failed):
            reason = with_unrolling(answer.reason, self._recurrent)
            return self._results.keep_failure(task, reason, answer.final)
        data = out.read_bytes()
        out.unlink()
        return self._results.keep(task, data)
