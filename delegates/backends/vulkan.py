"""List the Vulkan devices of this system: LiteRT's GPU accelerator does not say why it finds none.

Structs and numbers: Vulkan 1.0 specification (vulkan_core.h). The features needed are those that Dawn, on
which the accelerator is built, asks for ("Vulkan shaderUniform*ArrayDynamicIndexing required").
"""

from __future__ import annotations

import ctypes
import glob
import os
from typing import List, NamedTuple, Optional, Tuple

_KINDS = {1: "integrated GPU", 2: "discrete GPU", 3: "virtual GPU", 4: "CPU"}
_SOFTWARE = 4
_INSTANCE_CREATE_INFO = 1
_DRIVERS = "VK_DRIVER_FILES"
_SWIFTSHADER = ("/usr/lib/chromium*/vk_swiftshader_icd.json", "/opt/google/chrome*/vk_swiftshader_icd.json")


# Features that the accelerator needs, by index in VkPhysicalDeviceFeatures. llvmpipe of Mesa 22 has two.
_NEEDED = {
    33: "shaderUniformBufferArrayDynamicIndexing",
    34: "shaderSampledImageArrayDynamicIndexing",
    35: "shaderStorageBufferArrayDynamicIndexing",
    36: "shaderStorageImageArrayDynamicIndexing",
}
_FEATURES = 55  # VkBool32 each


class Device(NamedTuple):
    """A Vulkan device: its name and kind, and whether it is software."""

    name: str
    kind: str
    software: bool
    lacks: Tuple[str, ...] = ()  # features without which the GPU accelerator refuses it


class NoVulkan(Exception):
    """There is no Vulkan loader, or it finds no driver."""


class _InstanceCreateInfo(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    ]


class _Properties(ctypes.Structure):
    """VkPhysicalDeviceProperties; `rest` is room for the limits, which are not read."""

    _fields_ = [
        ("versions_and_ids", ctypes.c_uint32 * 4),
        ("type", ctypes.c_int),
        ("name", ctypes.c_char * 256),
        ("rest", ctypes.c_char * 2048),
    ]


def devices() -> List[Device]:
    """Return all devices of all drivers, hardware and software. Raises NoVulkan."""
    try:
        loader = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        raise NoVulkan(
            "no Vulkan: libvulkan.so.1 is not installed; install the package libvulkan1 and the GPU's driver"
        ) from None
    instance = ctypes.c_void_p()
    wanted = _InstanceCreateInfo(type=_INSTANCE_CREATE_INFO)
    if loader.vkCreateInstance(ctypes.byref(wanted), None, ctypes.byref(instance)) != 0:
        raise NoVulkan("no Vulkan driver: the loader finds none; install the GPU's")
    try:
        return _listed(loader, instance)
    finally:
        loader.vkDestroyInstance(instance, None)


def why_none() -> Optional[str]:
    """Return why the GPU accelerator finds no usable Vulkan device, and what to do; None if it finds one."""
    try:
        found = devices()
    except NoVulkan as error:
        return str(error) + _hint()
    if not found:
        return "no Vulkan device: the drivers that are here find none" + _hint()
    if not all(device.lacks for device in found):
        return None
    named = "; ".join("%s (%s) lacks %s" % (d.name, d.kind, " and ".join(d.lacks)) for d in found)
    return "no Vulkan device that the GPU accelerator takes: %s; install another or a newer driver%s" % (
        named, _hint(),
    )  # fmt: skip


def only_software() -> Optional[str]:
    """Return the name of the software device if the GPU accelerator finds no hardware, else None."""
    try:
        found = [device for device in devices() if not device.lacks]
    except NoVulkan:
        return None
    return found[0].name if found and all(device.software for device in found) else None


def _listed(loader: ctypes.CDLL, instance: ctypes.c_void_p) -> List[Device]:
    count = ctypes.c_uint32(0)
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    found = []
    for handle in handles[: count.value]:
        properties = _Properties()
        loader.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), ctypes.byref(properties))
        features = (ctypes.c_uint32 * _FEATURES)()
        loader.vkGetPhysicalDeviceFeatures(ctypes.c_void_p(handle), ctypes.byref(features))
        name = properties.name.decode("utf-8", "replace")
        kind = _KINDS.get(properties.type, "other")
        lacks = tuple(word for place, word in _NEEDED.items() if not features[place])
        found.append(Device(name, kind, properties.type == _SOFTWARE, lacks))
    return found


def _hint() -> str:
    """Return how to use a software device; it is never used unasked, as it would pass for a GPU."""
    files = [path for pattern in _SWIFTSHADER for path in sorted(glob.glob(pattern))]
    if not files or os.environ.get(_DRIVERS):
        return ""
    return '; to try it in software, give the profile env = { %s = "%s" }' % (_DRIVERS, files[0])
