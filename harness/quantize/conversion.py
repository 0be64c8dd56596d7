"""From a model source to .tflite files in the cache: what is missing is made by child processes."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness import cache
from harness.errors import ModelError
from harness.models import ModelSource, copy_source, digest_source
from harness.models.builtin import digits_files
from harness.quantize.calibration import Calibration, InputSpec
from harness.quantize.children import Answer, Crew, how_many
from harness.quantize.reasons import with_unrolling
from harness.tflite import ModelInfo, read_model, read_model_file
from harness.versions import release

CONVERTER = "TFLiteConverter"
FORM = 1  # of the canonical model: raised whenever harness.quantize.sources would write another one
# tflite-runtime 2.7 to 2.9 load int8 dense layers with one scale per channel, but use one scale for all
# (seen on x86-64: digits in int8 always the same class; right from 2.10 on).
_DENSE_PER_CHANNEL = (2, 10)
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly")

Prepared = tuple[tuple[InputSpec, ...], str]  # inputs of the canonical model, SHA-256 of its content
Record = dict[str, Any]  # {"sha256", "size_bytes", "min_runtime"} or {"failed": reason}


@dataclass(frozen=True)
class Task:
    """A variant to make. `compatible` asks for the form that older runtimes load."""

    name: str
    settings: Mapping[str, Any]
    calibration: Calibration | None
    compatible: bool = False


@dataclass(frozen=True)
class Made:
    """What became of a task: a file in the cache, or the reason why there is none."""

    path: Path | None
    reason: str | None = None
    compatible: bool = False  # made in the older form
    too_new: str | None = None  # the runtime version that even this file needs


def tensorflow_version() -> str:
    """TensorFlow's version, without importing it. Raises ModelError where it is not installed."""
    for name in _DISTRIBUTIONS:
        if version := _installed(name):
            return version
    raise ModelError(
        "making variants of a float model needs TensorFlow, which is not installed: "
        "pip install 'qbench-tflite[convert]'"
    )


