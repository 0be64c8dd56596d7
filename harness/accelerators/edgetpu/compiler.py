"""Find edgetpu_compiler, run it with a timeout, and cache its results."""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from harness import cache, processes
from harness.accelerators.base import CompiledFile
from harness.accelerators.edgetpu.log import Report, parse
from harness.accelerators.edgetpu.remote import Host
from harness.errors import ModelError
from harness.record import Artifact

NAME = "edgetpu_compiler"
TIMEOUT_S = 300.0
_VERSION_S = 30.0
_KEPT_BYTES = 4 << 20  # of the output's end, which has the verdict
_INSTALL = (
    "install Coral's package edgetpu-compiler (x86-64 Linux only), name it in the profile with compiler ="
    ' "…" or its host with compiler_host = "…", or put MODEL_edgetpu.tflite beside the model'
    " (docs/edgetpu.md)"
)


class ModelRefused(ModelError):
    """The compiler rejects the model. Any other ModelError may not happen again."""


@dataclass(frozen=True)
class Installation:
    """A compiler that was found."""

    command: str
    version: str
    host: Host | None = None  # None: this machine


class Compilation(Struct, frozen=True):
    """One compilation as the cache keeps it."""

    sha256: str | None  # of the compiled file; None: there is none
    problem: str  # why there is none
    report: Report


def find(named: str | None = None, host: Host | None = None) -> Installation:
    """Find the compiler on PATH, or the one named, here or on another host.

    Raises ModelError: what is missing and how to get it.
    """
    if host is not None:
        return _find_there(named or NAME, host)
    command = shutil.which(str(Path(named or NAME).expanduser()))
    if command is None:
        where = f'compiler = "{named}" is not there or may not be run' if named else f"{NAME} is not on PATH"
        machine = platform.machine()
        here = "" if machine == "x86_64" else f" (and there is none for {machine})"
        raise ModelError(f"no compiler: {where}{here}; {_INSTALL}")
    text, ended = _run([command, "--version"], _VERSION_S)
    version = parse(text).version
    if version is None:
        raise ModelError(f"no compiler: {command} --version {ended or 'gave no version of ' + NAME}")
    return Installation(command, version)


def _find_there(command: str, host: Host) -> Installation:
    answer = host.call(command, ["--version"], b"", _VERSION_S)
    version = None if answer is None else parse(answer.text).version
    if version is None:
        raise ModelError(f"no compiler: {command} --version on {host.name} gave no version of {NAME}")
    return Installation(command, version, host)


def compile_model(
    source: Path,
    compiler: Installation,
    folder: Path,
    arguments: Sequence[str] = (),
    timeout_s: float = TIMEOUT_S,
) -> CompiledFile:
    """Compile a .tflite, or take the result from the cache in `folder`.

    A failure that may not happen again is tried once more. Raises ModelError with the compiler's reason;
    ModelRefused if that is final, which is cached, too.
    """
    key = cache.key(source=cache.digest_file(source), compiler=compiler.version, arguments=list(arguments))
    place = folder / "edgetpu" / f"{key}.json"
    made = cache.read_record(place, Compilation)
    path = None if made is None else _file(folder, made)
    if made is None or (made.sha256 and path is None):
        made = _make(source, compiler, folder, arguments, timeout_s)
        path = _file(folder, made)
        if path is not None or _is_final(made.report):
            cache.write_record(place, made)
    if path is None or made.sha256 is None:
        kind = ModelRefused if _is_final(made.report) else ModelError
        raise kind(f"{NAME} {compiler.version}: {made.problem}")
    return CompiledFile(_artifact(path, made.sha256, made.report, compiler.version), path)


def _artifact(path: Path, sha256: str, report: Report, version: str) -> Artifact:
    return Artifact(
        file=path.name,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        compiler=version,
        subgraphs=report.subgraphs,
        ops_total=report.ops_total,
        ops_mapped=report.mapped,
        on_chip_bytes=report.on_chip_bytes,
        on_chip_free_bytes=report.on_chip_free_bytes,
        streamed_bytes=report.streamed_bytes,
        ops=report.ops,
        problem=report.problem,
    )


