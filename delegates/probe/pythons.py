"""Find other Pythons of a device, and advise how to install a runtime."""

from __future__ import annotations

import glob
import os
import platform
import shlex
import shutil
import sys
from typing import Dict, List, Optional, Tuple

# In the order in which they are tried: first those most likely made for TFLite.
_FOLDERS = (
    "~/venv", "~/.venv", "~/*venv*", "~/*", "~/.virtualenvs/*", "~/venvs/*", "/opt/*", "/opt/*/venv",
    "~/.pyenv/versions/*", "~/mini*3", "~/mini*3/envs/*", "/usr/local", "~/.local",
)  # fmt: skip
_NAMES = ["python3"] + ["python3.%d" % minor for minor in range(14, 6, -1)]
_MOST = 16  # asking one takes up to seconds on a small board


def others(known: Optional[str]) -> List[str]:
    """Return paths of at most 16 interpreters, without the one at the path `known`."""
    found: Dict[Tuple[str, str], str] = {}
    for path in _candidates():
        # A virtual environment's python is a link to another one, but has packages of its own.
        key = (os.path.realpath(os.path.dirname(path)), os.path.realpath(path))
        if os.access(path, os.X_OK) and os.path.isfile(path):
            found.setdefault(key, path)
    if known is not None:
        found.pop((os.path.realpath(os.path.dirname(known)), os.path.realpath(known)), None)
    return list(found.values())[:_MOST]


def _candidates() -> List[str]:
    paths = []
    for folder in _FOLDERS:
        for name in _NAMES if folder in ("/usr/local", "~/.local") else _NAMES[:1]:
            paths += sorted(glob.glob(os.path.join(os.path.expanduser(folder), "bin", name)))
    on_path = [shutil.which(name) for name in _NAMES]
    return paths + [path for path in on_path if path is not None]


def advice(executable: Optional[str], version: Optional[str]) -> str:
    """Return a shell command that makes an environment with a runtime, in a folder that qbench searches.

    executable, version: the Python to make it with; None: the one that runs this.

    Wheels (November 2026): ai-edge-litert for CPython 3.10 to 3.14 on x86-64 and arm64, glibc 2.27 and
    newer; tflite-runtime 2.14 for 3.8 to 3.11, 2.11 for 3.7; both break with numpy 2.
    """
    if executable is None or version is None:
        executable, version = sys.executable, platform.python_version()
    parts = version.split(".")
    minor = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
    if minor >= 10 and platform.machine() in ("x86_64", "aarch64"):
        packages = "ai-edge-litert"
    else:
        packages = "'numpy<2' tflite-runtime==%s" % ("2.11.0" if minor < 8 else "2.14.0")
    return "%s -m venv ~/venv && ~/venv/bin/pip install %s" % (shlex.quote(executable), packages)
