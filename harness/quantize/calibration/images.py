"""Read a folder of images as calibration data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.quantize.calibration.arrays import Arrays, first_line, sample_dtype
from harness.quantize.calibration.labels import LABELS
from harness.quantize.calibration.options import Options
from harness.quantize.calibration.samples import InputSpec

if TYPE_CHECKING:
    from PIL import Image

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # Pillow knows more, and runs Ghostscript
MOST_PIXELS = 89_478_485  # 256 MiB in RGB; Pillow warns from there on


def read(source: str, inputs: Sequence[InputSpec], options: Options) -> tuple[Arrays, list[str]]:
    """Read images as (samples, height, width, channels), and their labels if they lie in folders of classes.

    A larger folder is subsampled evenly, as folders are often sorted by class. Raises ModelError.
    """
    where = f"calibration {source}"
    spec, mode = _image_input(inputs, where)
    root = Path(source).expanduser()
    every = _files(root, where)
    count = min(len(every), options.samples)
    files = [every[i * len(every) // count] for i in range(count)]
    low, high = options.scale or _default_scale(spec, where)
    array = np.empty((count, *spec.shape[1:]), np.float32)
    for row, file in zip(array, files, strict=True):
        pixels = _pixels(file, mode, spec.shape[2], spec.shape[1], options.resize)
        row[...] = (pixels * ((high - low) / 255) + low).reshape(row.shape)
    subsampled = [f"{count} of {len(every)} images, evenly spread"] if count < len(every) else []
    how = f"resized to {spec.shape[2]}x{spec.shape[1]} ({options.resize}, aspect ratio not kept)"
    values = {spec.name: array.astype(sample_dtype(spec, where))}
    classes = _classes(root, every)
    if classes:
        values[LABELS] = np.array([classes[file.relative_to(root).parts[0]] for file in files])
    return values, [*subsampled, how, mode, f"scaled to [{low:g}, {high:g}]"]


def _image_input(inputs: Sequence[InputSpec], where: str) -> tuple[InputSpec, str]:
    """Return the model's input, and Pillow's mode for its number of channels."""
    if len(inputs) != 1:
        raise ModelError(f"{where}: a folder of images fits one input, the model has {len(inputs)}")
    spec = inputs[0]
    channels = spec.shape[3] if len(spec.shape) == 4 else 1 if len(spec.shape) == 3 else 0
    if channels not in _MODES:
        raise ModelError(
            f'{where}: images fit an input of shape (batch, height, width, 1, 3 or 4), "{spec.name}" has'
            f" {spec.shape}; use an .npy file"
        )
    return spec, _MODES[channels]


def _default_scale(spec: InputSpec, where: str) -> tuple[float, float]:
    """Return [0, 1] for real values, [0, 255] for an input of whole numbers."""
    return (0.0, 1.0) if sample_dtype(spec, where) == "float32" else (0.0, 255.0)


def _files(folder: Path, where: str) -> list[Path]:
    found = [
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")
    ]
    if not found:
        raise ModelError(f"{where}: no images in this folder ({', '.join(sorted(_SUFFIXES))})")
    return sorted(found)


def _classes(folder: Path, images: Sequence[Path]) -> dict[str, int]:
    """Return the number of each class folder, in the order of their names.

    That is the order of Keras' image_dataset_from_directory.
    Empty if there are fewer than two folders, or if an image lies in none of them.
    """
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    if len(names) < 2 or any(image.relative_to(folder).parts[0] not in names for image in images):
        return {}
    return {name: number for number, name in enumerate(names)}


def _pixels(file: Path, mode: str, width: int, height: int, resize: str) -> npt.NDArray[np.float32]:
    """Read pixels from 0 to 255, shape (height, width) or (height, width, channels), upright."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ModelError('images need Pillow: pip install "qbench-tflite[convert]"') from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # checked below
            opened = Image.open(file, formats=_FORMATS)  # reads the header only
        with opened as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(file, f"{image.width} x {image.height}")
            upright = ImageOps.exif_transpose(_eight_bit(image, file)).convert(mode)
            resized = upright.resize((width, height), Image.Resampling[resize.upper()])
            return np.asarray(resized, np.float32)
    except Image.DecompressionBombError:  # raised for twice that limit and more
        raise _too_large(file, "its") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ModelError(f"calibration image {file}: cannot be read: {first_line(error)}") from None


def _too_large(file: Path, size: str) -> ModelError:
    return ModelError(
        f"calibration image {file}: {size} pixels are more than the {MOST_PIXELS / 1e6:.0f} million that are"
        " decoded; make it smaller"
    )


def _eight_bit(image: Image.Image, file: Path) -> Image.Image:
    if image.mode[0] in "IF":  # Pillow would cut the values off at 255
        raise ModelError(f"calibration image {file}: more than 8 bits per channel; save it with 8")
    return image