def _file(folder: Path, made: Compilation) -> Path | None:
    """Return the compiled file; None if there is none, or it is damaged."""
    return cache.get(folder / "files", made.sha256, ".tflite") if made.sha256 else None


def _make(
    source: Path, compiler: Installation, folder: Path, arguments: Sequence[str], timeout_s: float
) -> Compilation:
    """Compile a model, and store the compiled file in the cache."""
    data, problem, report = _try(source, compiler, arguments, timeout_s)
    if data is None and report.flaky and "no verdict within" not in problem:
        data, problem, report = _try(source, compiler, arguments, timeout_s)
    if data is not None:
        cache.put(folder / "files", data, ".tflite")
    sha256 = None if data is None else cache.digest(data)
    return Compilation(sha256, problem, report)


def _try(
    source: Path, compiler: Installation, arguments: Sequence[str], timeout_s: float
) -> tuple[bytes | None, str, Report]:
    """Call the compiler once. Return the compiled file (or None), why there is none, and the report.

    The exit status of failures is not documented: a new file and the last verdict in the log count.
    """
    if compiler.host is not None:
        return _try_there(source, compiler, compiler.host, arguments, timeout_s)
    with tempfile.TemporaryDirectory(prefix="qbench-") as scratch:
        model = Path(scratch) / "model.tflite"
        shutil.copyfile(source, model)
        command = [compiler.command, "--out_dir", scratch, "--show_operations", *arguments, str(model)]
        text, ended = _run(command, timeout_s)
        report = parse(text)
        made = Path(scratch) / "model_edgetpu.tflite"
        data = made.read_bytes() if made.is_file() else b""
    return _judged(data, ended, report)


def _try_there(
    source: Path, compiler: Installation, host: Host, arguments: Sequence[str], timeout_s: float
) -> tuple[bytes | None, str, Report]:
    every = ["--out_dir", ".", "--show_operations", *arguments, "model.tflite"]
    answer = host.call(compiler.command, every, source.read_bytes(), timeout_s)
    if answer is None:
        return None, _how_it_ended(None, timeout_s), parse("")
    return _judged(answer.data, _how_it_ended(answer.status, timeout_s), parse(answer.text))


def _judged(data: bytes, ended: str, report: Report) -> tuple[bytes | None, str, Report]:
    if report.verdict == "compiled" and data:
        return data, "", report
    if report.verdict == "compiled":
        return None, "it compiled, but left no model_edgetpu.tflite", report
    if report.verdict == "failed":
        return None, report.reason or "compilation failed, and it does not say why", report
    return None, ended or "it ended without a verdict and without a file", report


def _is_final(report: Report) -> bool:
    """Return True if the compiler rejects the model; a crash may be the machine's fault and is not final."""
    crashed = re.match(r"libc\+\+abi:|.*Segmentation fault", report.reason or "")
    return report.verdict == "failed" and not report.flaky and not crashed


def _run(command: Sequence[str], timeout_s: float) -> tuple[str, str]:
    """Run a command. Return its output, and how it ended unless that was with status 0.

    The compiler is a script that starts a program: both are killed together.
    """
    try:
        done = processes.run(command, timeout_s=timeout_s, merged=True, kept_bytes=_KEPT_BYTES)
    except OSError as error:
        return "", f"cannot be started: {error.strerror or error}"
    status = None if done.exit.late_s is not None else done.exit.status
    return done.output.decode("utf-8", "replace"), _how_it_ended(status, timeout_s)


def _how_it_ended(status: int | None, timeout_s: float) -> str:
    if status is None:
        return f"no verdict within {timeout_s:g} s; compiler_timeout in the profile gives it longer"
    return f"it {processes.Exit(status)}" + (" and no verdict" if status > 0 else "") if status else ""
