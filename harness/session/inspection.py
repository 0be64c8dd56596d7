"""What `qbench inspect` is about: a .tflite file, and what delegates are expected to run of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.analysis.compat import predictions
from harness.analysis.compat.limits import needs
from harness.analysis.compat.targets import target
from harness.config import DeviceProfile
from harness.record.inspection import Inspection
from harness.tflite import read_model_file
from harness.tflite.describe import describe


def inspect(file: Path, profiles: Sequence[DeviceProfile] = ()) -> Inspection:
    """Describe a .tflite op by op, with one prediction per delegate and runtime of the profiles.

    Raises ModelError where the file can't be read.
    """
    model = read_model_file(file)
    predicted = [found for profile in profiles for found in predictions(model, target(profile))]
    return {"file": str(file), **describe(model), "needs": needs(model), "predictions": predicted}
