"""The interface of an accelerator and of its compiler."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from delegates.wire import Ops, Runtime
from harness.accelerators.prediction import OpVerdict, Prediction, Verdict, all_alike, refused_as_a_whole
from harness.config import DelegateSpec, SshTarget
from harness.config.checks import Check
from harness.record import Artifact, Refused, Unavailable, Variant, Warning
from harness.record.listing import ListedCompiler
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo
from harness.tflite.edgetpu_package import CUSTOM_OP

Rules = Callable[[ModelInfo, Runtime, JsonObject], Prediction]


class OverSsh(Protocol):
    """Runs one shell script on another host, over the user's ssh."""

    def __call__(
        self, target: SshTarget, script: str, stdin: bytes, *, timeout_s: float, limit_bytes: int
    ) -> tuple[bytes, str]:
        """Run a script. Return its stdout, at most `limit_bytes`, and the connection's problem in words.

        The second is always there, for a script that wrote nothing: it does not mean that there is a problem.
        Raises DeviceError if there is no ssh on this machine.
        """


@dataclass(frozen=True)
class CompiledFile:
    """A file to run instead of a variant's own."""

    artifact: Artifact
    path: Path


class Compiler(Protocol):
    """The compiler of one delegate, for one run: what several cells need is found and compiled once."""

    def compile(
        self,
        variant: Variant,
        path: Path,
        spec: DelegateSpec,
        *,
        given: Path | None = None,
        missing: str | None = None,
    ) -> CompiledFile | Refused | Unavailable | None:
        """Return the compiled form of a variant, or why there is none; None if the variant runs as it is.

        path: the variant's file. given: the user's own file, of which it is a copy. missing: why the delegate
        is not available; nothing is compiled then, but the answer also names a missing compiler.
        """

    def find(self, spec: DelegateSpec) -> ListedCompiler:
        """Return the compiler that a profile refers to, or the problem with it."""


class MakeCompiler(Protocol):
    """Creates the compiler for a run."""

    def __call__(self, folder: Path, over_ssh: OverSsh, begun: Callable[[str], None]) -> Compiler:
        """Return the compiler. folder: the cache. begun: called with a sentence before each compilation."""


def not_compiled_for_others(scheme: str, custom_ops: Collection[str]) -> str | None:
    """Return a reason for files that are compiled for the Edge TPU."""
    return "compiled for the Edge TPU: it runs there only" if CUSTOM_OP in custom_ops else None


def as_given(options: JsonObject, folder: Path | None) -> JsonObject:
    """Return the options unchanged."""
    return options


def no_warnings(artifact: Artifact | None, facts: JsonObject, has_nan: bool) -> Iterable[Warning]:
    """Return no warnings."""
    return ()


def as_measured(measured: Ops, artifact: Artifact) -> Ops:
    """Return the ops as the device reported them."""
    return measured


@dataclass(frozen=True)
class Accelerator:
    """Everything that the user's machine knows of one delegate. Only `name` and `label` have no default."""

    name: str  # the same in devices.toml, documents and delegates/backends/
    label: str  # in sentences: "the Edge TPU"

    # The options of a profile, each with the checker of its value (harness/config/checks.py).
    options: Mapping[str, Check] = field(default_factory=dict)

    # Options that name a file on the device.
    device_files: Collection[str] = ()

    # complete(options, folder of devices.toml): checks combinations of options, and resolves paths on this
    # machine. Raises InvalidValue.
    complete: Callable[[JsonObject, Path | None], JsonObject] = as_given

    # skips(scheme, custom ops): why a variant cannot run, known without trying; or None.
    skips: Callable[[str, Collection[str]], str | None] = not_compiled_for_others

    # rules(model, runtime, options): which ops it will run, and why not the others. None: no rules are known.
    rules: Rules | None = None

    # False if the rules are the same for all runtimes.
    rules_need_runtime: bool = True

    # Options that do not change which ops it runs.
    immaterial: Collection[str] = ()

    # True if it runs on the CPU, in the process's own threads.
    on_cpu: bool = False

    # True if only one process at a time can use the hardware.
    exclusive: bool = False

    # Creates the compiler for a run; None if variants run as they are.
    compiler: MakeCompiler | None = None

    # count(measured, artifact): converts ops of the compiled file to ops of the variant.
    count: Callable[[Ops, Artifact], Ops] = as_measured

    # warnings(artifact, delegate facts, whether outputs are NaN or infinite): the warnings about a cell.
    warnings: Callable[[Artifact | None, JsonObject, bool], Iterable[Warning]] = no_warnings

    # Codes of warnings with which a cell cannot be the fastest.
    barring: Collection[str] = ()

    def predict(self, model: ModelInfo, runtime: Runtime, options: JsonObject | None = None) -> Prediction:
        """Predict which ops of a model it will run.

        runtime: name (tflite-runtime, ai-edge-litert or tensorflow) and version. For a delegate with a
            compiler, it only has to load what the compiler writes.
        """
        if self.rules is None:
            return self._unknown(model, options or {})
        return refused_as_a_whole(self.rules(model, runtime, options or {}))

    def _unknown(self, model: ModelInfo, options: JsonObject) -> Prediction:
        library = options.get("library")
        reason = f"no rules are known for {self.label}"
        if library is not None:
            reason = "which ops it runs is known only to its library"
        target = str(library or self.name)
        return all_alike(model, self.name, target, OpVerdict(Verdict.UNCERTAIN, reason))
