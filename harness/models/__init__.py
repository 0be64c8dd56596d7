"""Where a model comes from: Keras, SavedModel, callable, .tflite, a folder of them, or built in."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import cache
from harness.errors import ModelError
from harness.models.applications import APPLICATIONS, application_name

Kind = Literal["keras", "saved_model", "callable", "tflite", "tflite_folder", "builtin", "application"]

DIGITS = "digits"
DIGITS_RECIPE = "digits 1"  # raised whenever harness.models.builtin would make another model

_KERAS_SUFFIXES = {".keras", ".h5", ".hdf5"}
_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_WANTED = "a .keras, .h5 or .tflite file, a SavedModel folder, a folder of .tflite files"


@dataclass(frozen=True)
class ModelSource:
    """A model as the user named it. Nothing of it has been built or loaded yet."""

    name: str  # short, for tables and file names
    kind: Kind
    source: str  # as the user gave it
    path: Path | None  # of the file or folder, where there is one
    sha256: str | None  # of the content; None where that is known only once it is built, or read: .tflite


def resolve_model(text: str, base: Path) -> ModelSource:
    """What `--model text` means; relative paths start at `base`.

    A built-in name wins over a file of that name; `./name` is always the file. Raises ModelError, with the
    nearest name where nothing is meant by `text`.
    """
    if not text:
        raise ModelError(
            f"the model has no name; expected {_WANTED}, package.module:callable or a built-in name"
        )
    if text == DIGITS:
        return ModelSource(DIGITS, "builtin", text, None, cache.key(recipe=DIGITS_RECIPE))
    if name := application_name(text):
        return ModelSource(name, "application", text, None, cache.key(application=name))
    path = base / Path(text).expanduser()
    if path.is_dir():
        return _folder(text, path)
    if path.is_file():
        return _file(text, path)
    if is_callable(text):
        return ModelSource(text.rpartition(":")[2].rpartition(".")[2], "callable", text, None, None)
    raise ModelError(_unknown(text, path))


def is_callable(text: str) -> bool:
    """True where `text` has the form `package.module:callable`."""
    return _CALLABLE.fullmatch(text) is not None


def tflite_files(folder: Path) -> list[Path]:
    """The .tflite files of a folder, by name; not those of folders inside it."""
    return sorted(p for p in _listing(folder) if p.suffix.lower() == ".tflite" and p.is_file())


def digest_source(path: Path) -> str:
    """SHA-256 of a model file, or of the names and contents of a folder. Raises ModelError."""
    if not path.is_dir():
        return cache.digest_file(path)
    found = [Path(folder, name) for folder, _, names in os.walk(path, followlinks=True) for name in names]
    files = {p.relative_to(path).as_posix(): p for p in found if p.is_file()}
    return cache.key(**{name: cache.digest_file(p) for name, p in files.items()})


def copy_source(path: Path, folder: Path) -> Path:
    """A copy of a model file or folder in `folder`, of all that `digest_source` sees. Raises ModelError."""
    copy = folder / path.name
    try:
        if path.is_dir():
            shutil.copytree(path, copy, ignore_dangling_symlinks=True, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(path, copy)
    except shutil.Error as error:  # several, each (from, to, why)
        raise ModelError(f"{path}: cannot be read: {error.args[0][0][2]}") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be copied to {folder}: {error.strerror or error}") from None
    return copy


def _file(text: str, path: Path) -> ModelSource:
    suffix = path.suffix.lower()
    kind: Kind = "tflite" if suffix == ".tflite" else "keras"
    if kind == "keras" and suffix not in _KERAS_SUFFIXES:
        hint = "give the folder that it lies in" if path.name == "saved_model.pb" else f"expected {_WANTED}"
        raise ModelError(f"{text}: not a model that qbench can read; {hint}")
    return ModelSource(path.stem, kind, text, path, digest_source(path) if kind == "keras" else None)


def _folder(text: str, path: Path) -> ModelSource:
    name = path.resolve().name
    if (path / "saved_model.pb").is_file():
        return ModelSource(name, "saved_model", text, path, digest_source(path))
    if tflite_files(path):
        return ModelSource(name, "tflite_folder", text, path, None)
    raise ModelError(f"{text}: the folder holds neither saved_model.pb nor a .tflite file")


def _unknown(text: str, path: Path) -> str:
    beside = [p.name for p in _listing(path.parent) if p.name != path.name]
    if path.suffix.lower() in {*_KERAS_SUFFIXES, ".tflite"} or len(Path(text).parts) > 1:
        return f"{text}: no such file or folder{_nearest(path.name, beside)}"
    near = _nearest(text, [DIGITS, *APPLICATIONS, *beside])
    return (
        f"{text}: no such model{near or f'; expected {_WANTED}, package.module:callable or a built-in name'}"
    )


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _nearest(text: str, names: list[str]) -> str:
    match = difflib.get_close_matches(text, names, n=1)
    return f"; did you mean {match[0]}?" if match else ""
