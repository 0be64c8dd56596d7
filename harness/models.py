"""Where a model comes from: Keras, SavedModel, callable, .tflite, a folder of them, or built in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["keras", "saved_model", "callable", "tflite", "tflite_folder", "builtin", "application"]


@dataclass(frozen=True)
class ModelSource:
    """A model as the user named it. Nothing of it has been built or loaded yet."""

    name: str  # short, for tables and file names
    kind: Kind
    source: str  # as the user gave it
    path: Path | None  # of the file or folder, where there is one
    sha256: str | None  # of the content; None for a callable, whose content is known only once built
