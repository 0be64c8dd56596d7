"""What devices.toml describes: device profiles, delegates with their options, variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.record.plain import JsonObject

MOST_THREADS = 1024


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
