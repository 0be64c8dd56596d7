"""What tests share: small nets, and stand-ins for what no test machine has (see standins/)."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import nets as nets_module

pytest_plugins = ["pytester", "tests.selection"]

STANDINS = Path(__file__).parent / "standins"


@pytest.fixture(scope="session", autouse=True)
def lock_folder(tmp_path_factory) -> Path:
    """This machine's lock is the session's own, so that several can run side by side; children inherit it."""
    folder = tmp_path_factory.mktemp("lock")
    os.environ["QBENCH_LOCK_DIR"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def nets(tmp_path_factory) -> Path:
    """A folder with the .tflite files of nets.py; not to be written to."""
    return nets_module.write_all(tmp_path_factory.mktemp("nets"))


@pytest.fixture(scope="session")
def standin_library(tmp_path_factory) -> Path:
    """The stand-in delegate, compiled now."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (cc) to build the stand-in delegate")
    library = tmp_path_factory.mktemp("lib") / "libstandin.so"
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library,
         STANDINS / "delegate.c"],
        check=True,
    )  # fmt: skip
    return library


@pytest.fixture
def standin_compiler(tmp_path, monkeypatch):
    """The stand-in for edgetpu_compiler; `calls` of it are noted, `mode` says what it does wrong."""
    return StandinCompiler(tmp_path, monkeypatch)


class StandinCompiler:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.command = folder / "standin-bin" / "edgetpu_compiler"
        self.command.parent.mkdir()
        script = STANDINS / "edgetpu_compiler.py"
        self.command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        self.command.chmod(0o755)
        self._calls, self._env = folder / "calls.txt", monkeypatch
        monkeypatch.setenv("STANDIN_CALLS", str(self._calls))

    @property
    def calls(self) -> int:
        return len(self._calls.read_text().splitlines()) if self._calls.exists() else 0

    def mode(self, name: str) -> None:
        self._env.setenv("STANDIN_MODE", name)


@pytest.fixture(scope="session")
def software_gpu() -> dict[str, str]:
    """The environment in which Chromium's SwiftShader is the one Vulkan device, as a profile's `env`."""
    driver = os.environ.get("VK_DRIVER_FILES") or "/usr/lib/chromium/vk_swiftshader_icd.json"
    if not Path(driver).is_file():
        pytest.skip(f"needs a software Vulkan device: {driver} of Debian's package chromium-common")
    if platform.machine() not in ("x86_64", "aarch64") or sys.platform != "linux":
        pytest.skip("ai-edge-litert brings its GPU accelerator for Linux on x86-64 and aarch64 only")
    env = {"VK_DRIVER_FILES": driver}
    if ctypes.util.find_library("vulkan") is None:
        env["LD_LIBRARY_PATH"] = str(Path(driver).parent)  # the package has a loader, too
    return env
