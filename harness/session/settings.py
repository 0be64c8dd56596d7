"""Find, read and check the user's devices.toml."""

from __future__ import annotations

from pathlib import Path

from harness.accelerators import check_options
from harness.config import Config, find_devices_file, load_config
from harness.errors import ConfigError


def read_config(devices_file: Path | None) -> Config:
    """Return the profiles and variants of a devices.toml. Raises ConfigError, with file and key."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the working directory no longer exists; change to another one") from None
    return check_options(load_config(find_devices_file(devices_file, here)))
