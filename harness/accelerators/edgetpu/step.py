"""Compile the variants of a run for an Edge TPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from harness import cache
from harness.accelerators.base import CompiledFile, OverSsh
from harness.accelerators.edgetpu import compiler as edgetpu
from harness.accelerators.edgetpu.compiler import Installation
from harness.accelerators.edgetpu.remote import Host
from harness.config import DelegateSpec, SshTarget
from harness.errors import ModelError
from harness.record import Artifact, Refused, Unavailable, Variant, subject
from harness.record.listing import ListedCompiler
from harness.record.plain import JsonObject
from harness.tflite import read_model
from harness.tflite.edgetpu_package import CUSTOM_OP

T = TypeVar("T")


class EdgeTpuCompiler:
    """edgetpu_compiler for one run. Results are kept: a search may be a login on another host."""

    def __init__(self, folder: Path, over_ssh: OverSsh, begun: Callable[[str], None]) -> None:
        self._folder, self._over_ssh, self._begun = folder, over_ssh, begun
        self._found: dict[Hashable, Installation | ModelError] = {}
        self._made: dict[Hashable, CompiledFile | ModelError] = {}

    def compile(
        self,
        variant: Variant,
        path: Path,
        spec: DelegateSpec,
        *,
        given: Path | None = None,
        missing: str | None = None,
    ) -> CompiledFile | Refused | Unavailable | None:
        """Return the compiled form of a variant; see `base.Compiler.compile`.

        A compiled variant runs as it is. MODEL_edgetpu.tflite beside the user's own MODEL.tflite is used
        instead of compiling. Returns Refused if the compiler rejects the model, Unavailable if it cannot run.
        """
        if CUSTOM_OP in variant.custom_ops:
            return None
        return _ready(variant, given, self._folder) or self._made_of(variant, path, spec, missing)

    def find(self, spec: DelegateSpec) -> ListedCompiler:
        """Return the compiler that a profile refers to, or the problem with it."""
        host = spec.options.get("compiler_host")
        try:
            found = self._find(spec)
        except ModelError as error:
            return ListedCompiler(None, None, host, str(error), name=edgetpu.NAME)
        return ListedCompiler(found.command, found.version, host, name=edgetpu.NAME)

    def _find(self, spec: DelegateSpec) -> Installation:
        named, host = spec.options.get("compiler"), self._host(spec)
        return _once(self._found, (named, host), lambda: edgetpu.find(named, host))

    def _host(self, spec: DelegateSpec) -> Host | None:
        """Return the host that the compiler is on; None for this machine."""
        if "compiler_host" not in spec.options:
            return None
        ssh_options = tuple(spec.options.get("compiler_ssh_options", ()))
        target = SshTarget(spec.options["compiler_host"], ssh_options=ssh_options, folder=spec.folder)
        return Host(target, self._over_ssh)

    def _made_of(
        self, variant: Variant, path: Path, spec: DelegateSpec, missing: str | None
    ) -> CompiledFile | Refused | Unavailable:
        try:
            compiler = self._find(spec)
        except ModelError as error:
            return Unavailable(f"{missing}; then {error}" if missing else str(error))
        if missing:
            return Unavailable(missing)
        try:
            return self._compile(variant, path, compiler, spec.options)
        except edgetpu.ModelRefused as error:
            return Refused(str(error))
        except ModelError as error:
            return Unavailable(str(error))

    def _compile(
        self, variant: Variant, path: Path, compiler: Installation, options: JsonObject
    ) -> CompiledFile:
        arguments = tuple(options.get("compiler_args", ()))
        timeout_s = options.get("compiler_timeout", edgetpu.TIMEOUT_S)

        def make() -> CompiledFile:
            self._begun(f"compiling {subject(variant)} {variant.name} for the Edge TPU")
            return edgetpu.compile_model(path, compiler, self._folder, arguments, timeout_s)

        return _once(self._made, (variant.sha256, compiler, arguments, timeout_s), make)


def _once(known: dict[Hashable, T | ModelError], key: Hashable, make: Callable[[], T]) -> T:
    """Return the first result of `make`, or raise its first failure again."""
    if key not in known:
        try:
            known[key] = make()
        except ModelError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, ModelError):
        raise found
    return found


def _ready(variant: Variant, given: Path | None, folder: Path) -> CompiledFile | None:
    """Return MODEL_edgetpu.tflite beside the user's MODEL.tflite, if it is compiled and has its inputs."""
    if given is None:
        return None
    path = given.with_name(f"{given.stem}_edgetpu.tflite")
    try:
        data = path.read_bytes()
        found = read_model(data, str(path))
    except (OSError, ModelError):
        return None
    if not any(op.name == CUSTOM_OP for op in found.ops):
        return None
    if [(t.shape, t.dtype) for t in found.inputs] != [(t.shape, t.dtype) for t in variant.inputs]:
        return None
    copy = cache.put(folder / "copies", data, ".tflite")
    return CompiledFile(Artifact(path.name, cache.digest(data), len(data)), copy)
