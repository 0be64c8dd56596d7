"""The work of `qbench inspect`: describe a .tflite file, and predict which ops delegates will run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.analysis import compat
from harness.analysis.compat import Inspection
from harness.config import DeviceProfile
from harness.devices import host
from harness.tflite import read_model_file


def inspect(file: Path, profiles: Sequence[DeviceProfile] = ()) -> Inspection:
    """Describe a .tflite op by op, with one prediction per delegate and runtime of the profiles.

    Raises ModelError if the file can't be read.
    """
    installed = host.installed_runtimes() if profiles else ()
    targets = [compat.target(profile, installed) for profile in profiles]
    return compat.inspect(str(file), read_model_file(file), targets)
