"""Find a model: a file, a folder, a callable, a name, or an object of the program."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness import cache
from harness.errors import ModelError
from harness.models.applications import APPLICATIONS, application_name
from harness.models.objects import is_model, name_of
from harness.models.trees import OtherTree

Kind = Literal[
    "keras", "saved_model", "callable", "tflite", "tflite_folder", "builtin", "application", "object"
]

DIGITS = "digits"
DIGITS_RECIPE = "digits 1"  # raise it when another model is trained

_KERAS_SUFFIXES = {".keras", ".h5", ".hdf5"}
_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LFS = b"version https://git-lfs.github.com/spec/"
_WANTED = "a .keras, .h5 or .tflite file, a SavedModel folder, a folder of .tflite files"


@dataclass(frozen=True)
class ModelSource:
    """A model as the user named it, not built or loaded yet.

    source: as the user gave it; of an object, what it is. path: of the file or folder, if there is one.
    sha256: of the content; None if that is known only once it is built, saved or (.tflite) read. held: the
    object itself, or the content of a .tflite. tree: where a callable is imported from, if not from here.
    """

    name: str  # short, for tables and file names
    kind: Kind
    source: str
    path: Path | None
    sha256: str | None
    held: object = field(default=None, repr=False, compare=False)
    tree: OtherTree | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it is a .tflite or a folder of them, so that no variants are made of it."""
        return self.kind in ("tflite", "tflite_folder")


def resolve_model(model: object, base: Path) -> ModelSource:
    """Return the model that a --model text, a path or an object means; relative paths start from `base`.

    model: a text, as --model takes it (a built-in name wins over a file of that name; `./name` is always the
    file); a path; the content of a .tflite as bytes; a Keras model, a tf.Module, a tf.function or a concrete
    function. Raises ModelError if it is none of these, with the nearest name for a text.
    """
    if isinstance(model, str):
        return _named(model, base)
    if isinstance(model, os.PathLike):
        return model_at(str(model), base / Path(model).expanduser())
    if isinstance(model, (bytes, bytearray, memoryview)):
        return ModelSource("model", "tflite", "bytes", None, None, bytes(model))
    kind = f"{type(model).__name__} object"
    if is_model(model):
        return ModelSource(name_of(model), "object", kind, None, None, model)
    raise ModelError(
        f"{kind}: not a model; expected a name, a path, a Keras model, a tf.Module, a tf.function or bytes"
    )


def _named(text: str, base: Path) -> ModelSource:
    if not text:
        raise ModelError(
            f"the model has no name; expected {_WANTED}, package.module:callable or a built-in name"
        )
    if text == DIGITS:
        return ModelSource(DIGITS, "builtin", text, None, cache.key(recipe=DIGITS_RECIPE))
    if name := application_name(text):
        return ModelSource(name, "application", text, None, cache.key(application=name))
    path = base / Path(text).expanduser()
    if is_callable(text) and not path.exists():
        return ModelSource(text.rpartition(":")[2].rpartition(".")[2], "callable", text, None, None)
    return model_at(text, path)


def model_at(text: str, path: Path) -> ModelSource:
    """Return the model in a file or folder, which messages call `text`. Raises ModelError."""
    if path.is_dir():
        return _folder(text, path)
    if path.is_file():
        _check_no_pointer(text, path)
        return _file(text, path)
    raise ModelError(_unknown(text, path))


def is_callable(text: str) -> bool:
    """Return True if `text` has the form `package.module:callable`."""
    return _CALLABLE.fullmatch(text) is not None


def tflite_files(folder: Path) -> list[Path]:
    """Return the .tflite files of a folder, by name; subfolders are not searched."""
    return sorted(p for p in _listing(folder) if p.suffix.lower() == ".tflite" and p.is_file())


def digest_source(path: Path) -> str:
    """Return the SHA-256 of a model file, or of a folder's names and contents. Raises ModelError."""
    if not path.is_dir():
        return cache.digest_file(path)
    found = [Path(folder, name) for folder, _, names in os.walk(path, followlinks=True) for name in names]
    files = {p.relative_to(path).as_posix(): p for p in found if p.is_file()}
    return cache.key(**{name: cache.digest_file(p) for name, p in files.items()})


def copy_source(path: Path, folder: Path) -> Path:
    """Copy a model file or folder into `folder`: all that `digest_source` reads. Raises ModelError."""
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
    if files := tflite_files(path):
        for file in files:
            _check_no_pointer(f"{text}/{file.name}", file)
        return ModelSource(name, "tflite_folder", text, path, None)
    raise ModelError(f"{text}: the folder holds neither saved_model.pb nor a .tflite file")


def _check_no_pointer(text: str, path: Path) -> None:
    """Raise ModelError for the pointer that Git LFS leaves in place of a file that it has not fetched."""
    try:
        with path.open("rb") as file:
            is_pointer = file.read(len(_LFS)) == _LFS
    except OSError:
        return  # reading it as a model says why
    if is_pointer:
        raise ModelError(f"{text}: not the model but a pointer of Git LFS to it; `git lfs pull` fetches it")


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
