"""The machine that runs qbench: its description for the result document, and its runtimes."""

from __future__ import annotations

import importlib.metadata
import platform

from delegates.backends import runtime
from delegates.probe import facts
from delegates.wire import Runtime
from harness.record import Host

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "tensorflow", "keras", "tf-keras", "numpy", "pandas")


def describe() -> Host:
    """Describe this machine, with the versions of the packages that affect results."""
    machine = facts.machine()
    return Host(
        **{key: machine[key] for key in ("os", "arch", "cpu", "cores", "memory_bytes")},
        python=platform.python_version(),
        packages=_versions(),
    )


def installed_runtimes() -> list[Runtime]:
    """Return the TFLite runtimes of the Python that runs qbench, in the order in which `auto` chooses."""
    return runtime.installed()


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
