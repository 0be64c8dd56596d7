"""What Vulkan devices offer, asked of a stand-in for the loader, and of a real software device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests" / "standins" / "vulkan.c"
ASK = "from delegates.backends import vulkan; print(vulkan.why_none()); print(vulkan.only_software())"
NEEDED = range(33, 37)  # shader*ArrayDynamicIndexing in VkPhysicalDeviceFeatures


def asked(env: dict[str, str]) -> list[str]:
    known = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=known, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def loader(tmp_path_factory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler (cc) to build the stand-in loader")
    folder = tmp_path_factory.mktemp("vulkan")
    build = [compiler, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]
    subprocess.run([*build, folder / "libvulkan.so.1", SOURCE], check=True)
    return folder


def features(*lacking: int) -> str:
    return "".join("0" if place in lacking else "1" for place in range(55))


def test_a_device_that_the_accelerator_refuses_is_none(loader):
    """llvmpipe of Mesa 22.3 lacks two of the four, and `run` then finds no adapter."""
    env = {"LD_LIBRARY_PATH": str(loader), "VK_DRIVER_FILES": "none", "STANDIN_FEATURES": features(34, 36)}
    why, software = asked(env)
    assert why.startswith("no Vulkan device that the GPU accelerator takes: stand-in (CPU) lacks ")
    assert "shaderSampledImageArrayDynamicIndexing and shaderStorageImageArrayDynamicIndexing" in why
    assert software == "None"


@pytest.mark.parametrize("place", NEEDED)
def test_each_needed_feature_counts_and_no_other(loader, place):
    env = {"LD_LIBRARY_PATH": str(loader)}
    assert "lacks shader" in asked({**env, "STANDIN_FEATURES": features(place)})[0]
    others = [i for i in range(55) if i not in NEEDED]
    assert asked({**env, "STANDIN_FEATURES": features(*others)}) == ["None", "stand-in"]


def test_a_real_software_device_lacks_nothing(software_gpu):
    why, software = asked(software_gpu)
    assert why == "None" and "SwiftShader" in software
