"""What the device profiles say, and, probed, what is really there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness import execute
from harness.cache import default_cache
from harness.config import Config
from harness.runners import bundle
from harness.runners.local import LocalRunner


def describe(config: Config, probe: bool) -> dict[str, Any]:
    """A plain document: `file`, `devices` (one entry per profile) and, probed, `machine`.

    Each probed entry has `found`: the Python, its runtimes, the runtime chosen, delegates that load
    (null) or why they don't, and `error` where nothing can run.
    """
    document: dict[str, Any] = {
        "file": str(config.path),
        "devices": [_profile(profile) for profile in config.devices.values()],
    }
    if probe:
        runner = LocalRunner(bundle.build(), default_cache() / "bundles")
        facts, answers = execute.probe(runner, list(config.devices.values()))
        document["machine"] = {**facts.machine, **facts.changing}
        for entry in document["devices"]:
            entry["found"] = asdict(answers[entry["name"]])
    return document


def _profile(profile: Any) -> dict[str, Any]:
    return {
        "name": profile.name,
        "place": profile.place,
        "python": profile.python,
        "runtime": profile.runtime,
        "delegates": [delegate.name for delegate in profile.delegates],
        "threads": list(profile.threads),
        "affinity": None if profile.affinity is None else list(profile.affinity),
    }
