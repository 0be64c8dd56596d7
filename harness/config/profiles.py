"""Device profiles and variant specs, as devices.toml describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.record import Side
from harness.record.plain import JsonObject

MOST_THREADS = 1024


@dataclass(frozen=True)
class DelegateSpec:
    """A delegate of a profile: its name, and its options as they are written.

    `harness.accelerators.check_options` checks the options and resolves paths in them.
    """

    name: str
    options: JsonObject = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)  # of devices.toml, for relative paths


@dataclass(frozen=True)
class SshTarget:
    """A board that is reached with the user's ssh. Profiles with equal targets are on one machine."""

    host: str  # a name from ~/.ssh/config is enough
    user: str | None = None
    port: int | None = None
    identity_file: str | None = None
    ssh_options: tuple[str, ...] = ()  # added to ssh's command line unchanged
    workdir: str | None = None  # on the board; None: qbench's cache folder there
    folder: Path | None = None  # of devices.toml, for relative paths in ssh_options


@dataclass(frozen=True)
class DeviceProfile:
    """A device as `[devices.NAME]` describes it."""

    name: str
    delegates: tuple[DelegateSpec, ...]
    place: str = "local"
    ssh: SshTarget | None = None  # if place is "ssh"
    python: str | None = None  # None: the Python that runs qbench; on a board, its python3
    runtime: str = "auto"
    threads: tuple[int, ...] = (1,)
    affinity: tuple[int, ...] | None = None  # CPU numbers; None: qbench chooses
    timeout_s: float = 60.0  # a worker that is silent for longer counts as hung
    env: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None  # shown beside the device's figures
    side: Side | None = None  # where it exists once per side, with different Pythons or runtimes

    @property
    def key(self) -> str:
        """Its name, with its side if it has one."""
        return self.name if self.side is None else f"{self.name}/{self.side}"


@dataclass(frozen=True)
class VariantSpec:
    """The converter settings of a variant, in the converter's own terms.

    `supported_ops` and `optimizations` hold names of `tf.lite.OpsSet` and `tf.lite.Optimize`;
    types are dtype names ("int8", "float16").
    """

    name: str
    optimizations: tuple[str, ...] = ()
    supported_ops: tuple[str, ...] = ()
    supported_types: tuple[str, ...] = ()
    inference_input_type: str | None = None
    inference_output_type: str | None = None
    representative_dataset: str | None = None  # in the form of --calibration; for this variant only
    needs_calibration: bool = False
    notes: tuple[str, ...] = ()  # shown beside the variant, such as a retired name explained
