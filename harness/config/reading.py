"""Find and read devices.toml. Error messages name the file, the table and the key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.config.checks import InvalidValue, suggest, wrong_type
from harness.config.keys import device, variant
from harness.config.profiles import DeviceProfile, VariantSpec
from harness.errors import ConfigError
from harness.record.plain import JsonObject

FILE_NAME = "devices.toml"
T = TypeVar("T")


@dataclass(frozen=True)
class Config:
    """A devices.toml: its profiles and variants by name."""

    path: Path
    devices: Mapping[str, DeviceProfile]
    variants: Mapping[str, VariantSpec]

    def named(self, names: Sequence[str]) -> list[DeviceProfile]:
        """Return the profiles with these names, each once; all profiles if there are no names.

        Raises ConfigError for an unknown name.
        """
        for name in names:
            if name not in self.devices:
                raise ConfigError(f'{self.path}: no device "{name}"{suggest(name, self.devices)}')
        return [self.devices[name] for name in dict.fromkeys(names or self.devices)]


def find_devices_file(explicit: Path | None, start: Path) -> Path:
    """Return `explicit`, else devices.toml in `start` or the nearest folder above it, else the shipped one.

    Raises ConfigError for a file that another user may have left there (in /tmp, for example).
    """
    if explicit is not None:
        return explicit
    folder = start.absolute()
    candidates = (parent / FILE_NAME for parent in (folder, *folder.parents))
    found = next((path for path in candidates if path.is_file()), None)
    if found is not None and found.stat().st_uid not in (0, os.geteuid(), found.parent.stat().st_uid):
        raise ConfigError(
            f"{found}: belongs neither to you nor to the owner of its folder, and can name programs to be"
            f" run; if it is meant: --devices-file {found}"
        )
    return found or _shipped()


def _shipped() -> Path:
    """Return the file inside the installed package, or beside the package in a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / FILE_NAME
    return installed if installed.is_file() else package.parent / FILE_NAME


def load_config(path: Path) -> Config:
    """Read the profiles and variants of a devices.toml. Raises ConfigError: one line, file, table and key."""
    return config_from(_read(path), path, path.absolute().parent)


def config_from(tables: JsonObject, source: Path, folder: Path) -> Config:
    """Check the tables of a devices.toml. Raises ConfigError.

    source: the file that error messages name. folder: the folder that relative paths start from.
    """
    for name in tables:
        if name not in ("devices", "variants"):
            known = suggest(name, ("devices", "variants"))
            raise ConfigError(" ".join(f"{source}: [{name}]: unknown table{known}".split()))
    devices = _entries(source, tables, "devices", lambda name, table: device(name, table, folder))
    variants = _entries(source, tables, "variants", lambda name, table: variant(name, table, folder))
    if not devices:
        raise ConfigError(f'{source}: no device; add a table such as [devices.cpu] with delegates = ["cpu"]')
    return Config(source, devices, variants)


def _read(path: Path) -> JsonObject:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # a syntax error, a duplicate key, not UTF-8
        raise ConfigError(f"{path}: not valid TOML: {' '.join(str(error).split())}") from None


def _entries(path: Path, tables: JsonObject, group: str, build: Callable[[str, Any], T]) -> dict[str, T]:
    """Build an object from every [GROUP.NAME] table."""
    entries = tables.get(group, {})
    if not isinstance(entries, dict):
        raise ConfigError(f"{path}: [{group}] {wrong_type(f'tables such as [{group}.NAME]', entries)}")
    made = {}
    for name, table in entries.items():
        try:
            made[name] = build(name, table)
        except InvalidValue as invalid:
            raise ConfigError(" ".join(f"{path}: [{group}.{name}] {invalid}".split())) from None
    return made
