"""What the device profiles say, and, probed, what is really there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from msgspec import to_builtins

from harness.accelerators import find_compilers
from harness.config import Config
from harness.devices import machines
from harness.devices.transports.run_once import run_once
from harness.errors import ConfigError
from harness.session import selection


def describe(config: Config, names: Sequence[str], probe: bool, note: machines.Note) -> dict[str, Any]:
    """A plain document: `file` and `devices`, one entry per profile (those named, or all).

    Each probed entry has `machine` (its facts; null where it can't be reached) and `found`: the Python,
    its runtimes, the runtime chosen, delegates that load (null) or why they don't, other Pythons, and
    `error` where nothing can run; `lock`: who measures on the machine at the moment; with an Edge TPU also
    `compiler`: its command, version and host, or the `problem` with it.
    """
    profiles = [config.devices[name] for name in selection.known(config, names)]
    document: dict[str, Any] = {
        "file": str(config.path),
        "devices": [_profile(profile) for profile in profiles],
    }
    if probe:
        with machines.open_all(profiles, note) as opened:
            machines.probe_all(opened, look="everywhere", note=note)
            found = {p.name: _found(machine, p.name) for machine in opened for p in machine.profiles}
        for entry in document["devices"]:
            entry.update(found[entry["name"]])
        for name, compiler in find_compilers(profiles, run_once).items():
            next(entry for entry in document["devices"] if entry["name"] == name)["compiler"] = to_builtins(
                compiler
            )
    return document


def clean(config: Config, name: str, note: machines.Note) -> dict[str, int]:
    """Empty a board's cache. Returns how many `files` and `bytes` were removed. Raises QbenchError."""
    (known,) = selection.known(config, [name])
    target = config.devices[known].ssh
    if target is None:
        raise ConfigError(
            f"--clean {name}: this is the local machine; qbench keeps nothing there but its cache"
        )
    with machines.open_all([config.devices[known]], note) as (machine,):
        machine.runner.take("that cleans up", 0.0)
        return machine.runner.clean()


def _found(machine: machines.Machine, name: str) -> dict[str, Any]:
    facts = machine.facts
    return {
        "machine": None if facts is None else {**facts.machine, **facts.changing},
        "found": asdict(machine.answers[name]),
        "problem": machine.problem,
        "lock": machine.runner.lock,
    }


def _profile(profile: Any) -> dict[str, Any]:
    return {
        "name": profile.name,
        "place": profile.place,
        "host": None if profile.ssh is None else profile.ssh.host,
        "note": profile.note,
        "python": profile.python,
        "runtime": profile.runtime,
        "delegates": [delegate.name for delegate in profile.delegates],
        "threads": list(profile.threads),
        "affinity": None if profile.affinity is None else list(profile.affinity),
    }
