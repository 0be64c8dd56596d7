"""The work of `qbench inspect`: describe a .tflite file, and predict which ops delegates will run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import files
from harness.analysis import compat
from harness.analysis.compat import Inspection
from harness.config import DeviceProfile
from harness.devices import host
from harness.record.shapes import Shapes
from harness.tflite import ModelInfo, read_model, read_model_file
from harness.tflite.asked import as_asked


def inspect(
    file: Path, profiles: Sequence[DeviceProfile] = (), shapes: Shapes = (), signature: str | None = None
) -> Inspection:
    """Describe a .tflite op by op, with one prediction per delegate and runtime of the profiles.

    shapes, signature: of a copy that is described instead (see `as_asked`). Raises ModelError if the file
    can't be read, or does not have them.
    """
    installed = host.installed_runtimes() if profiles else ()
    targets = [compat.target(profile, installed) for profile in profiles]
    return compat.inspect(str(file), _read(file, shapes, signature), targets)


def _read(file: Path, shapes: Shapes, signature: str | None) -> ModelInfo:
    if not shapes and signature is None:
        return read_model_file(file)
    return read_model(as_asked(files.read(file), str(file), shapes, signature).data, str(file))
