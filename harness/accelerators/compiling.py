"""Find the compilers of delegates, for `qbench devices --probe`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.accelerators.base import Compiler, OverSsh
from harness.accelerators.registry import ACCELERATORS
from harness.config import DeviceProfile
from harness.record.listing import ListedCompiler


def find_compilers(profiles: Iterable[DeviceProfile], over_ssh: OverSsh) -> dict[str, ListedCompiler]:
    """Return profile name -> compiler, for profiles with a delegate that has one. Each is looked for once."""
    compilers: dict[str, Compiler] = {}
    found = {}
    for profile in profiles:
        for spec in profile.delegates:
            make = ACCELERATORS[spec.name].compiler
            if make is not None:
                compiler = compilers.setdefault(spec.name, make(Path(), over_ssh, lambda sentence: None))
                found[profile.name] = compiler.find(spec)
    return found
