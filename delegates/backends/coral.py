"""Find connected Edge TPUs, and explain why libedgetpu opened none, as it gives no reason itself.

Sources: libedgetpu's usb_ml_commands and edgetpu_c.h, Coral's "Get started" pages and the gasket driver's
sysfs. Not tested on hardware.
"""

from __future__ import annotations

import glob
import os
import re
from typing import List, NamedTuple, Optional

_FRESH = ("1a6e", "089a")  # a USB Accelerator before its first use: it waits for its firmware
_USED = ("18d1", "9302")  # the same afterwards: it has reconnected under another id
_PCI = ("0x1ac1", "0x089a")


class Roots(NamedTuple):
    """The folders in which the system lists devices; tests use others."""

    dev: str = "/dev"
    sys: str = "/sys"
    proc: str = "/proc"
    rules: str = "/etc/udev/rules.d:/lib/udev/rules.d:/usr/lib/udev/rules.d"


HERE = Roots()


class Tpu(NamedTuple):
    """An Edge TPU that the system shows."""

    kind: str  # "usb" or "pci"
    node: str  # the file that is opened: /dev/apex_0, /dev/bus/usb/002/003
    transport: str  # "PCIe", "USB 3 (5000 Mb/s)", "USB 2 (480 Mb/s)", "USB"
    fresh: bool = False  # a USB device that was not used since it was plugged in
    temperature_c: Optional[float] = None


def find(roots: Roots = HERE) -> List[Tpu]:
    """Return the Edge TPUs that the system lists, in libedgetpu's order: PCIe first."""
    return _pci(roots) + _usb(roots)


def chosen(tpus: List[Tpu], device: str) -> Optional[Tpu]:
    """Return the Edge TPU that a device string ("", ":1", "usb", "usb:0", "pci:0") names, or None."""
    kind, _, number = device.partition(":")
    fitting = [tpu for tpu in tpus if not kind or tpu.kind == kind]
    index = int(number) if number.isdigit() else 0
    return fitting[index] if index < len(fitting) else None


def why_none(device: str, roots: Roots = HERE) -> str:
    """Return why an installed library opened no Edge TPU: one cause and one remedy."""
    tpus = find(roots)
    tpu = chosen(tpus, device)
    if tpu is None:
        return _no_device(tpus, device, roots)
    if not os.path.exists(tpu.node):
        return (
            "no device: the kernel shows %s, but there is no such file; in a container, pass it on" % tpu.node
        )
    if not os.access(tpu.node, os.R_OK | os.W_OK):
        return _no_permission(tpu, roots)
    holder = _holder(tpu, roots)
    if holder:
        return "busy: %s is held by process %s; end it" % (tpu.node, holder)
    return (
        "wrong runtime build, or busy: %s (%s) is there and may be opened, but the library did not; end other"
        " programs that use it, unplug it once, and see that the library's build fits this runtime"
        " (docs/edgetpu.md)" % (tpu.node, tpu.transport)
    )


def _no_device(tpus: List[Tpu], device: str, roots: Roots) -> str:
    if tpus:
        there = ", ".join("%s (%s)" % (tpu.node, tpu.transport) for tpu in tpus)
        return 'no device "%s": found are %s; device = "%s" names the first' % (device, there, tpus[0].kind)
    if _pci_without_driver(roots):
        return (
            "no device: an Edge TPU is on the PCIe bus, but there is no %s/apex_0: its driver is not loaded;"
            " install gasket-dkms and run `modprobe apex`" % roots.dev
        )
    return (
        "no device: there is no %s/apex_0, and neither USB %s nor %s is plugged in; plug one in (in a"
        " container or a virtual machine, pass both USB ids on: it changes from the first to the second when"
        " first used)" % (roots.dev, ":".join(_FRESH), ":".join(_USED))
    )


def _no_permission(tpu: Tpu, roots: Roots) -> str:
    group = _group(tpu.node)
    wanted = "apex" if tpu.kind == "pci" else "plugdev"
    if group == wanted:
        return "no permission: %s belongs to the group %s; `usermod -aG %s USER`, then log in again" % (
            tpu.node, group, group,
        )  # fmt: skip
    if _has_rule(roots):
        return "no permission: %s was there before its udev rule; plug it in anew, or reboot" % tpu.node
    return "no permission: no udev rule gives %s to the group %s; libedgetpu1-std brings one" % (
        tpu.node, wanted,
    )  # fmt: skip


def _pci(roots: Roots) -> List[Tpu]:
    nodes = sorted(glob.glob(os.path.join(roots.dev, "apex_*")))
    return [Tpu("pci", node, "PCIe", temperature_c=_temperature(node, roots)) for node in nodes]


def _temperature(node: str, roots: Roots) -> Optional[float]:
    """Return degrees Celsius from the gasket driver; USB devices have no such reading."""
    value = _read(os.path.join(roots.sys, "class/apex", os.path.basename(node), "temp"))
    return int(value) / 1000 if value.lstrip("-").isdigit() else None


def _usb(roots: Roots) -> List[Tpu]:
    found = []
    for folder in sorted(glob.glob(os.path.join(roots.sys, "bus/usb/devices/*"))):
        ids = (_read(os.path.join(folder, "idVendor")), _read(os.path.join(folder, "idProduct")))
        if ids in (_FRESH, _USED):
            bus, number = (_read(os.path.join(folder, name)).zfill(3) for name in ("busnum", "devnum"))
            node = os.path.join(roots.dev, "bus/usb", bus, number)
            found.append(Tpu("usb", node, _speed(_read(os.path.join(folder, "speed"))), fresh=ids == _FRESH))
    return found


def _speed(mbit: str) -> str:
    if not mbit.isdigit():
        return "USB"
    return "USB %d (%s Mb/s)" % (3 if int(mbit) >= 5000 else 2, mbit)


def _pci_without_driver(roots: Roots) -> bool:
    folders = glob.glob(os.path.join(roots.sys, "bus/pci/devices/*"))
    return any((_read(os.path.join(f, "vendor")), _read(os.path.join(f, "device"))) == _PCI for f in folders)


def _holder(tpu: Tpu, roots: Roots) -> Optional[str]:
    """Return the process that has the device open: "123 (python)". Only root sees all processes."""
    for link in glob.glob(os.path.join(roots.proc, "[0-9]*/fd/*")):
        try:
            if os.path.realpath(link) == os.path.realpath(tpu.node):
                number = link[len(roots.proc) :].strip("/").split("/")[0]
                if number != str(os.getpid()):
                    return "%s (%s)" % (number, _read(os.path.join(roots.proc, number, "comm")))
        except OSError:
            continue
    return None


def _group(node: str) -> str:
    try:
        import grp

        return grp.getgrgid(os.stat(node).st_gid).gr_name
    except (ImportError, OSError, KeyError):
        return ""


def _has_rule(roots: Roots) -> bool:
    files = [f for folder in roots.rules.split(":") for f in glob.glob(os.path.join(folder, "*.rules"))]
    return any(re.search("1a6e|18d1|apex", _read(path)) for path in files)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536).strip()
    except OSError:
        return ""