def _installed(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


class Workshop:
    """One model on its way to its variants; a context, because it may have children and a folder."""

    def __init__(
        self, source: ModelSource, batch: int, folder: Path, tasks: int, trust: bool = False
    ) -> None:
        """`tasks`: how many variants may be asked for; `trust`: code in the model's file may run.

        Raises ModelError where TensorFlow is missing.
        """
        self._trust = trust
        self.converter = {"name": CONVERTER, "version": tensorflow_version()}
        self._made_by = {**self.converter, "keras": _installed("keras"), "form": FORM}
        self.source, self._batch, self._cache = source, batch, folder
        self._children = how_many(tasks)
        self._work = tempfile.TemporaryDirectory(prefix="qbench-", ignore_cleanup_errors=True)
        self._crew = Crew(Path(self._work.name))
        self._canonical: Path | None = None  # written in this run
        self._known: dict[str, Record] = {}  # key -> what was found whole, or made, in this run
        self._recurrent: Sequence[str] = ()  # its recurrent layers, where it is known to have some
        self._lost: dict[str, str] = {}  # key -> reason that may not hold next time

    def __enter__(self) -> Self:
        try:
            self.inputs, self.content = self._prepared()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.dismiss()
        self._work.cleanup()

    def make(
        self, tasks: Sequence[Task], oldest: tuple[int, int] | None, progress: Callable[[str, int, int], None]
    ) -> list[Made]:
        """Every task's outcome, in order; slowest first where several have to be made."""
        missing = self._missing(tasks, oldest)
        if missing and self._canonical is None:
            known = self.source.sha256
            self.inputs, self.content = self._prepare()
            if self.source.sha256 != known:  # the calibration data was fitted to the inputs of the other one
                raise ModelError(f"{self.source.source}: it was replaced while it was read; run again")
            missing = self._missing(tasks, oldest)
        if missing:
            self._crew.hire(min(self._children, len(missing)))
            finished = iter(range(len(tasks) - len(missing) + 1, len(tasks) + 1))
            self._crew.run(
                [partial(self._make_one, task, oldest) for task in missing],
                lambda index: progress(missing[index].name, next(finished), len(tasks)),
            )
        return [self._outcome(task, oldest) for task in tasks]

    def _missing(self, tasks: Sequence[Task], oldest: tuple[int, int] | None) -> list[Task]:
        """What has to be made, slowest first: calibration takes longest, and int16 activations on top."""
        missing = [task for task in tasks if not self._settled(task, oldest)]
        return sorted(missing, key=lambda task: (task.calibration is None, "INT16" not in str(task.settings)))

    def _prepared(self) -> Prepared:
        """Inputs and content hash of the canonical model, from the cache where it is known."""
        record = cache.read_record(self._prepared_file()) if self.source.sha256 else None
        if self.source.kind == "builtin" and digits_files(self._cache) is None:
            record = None
        return self._prepare() if record is None else self._read_prepared(record)

    def _prepare(self) -> Prepared:
        # Whether a callable's variants are cached shows only when it is built: no crew before that.
        self._crew.hire(1 if self.source.kind == "callable" else self._children)
        work = Path(self._work.name)
        canonical, copy = work / "model", self._copied(work / "source")
        answer = self._crew.ask(
            {
                "do": "prepare",
                "kind": self.source.kind,
                "source": self.source.source,
                "path": str(copy) if copy else None,
                "batch": self._batch,
                "cache": str(self._cache.absolute()),
                "out": str(canonical),
                "trust": self._trust,
            }
        )
        if "error" in answer:
            said = answer["error"].replace(str(copy), str(self.source.path)) if copy else answer["error"]
            raise ModelError(f"{self.source.source}: {said}")
        self._canonical = canonical
        self._recurrent = answer["ok"]["recurrent"]
        if self.source.sha256:
            cache.write_record(self._prepared_file(), answer["ok"])
        return self._read_prepared(answer["ok"])

    def _copied(self, folder: Path) -> Path | None:
        """A copy of the user's file or folder that nobody changes; from now on the source is its content."""
        if self.source.path is None:
            return None
        folder.mkdir()
        copy = copy_source(self.source.path, folder)
        self.source = replace(self.source, sha256=digest_source(copy))
        return copy

    def _read_prepared(self, record: Record) -> Prepared:
        """A file or a name stands for the graph (whose inner names vary); a callable's graph must do so."""
        inputs = (InputSpec(i["name"], i["dtype"], tuple(i["shape"])) for i in record["inputs"])
        structure = self.source.sha256 or record["structure"]
        return tuple(inputs), cache.key(structure=structure, values=record["values"], made_by=self._made_by)

    def _prepared_file(self) -> Path:
        key = cache.key(
            source=self.source.sha256, kind=self.source.kind, batch=self._batch, made_by=self._made_by
        )
        return self._cache / "models" / f"{key}.json"

    def _make_one(self, task: Task, oldest: tuple[int, int] | None) -> None:
        record = self._record(task) or self._convert(task)
        if self._too_new(record, oldest) and not task.compatible:
            self._make_one(_older_form(task), oldest)

    def _convert(self, task: Task) -> Record:
        key = self._key(task)
        out = Path(self._work.name) / f"{key}.tflite"
        answer = self._crew.ask(
            {
                "do": "convert",
                "saved_model": str(self._canonical),
                "inputs": [asdict(spec) for spec in self.inputs],
                "settings": dict(task.settings),
                "calibration": str(task.calibration.path.absolute()) if task.calibration else None,
                "compatible": task.compatible,
                "out": str(out),
            },
        )
        record = self._keep(out, answer)
        if "failed" in record and not answer.get("final"):
            self._lost[key] = record["failed"]
        else:
            cache.write_record(self._cache / "variants" / f"{key}.json", record)
            self._known[key] = record
        return record

    def _keep(self, out: Path, answer: Answer) -> Record:
        if "error" in answer:
            return {"failed": with_unrolling(answer["error"], self._recurrent)}
        data = out.read_bytes()
        out.unlink()
        info = read_model(data, "the converter's result")
        cache.put(self._cache / "files", data, ".tflite")
        return {
            "sha256": cache.digest(data),
            "size_bytes": len(data),
            "min_runtime": info.min_runtime_version,
        }

    def _record(self, task: Task) -> Record | None:
        """What the cache knows of a task; an entry that is damaged or lacks its file counts as unknown."""
        key = self._key(task)
        if key not in self._known:
            record = cache.read_record(self._cache / "variants" / f"{key}.json")
            if record is None or not ("failed" in record or self._is_whole(record)):
                return None
            self._known[key] = record
        return self._known[key]

    def _is_whole(self, record: Record) -> bool:
        return cache.get(self._cache / "files", record["sha256"], ".tflite") is not None

    def _settled(self, task: Task, oldest: tuple[int, int] | None) -> bool:
        record = self._record(task)
        if record is None:
            return False
        return (
            task.compatible or not self._too_new(record, oldest) or self._settled(_older_form(task), oldest)
        )

    def _outcome(self, task: Task, oldest: tuple[int, int] | None) -> Made:
        record = self._record(task)
        if record is None or "failed" in record:
            reason = record["failed"] if record else self._lost.get(self._key(task), "lost from the cache")
            return Made(None, reason)
        if self._too_new(record, oldest) and not task.compatible:
            older = self._outcome(_older_form(task), oldest)
            if older.path is not None:
                return older
        too_new = record["min_runtime"] if self._too_new(record, oldest) else None
        return Made(self._file(record["sha256"]), None, task.compatible, too_new)

    def _too_new(self, record: Record, oldest: tuple[int, int] | None) -> bool:
        """True where a file is not for the oldest runtime it is meant for: it says so, or it holds what
        that runtime takes and computes wrongly."""
        needed = record.get("min_runtime")
        if oldest is None or "failed" in record:
            return False
        if needed and release(needed)[:2] > oldest:
            return True
        return oldest < _DENSE_PER_CHANNEL and _dense_per_channel(
            read_model_file(self._file(record["sha256"]))
        )

    def _key(self, task: Task) -> str:
        return cache.key(
            model=self.content,
            settings=dict(task.settings),
            calibration=task.calibration.sha256 if task.calibration else None,
            converter=self.converter,
            compatible=task.compatible,
        )

    def _file(self, sha256: str) -> Path:
        return self._cache / "files" / f"{sha256}.tflite"


def _older_form(task: Task) -> Task:
    return Task(task.name, task.settings, task.calibration, compatible=True)


def _dense_per_channel(info: ModelInfo) -> bool:
    """Whether a dense layer computes in int8 with one scale per channel."""
    for op in info.ops:
        if op.name == "FULLY_CONNECTED":
            activation, weights = (info.tensors[index] for index in op.inputs[:2])
            quantization = weights.quantization
            if activation.dtype == "int8" and quantization and len(quantization.scales) > 1:
                return True
    return False
