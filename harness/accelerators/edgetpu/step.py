"""The step between plan and measuring: every edgetpu cell gets the compiled file of its variant."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness import cache
from harness.accelerators.edgetpu import compiler as edgetpu
from harness.accelerators.edgetpu.compiler import CUSTOM_OP, Compiled, Compiler
from harness.config import DelegateSpec, DeviceProfile, SshTarget
from harness.errors import ModelError
from harness.quantize import MadeVariant, VariantSet
from harness.store import Cell, Device
from harness.tflite import read_model

DELEGATE = "edgetpu"
T = TypeVar("T")


def compile_cells(
    cells: Iterable[Cell],
    models: Iterable[VariantSet],
    devices: Iterable[Device],
    folder: Path,
    begun: Callable[[str], None],
) -> None:
    """Give the cells their `compiled` file, or the reason why there is none.

    A variant that is compiled already is taken as it is, and so is MODEL_edgetpu.tflite beside a ready
    MODEL.tflite. Where the device is missing nothing is compiled, but a missing compiler is named, too.
    `begun` is called with the name of each variant that has to be compiled.
    """
    variants = {(one.variant.model, one.variant.name): one for model in models for one in model.variants}
    specs = {
        device.profile.name: spec
        for device in devices
        for spec in device.profile.delegates
        if spec.name == DELEGATE
    }
    work = _Work(folder, begun)
    for cell in cells:
        made = variants.get((cell.model, cell.variant))
        if cell.delegate != DELEGATE or made is None or cell.skipped or CUSTOM_OP in made.variant.custom_ops:
            continue
        cell.compiled = _ready(made, folder)
        if cell.compiled is None:
            _compile(cell, made, specs[cell.device], work)


def find_compilers(profiles: Iterable[DeviceProfile]) -> dict[str, dict[str, Any]]:
    """Profile with an Edge TPU -> the compiler's command, version and host, or the `problem` with it."""
    work, found = _Work(Path(), lambda name: None), {}
    for profile in profiles:
        for spec in profile.delegates:
            if spec.name == DELEGATE:
                found[profile.name] = _in_words(spec, work)
    return found


def _in_words(spec: DelegateSpec, work: _Work) -> dict[str, Any]:
    host = _host(spec)
    known = {"host": None if host is None else host.host, "problem": None}
    try:
        compiler = work.find(spec)
    except ModelError as error:
        return {"command": None, "version": None, **known, "problem": str(error)}
    return {"command": compiler.command, "version": compiler.version, **known}


class _Work:
    """Finds and compiles once what several cells want: each may be a login on another host, or a time-out."""

    def __init__(self, folder: Path, begun: Callable[[str], None]) -> None:
        self._folder, self._begun = folder, begun
        self._found: dict[Hashable, Compiler | ModelError] = {}
        self._made: dict[Hashable, Compiled | ModelError] = {}

    def find(self, spec: DelegateSpec) -> Compiler:
        named, host = spec.options.get("compiler"), _host(spec)
        return _once(self._found, (named, host), lambda: edgetpu.find(named, host))

    def compile(self, made: MadeVariant, compiler: Compiler, options: Mapping[str, Any]) -> Compiled:
        arguments = tuple(options.get("compiler_args", ()))
        timeout_s = options.get("compiler_timeout", edgetpu.TIMEOUT_S)

        def make() -> Compiled:
            self._begun(f"compiling {made.variant.model} {made.variant.name} for the Edge TPU")
            return edgetpu.compile_model(made.path, compiler, self._folder, arguments, timeout_s)

        return _once(self._made, (made.variant.sha256, compiler, arguments, timeout_s), make)


def _once(known: dict[Hashable, T | ModelError], key: Hashable, make: Callable[[], T]) -> T:
    """What `make` came to the first time, failures included."""
    if key not in known:
        try:
            known[key] = make()
        except ModelError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, ModelError):
        raise found
    return found


def _compile(cell: Cell, made: MadeVariant, spec: DelegateSpec, work: _Work) -> None:
    """Refused is what the compiler judged; that it could not be asked says nothing of the model."""
    try:
        compiler = work.find(spec)
    except ModelError as error:
        cell.unavailable = f"{cell.unavailable}; then {error}" if cell.unavailable else str(error)
        return
    if cell.unavailable:
        return
    try:
        cell.compiled = work.compile(made, compiler, spec.options)
    except edgetpu.Refused as error:
        cell.refused = str(error)
    except ModelError as error:
        cell.unavailable = str(error)


def _host(spec: DelegateSpec) -> SshTarget | None:
    """Where the compiler is, if not here."""
    if "compiler_host" not in spec.options:
        return None
    return SshTarget(
        spec.options["compiler_host"],
        ssh_options=tuple(spec.options.get("compiler_ssh_options", ())),
        folder=spec.folder,
    )


def _ready(made: MadeVariant, folder: Path) -> Compiled | None:
    """MODEL_edgetpu.tflite beside a model that was given as a .tflite, if it is compiled and fits it."""
    if made.given is None:
        return None
    path = made.given.with_name(f"{made.given.stem}_edgetpu.tflite")
    try:
        data = path.read_bytes()
        found = read_model(data, str(path))
    except (OSError, ModelError):
        return None
    if not any(op.name == CUSTOM_OP for op in found.ops):
        return None
    if [(t.shape, t.dtype) for t in found.inputs] != [(t.shape, t.dtype) for t in made.variant.inputs]:
        return None
    copy = cache.put(folder / "copies", data, ".tflite")
    return Compiled(copy, cache.digest(data), len(data), report=None, given=path)
