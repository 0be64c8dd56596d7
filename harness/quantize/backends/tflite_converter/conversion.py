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

import msgspec
from msgspec import structs

from harness import cache
from harness.errors import ModelError
from harness.models import ModelSource, copy_source, digest_source
from harness.models.builtin import digits_files
from harness.quantize.backends.tflite_converter import installed
from harness.quantize.backends.tflite_converter.messages import (
    Convert,
    Converted,
    Failed,
    Prepare,
    Prepared,
    Request,
    Wanted,
)
from harness.quantize.backends.tflite_converter.reasons import with_unrolling
from harness.quantize.backends.tflite_converter.results import (
    ConversionResult,
    Oldest,
    ResultCache,
    Task,
)
from harness.quantize.backends.tflite_converter.workers import A, WorkerPool, how_many
from harness.quantize.calibration.samples import InputSpec
from harness.scratch import scratch_folder

FORM = 1  # version of the canonical model: raise it when `sources` or `tracing` write another one

Progress = Callable[[str, int, int], None]  # variant, how many are done, of how many


class Conversion:
    """The conversion of one model to its variants; a context manager that ends its processes."""

    def __init__(
        self,
        source: ModelSource,
        wanted: Wanted,
        folder: Path,
        tasks: int,
        oldest: Oldest,
        trust: bool = False,
        on_begin: Callable[[], None] | None = None,
    ) -> None:
        """tasks: the most variants that will be made. trust: run code in the model's file.

        oldest: an error instead of a version ends the conversion, and is raised. on_begin: called before the
        first process starts.

        Raises ModelError if TensorFlow is missing.
        """
        self.converter = installed.converter()
        self._oldest, self._on_begin = oldest, on_begin
        self.source, self._wanted, self._cache, self._trust = source, wanted, folder, trust
        self._workers = how_many(tasks)
        self._cleanup = contextlib.ExitStack()
        self._canonical: Path | None = None  # written in this run
        self._recurrent: Sequence[str] = ()  # its recurrent layers, if it is known to have some
        self._results = ResultCache(folder, self._converted, self.converter)

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
        return self._cleanup.enter_context(scratch_folder("conversion"))

    @functools.cached_property
    def _pool(self) -> WorkerPool:
        if self._on_begin is not None:
            self._on_begin()
        pool = WorkerPool(self._scratch, own_code=self.source.kind == "callable", tree=self.source.tree)
        self._cleanup.callback(pool.close)
        self._oldest.add_done_callback(lambda oldest: pool.stop() if oldest.exception() else None)
        return pool

    @property
    def is_prepared(self) -> bool:
        """Whether the cache knows the model's inputs, so that nothing has to be loaded for them."""
        return self._known() is not None

    def make(self, tasks: Sequence[Task], progress: Progress) -> None:
        """Make the tasks that are not in the cache."""
        self._make_missing(tasks, progress)
        older = [task.in_older_form for task in tasks if self._results.is_too_new(task, self._oldest)]
        self._make_missing(older, progress)

    def results(self, tasks: Sequence[Task]) -> list[ConversionResult]:
        """Return every task's result in the cache, in order."""
        return [self._results.result(task, self._oldest) for task in tasks]

    def _make_missing(self, tasks: Sequence[Task], progress: Progress) -> None:
        missing = self._missing(tasks)
        if missing and self._canonical is None:
            known = self.source.sha256
            self._use(self._prepare())
            if self.source.sha256 != known:  # calibration data was fitted to the old one
                raise ModelError(f"{self.source.source}: it was replaced while it was read; run again")
            missing = self._missing(tasks)
        if missing:
            self._pool.start(min(self._workers, len(missing)))
            finished = iter(range(len(tasks) - len(missing) + 1, len(tasks) + 1))
            self._pool.run(
                [partial(self._make_one, task) for task in missing],
                lambda index: progress(missing[index].name, next(finished), len(tasks)),
            )

    def _missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks to run. The first of each calibration data comes first: others take steps from it.

        Those come last, and of them int16 first, which takes the fewest.
        """
        missing = [task for task in tasks if self._results.find(task) is None]
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
        self.shape = prepared.shape
        self.content = cache.key(
            structure=self.source.sha256 or prepared.structure,
            values=prepared.values,
            made_by=self._made_by(),
        )

    def _converted(self) -> str:
        """Return the hash of what is converted: the content, with the shapes of its inputs."""
        inputs = [(one.name, one.dtype, one.shape) for one in self.inputs]
        return cache.key(content=self.content, inputs=inputs, signature=self._wanted.signature)

    def _prepare(self) -> Prepared:
        # A callable or object has to be built or loaded before the cache can be searched.
        self._pool.start(1 if self.source.kind in ("callable", "object") else self._workers)
        path, canonical = self._copied(), self._scratch / "model"
        answer = self._ask(self._request(path, canonical), Prepared)
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
        kind, trust, wanted = self.source.kind, self._trust, self._wanted
        if path is not None and kind == "object":
            kind, trust = "keras" if path.is_file() else "saved_model", True
            if kind == "saved_model":
                wanted = structs.replace(wanted, signature=None)  # the only one that was saved
        source, folder = self.source.source, str(self._cache.absolute())
        tree = None if self.source.tree is None else self.source.tree.as_texts()
        return Prepare(kind, source, str(path) if path else None, wanted, folder, str(out), trust, tree)

    def _copied(self) -> Path | None:
        """Copy the user's file, folder or object, so that it cannot change; None if there is none.

        The source of a file or folder gets the hash of the copy.
        """
        folder = self._scratch / "source"
        if self.source.kind == "object":
            from harness.quantize.backends.tflite_converter.saving import save

            folder.mkdir(exist_ok=True)
            return save(self.source.held, folder, self._wanted.signature)
        if self.source.path is None:
            return None
        folder.mkdir()
        copy = copy_source(self.source.path, folder)
        self.source = replace(self.source, sha256=digest_source(copy))
        return copy

    def _prepared_file(self) -> Path:
        source = self.source
        wanted = msgspec.to_builtins(self._wanted)
        key = cache.key(source=source.sha256, kind=source.kind, wanted=wanted, made_by=self._made_by())
        return self._cache / "models" / f"{key}.json"

    def _made_by(self) -> dict[str, str | int | None]:
        return {**structs.asdict(self.converter), "keras": installed.version_of("keras"), "form": FORM}

    def _make_one(self, task: Task) -> None:
        out = self._scratch / f"{self._results.key(task)}.tflite"
        request = Convert(
            saved_model=str(self._canonical),
            inputs=self.inputs,
            settings=task.settings,
            calibration=str(task.calibration.path.absolute()) if task.calibration else None,
            compatible=task.compatible,
            out=str(out),
        )
        answer = self._ask(request, Converted)
        if isinstance(answer, Failed):
            reason = with_unrolling(answer.reason, self._recurrent)
            self._results.keep_failure(task, reason, answer.final)
            return
        data = out.read_bytes()
        out.unlink()
        self._results.keep(task, data)

    def _ask(self, request: Request, wanted: type[A]) -> A | Failed:
        """Return a converter's answer, or raise the error that ended the conversion."""
        answer = self._pool.ask(request, wanted)
        if self._oldest.done():
            self._oldest.result()
        return answer
