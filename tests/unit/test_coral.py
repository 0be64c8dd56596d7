"""Finding and diagnosing Edge TPUs, in trees of files made up as the kernel and udev would show them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from delegates.agent import worker
from delegates.backends import coral, edgetpu, gpu
from delegates.backends.base import DelegateMissing
from delegates.backends.coral import Roots
from delegates.backends.runtime import Opened


class MadeUp:
    """A made-up system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = {name: str(folder / name) for name in ("dev", "sys", "proc", "rules")}
        self.roots = Roots(**names)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def usb(self, ids: str, number: int, speed: int = 5000) -> Path:
        vendor, product = ids.split(":")
        facts = {"idVendor": vendor, "idProduct": product, "busnum": 2, "devnum": number, "speed": speed}
        for name, value in facts.items():
            self.write(**{f"sys/bus/usb/devices/2-{number}/{name}": f"{value}\n"})
        self.write(**{f"dev/bus/usb/002/{number:03}": ""})
        return self.folder / f"dev/bus/usb/002/{number:03}"

    def pci(self, number: int, temperature: str) -> Path:
        self.write(**{f"dev/apex_{number}": "", f"sys/class/apex/apex_{number}/temp": temperature})
        return self.folder / f"dev/apex_{number}"


@pytest.fixture
def system(tmp_path):
    return MadeUp(tmp_path)


def test_what_is_there_is_found_pcie_first(system):
    system.usb("18d1:9302", 5)
    system.usb("1a6e:089a", 7, speed=480)
    system.usb("046d:c52b", 9)  # a mouse
    system.pci(0, "46300\n")
    pci, used, fresh = coral.find(system.roots)
    assert (pci.kind, pci.transport, pci.temperature_c) == ("pci", "PCIe", 46.3)
    assert (used.transport, used.fresh) == ("USB 3 (5000 Mb/s)", False)
    assert (fresh.transport, fresh.fresh) == ("USB 2 (480 Mb/s)", True)
    assert used.node == str(system.folder / "dev/bus/usb/002/005")


@pytest.mark.parametrize(
    ("device", "index"),
    [("", 0), (":1", 1), ("usb", 1), ("usb:1", 2), ("pci:0", 0), ("pci:1", None), ("usb:2", None)],
)
def test_device_strings_are_libedgetpus(system, device, index):
    system.pci(0, "")
    system.usb("18d1:9302", 5)
    system.usb("18d1:9302", 6)
    tpus = coral.find(system.roots)
    assert coral.chosen(tpus, device) == (None if index is None else tpus[index])


def test_no_device_at_all(system):
    said = coral.why_none("", system.roots)
    assert said.startswith("no device: ")
    assert "1a6e:089a" in said
    assert "18d1:9302" in said


def test_another_device_than_the_one_asked_for(system):
    system.usb("18d1:9302", 5)
    said = coral.why_none("pci:0", system.roots)
    assert said.startswith('no device "pci:0": ')
    assert 'device = "usb" names the first' in said


def test_a_card_without_its_driver(system):
    system.write(**{"sys/bus/pci/devices/01/vendor": "0x1ac1\n", "sys/bus/pci/devices/01/device": "0x089a\n"})
    assert "`modprobe apex`" in coral.why_none("", system.roots)


@pytest.mark.parametrize(("rule", "said"), [("", "no udev rule gives"), ("18d1", "before its udev rule")])
def test_no_permission_and_what_to_do(system, rule, said):
    """Asked directly: root, who may open everything, would not come to it."""
    system.usb("18d1:9302", 5)
    system.write(**{"rules/60-x.rules": f'ATTRS{{idVendor}}=="{rule}"'})
    (tpu,) = coral.find(system.roots)
    assert coral._no_permission(tpu, system.roots).startswith("no permission: ")
    assert said in coral._no_permission(tpu, system.roots)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another group")
def test_the_group_to_join_is_named(system):
    shutil.chown(system.usb("18d1:9302", 5), group="plugdev")
    (tpu,) = coral.find(system.roots)
    assert "`usermod -aG plugdev USER`" in coral._no_permission(tpu, system.roots)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_device_that_may_not_be_opened(system):
    system.usb("18d1:9302", 5).chmod(0)
    assert coral.why_none("", system.roots).startswith("no permission: ")


def test_a_container_without_the_devices_file(system):
    system.usb("18d1:9302", 5).unlink()
    assert "in a container, pass it on" in coral.why_none("", system.roots)


def test_who_holds_a_busy_device_is_named(system):
    node = system.usb("18d1:9302", 5)
    system.write(**{"proc/4711/comm": "frigate\n", "proc/4711/fd/.keep": ""})
    (system.folder / "proc/4711/fd/9").symlink_to(node)
    assert coral.why_none("usb:0", system.roots).startswith("busy: ")
    assert "4711 (frigate)" in coral.why_none("usb:0", system.roots)


def test_all_is_well_but_the_library_fails(system):
    system.usb("18d1:9302", 5)
    assert coral.why_none("", system.roots).startswith("wrong runtime build, or busy: ")


def test_pypis_pycoral_is_recognised(tmp_path, monkeypatch):
    (tmp_path / "pycoral").mkdir()
    (tmp_path / "pycoral" / "__init__.py").write_text("")
    info = tmp_path / "pycoral-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Name: pycoral\nVersion: 0.2.0\nSummary: Simple CLI for Allen Coral Atlas\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert edgetpu.pypi_pycoral() == '"Simple CLI for Allen Coral Atlas"'
    (tmp_path / "pycoral" / "utils").mkdir()
    (tmp_path / "pycoral" / "utils" / "edgetpu.py").write_text("")
    assert edgetpu.pypi_pycoral() is None


class Runtime:
    """A runtime whose libraries give no delegate."""

    def __init__(self, says: str) -> None:
        self.says, self.options = says, {}

    def load_delegate(self, path, options):
        self.options = options
        raise ValueError(f"Failed to load delegate from {path}\n{self.says}")


@pytest.mark.parametrize(("says", "ends"), [("", ""), ("bad\n option", " (it says: bad option)")])
def test_the_librarys_words_are_kept_and_it_is_given_texts(standin_library, says, ends):
    runtime = Runtime(says)
    options = {"library": str(standin_library), "options": {"Usb.AlwaysDfu": True, "n": 3}}
    opened = Opened("tflite-runtime", "2.14.0", runtime)
    said = edgetpu.DELEGATE.missing(opened, options)
    assert runtime.options == {"Usb.AlwaysDfu": "true", "n": "3"}
    assert said == coral.why_none("") + ends
    with pytest.raises(DelegateMissing) as raised:
        edgetpu.DELEGATE.open(opened, "model.tflite", 1, options)
    assert str(edgetpu.DELEGATE.explain(raised.value, "", options)) == said


def test_what_was_written_while_loading_explains_no_later_error():
    class Opening:
        delegate, log = gpu.DELEGATE, "ERROR: WebGPU error: a fault"
        job = SimpleNamespace(options={})

    failed = {
        stage: str(worker.explained(Opening, RuntimeError("no room"), stage)) for stage in ("load", "invoke")
    }
    assert "a fault" in failed["load"]
    assert failed["invoke"] == "no room"
