"""devices.toml as device profiles and custom variants."""

from harness.config.profiles import MOST_THREADS, DelegateSpec, DeviceProfile, SshTarget, VariantSpec
from harness.config.reading import Config, config_from, find_devices_file, load_config

__all__ = [
    "MOST_THREADS",
    "Config",
    "DelegateSpec",
    "DeviceProfile",
    "SshTarget",
    "VariantSpec",
    "config_from",
    "find_devices_file",
    "load_config",
]
