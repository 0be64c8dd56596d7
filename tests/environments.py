"""Pythons of the versions that boards have, and environments with a runtime made of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def interpreter(version: str) -> str | None:
    """A Python of this version ("3.7") that starts, from pyenv or PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob(f"versions/{version}.*")
    candidates = [str(folder / "bin" / "python") for folder in sorted(pyenv)]
    candidates.append(shutil.which(f"python{version}") or "")
    return next((python for python in candidates if python and _starts(python)), None)


def environment(folder: Path, version: str, *packages: str) -> Path:
    """The Python of a new virtual environment with these packages, if any; skips where there can be none."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"needs a Python {version} in pyenv or on PATH")
    subprocess.run([base, "-m", "venv", *([] if packages else ["--without-pip"]), folder], check=True)
    python = folder / "bin" / "python"
    if not packages:
        return python
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs {' '.join(packages)} for Python {version}: {done.stderr.strip()[-200:]}")
    return python


def _starts(python: str) -> bool:
    return subprocess.run([python, "-c", "pass"], capture_output=True, check=False).returncode == 0
