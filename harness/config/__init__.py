"""devices.toml -> device profiles and custom variants; every complaint names file, table and key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from harness.config.checks import InvalidValue, suggest, wrong_type
from harness.errors import ConfigError
from harness.record.plain import JsonObject

FILE_NAME = "devices.toml"
MOST_THREADS = 1024
T = TypeVar("T")


@dataclass(frozen=True)
class DelegateSpec:
    """A delegate as a profile asks for it: its name, and its options as they are written.

    `harness.accelerators.check_options` checks the options and resolves paths in them.
    """

    name: str
    options: JsonObject = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)  # of devices.toml, for relative paths


@dataclass(frozen=True)
class SshTarget:
    """A board that the user's ssh reaches. Profiles with equal targets are on one machine."""

    host: str  # a name from ~/.ssh/config is enough
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    ssh_options: tuple[str, ...] = ()  # for ssh's command line, as they are
    workdir: str | None = None  # on the board; None: its cache folder for qbench
    folder: Path | None = None  # that of devices.toml: what relative paths in ssh_options mean


@dataclass(frozen=True)
class DeviceProfile:
    """A device as `[devices.NAME]` describes it."""

    name: str
    delegates: tuple[DelegateSpec, ...]
    place: str = "local"
    ssh: SshTarget | None = None  # in place "ssh"
    python: str | None = None  # None: the Python that runs qbench; on a board, its python3
    runtime: str = "auto"
    threads: tuple[int, ...] = (1,)
    affinity: tuple[int, ...] | None = None  # CPU numbers; None: qbench chooses
    timeout_s: float = 60.0  # a worker that does not answer for so long counts as hung
    env: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None  # shown wherever its figures are


@dataclass(frozen=True)
class VariantSpec:
    """The converter's settings for a variant, in its own words.

    `supported_ops` and `optimizations` hold names of `tf.lite.OpsSet` and `tf.lite.Optimize`,
    types are dtype names ("int8", "float16").
    """

    name: str
    optimizations: tuple[str, ...] = ()
    supported_ops: tuple[str, ...] = ()
    supported_types: tuple[str, ...] = ()
    inference_input_type: str | None = None
    inference_output_type: str | None = None
    representative_dataset: str | None = None  # as --calibration takes it; for this variant only
    needs_calibration: bool = False
    notes: tuple[str, ...] = ()  # shown wherever the variant is, such as a retired name explained


@dataclass(frozen=True)
class Config:
    """A devices.toml: its profiles and variants by name."""

    path: Path
    devices: Mapping[str, DeviceProfile]
    variants: Mapping[str, VariantSpec]

    def named(self, names: Sequence[str]) -> list[DeviceProfile]:
        """Return the profiles named, each once; without a name all. Raises ConfigError for an unknown one."""
        for name in names:
            if name not in self.devices:
                raise ConfigError(f'{self.path}: no device "{name}"{suggest(name, self.devices)}')
        return [self.devices[name] for name in dict.fromkeys(names or self.devices)]


def find_devices_file(explicit: Path | None, start: Path) -> Path:
    """`explicit`, else devices.toml in `start` or the nearest folder above, else the shipped one.

    Raises ConfigError for a file that another user may have left there (in /tmp, for example).
    """
    if explicit is not None:
        return explicit
    folder = start.absolute()
    places = (place / FILE_NAME for place in (folder, *folder.parents))
    found = next((path for path in places if path.is_file()), None)
    if found is not None and found.stat().st_uid not in (0, os.geteuid(), found.parent.stat().st_uid):
        raise ConfigError(
            f"{found}: belongs neither to you nor to the owner of its folder, and can name programs to be"
            f" run; if it is meant: --devices-file {found}"
        )
    return found or _shipped()


def _shipped() -> Path:
    """Inside the package where it is installed, beside it in a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / FILE_NAME
    return installed if installed.is_file() else package.parent / FILE_NAME


def load_config(path: Path) -> Config:
    """Read the profiles and variants of a devices.toml. Raises ConfigError: one line, file, table and key."""
    return config_from(_read(path), path, path.absolute().parent)


def config_from(tables: Mapping[str, Any], source: Path, folder: Path) -> Config:
    """Check the tables of a devices.toml. Raises ConfigError.

    source: what error messages name. folder: what relative paths in the tables are relative to.
    """
    from harness.config.keys import device, variant  # they make the types above

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
    except (ValueError, RecursionError) as error:  # syntax, a key twice, not UTF-8
        raise ConfigError(f"{path}: not valid TOML: {' '.join(str(error).split())}") from None


def _entries(path: Path, tables: JsonObject, group: str, build: Callable[[str, Any], T]) -> dict[str, T]:
    """Every [GROUP.NAME] as what `build` makes of it."""
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
