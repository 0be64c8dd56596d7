"""Libraries that cannot be loaded: the cause and the remedy are named before the linker dies of it."""

from __future__ import annotations

import platform
import random
import shutil
import struct
import subprocess
import sys

import pytest

from delegates.backends import edgetpu, elf, library
from delegates.backends.base import DelegateMissing
from delegates.backends.runtime import open_runtime

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF is the format of Linux")

HEADER_64 = 64
MACHINE_AT = 18  # e_machine
OTHER = 183 if platform.machine() == "x86_64" else 62  # aarch64, x86-64


@pytest.fixture
def broken(tmp_path, standin_library):
    """A copy of the stand-in library, damaged as asked."""

    def make(damage: str):
        data = standin_library.read_bytes()
        if damage == "other machine":
            data = data[:MACHINE_AT] + struct.pack("<H", OTHER) + data[MACHINE_AT + 2 :]
        elif damage == "32 bit":
            data = data[:4] + b"\x01" + data[5:]
        elif damage == "half":
            data = data[: len(data) // 2]
        elif damage == "last byte":
            data = data[:-1]
        elif damage == "header":
            data = data[:40]
        elif damage == "text":
            data = b"version https://git-lfs.github.com/spec/v1\n"
        elif damage == "empty":
            data = b""
        path = tmp_path / "libedgetpu.so.1"
        path.write_bytes(data)
        return path

    return make


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("other machine", ", and this Python is for "),
        ("32 bit", "libedgetpu.so.1 is "),
        ("half", "is truncated: it has "),
        ("last byte", "is truncated: it has "),
        ("header", "no sound ELF header"),
        ("text", "no sound ELF header"),
        ("empty", "no sound ELF header"),
    ],
)
def test_a_damaged_library_is_named_and_never_loaded(broken, damage, said):
    """In this process: had it been loaded, a truncated one would end the tests with SIGBUS."""
    path = broken(damage)
    assert said in library.unusable(str(path))
    with pytest.raises(DelegateMissing, match=r"libedgetpu\.so\.1"):
        library.load(open_runtime("auto"), str(path), {})
    missing = edgetpu.DELEGATE.missing(open_runtime("auto"), {"library": str(path)})
    assert missing.startswith("no usable library: ") and said in missing
    assert "libedgetpu1-std" not in missing and "in the profile" not in missing


def test_sound_libraries_raise_no_doubt(standin_library):
    assert library.unusable(str(standin_library)) is None
    assert elf.problem(sys.executable) is None
    assert elf.find("libc.so.6") is None or elf.problem(elf.find("libc.so.6")) is None


def test_a_library_for_another_machine_hides_none(broken, standin_library, monkeypatch, tmp_path):
    """The dynamic linker passes over it, too, where the name alone is given."""
    other = broken("other machine")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert "this Python is for" in elf.problem(elf.find(other.name))
    fits = tmp_path / "fits"
    fits.mkdir()
    shutil.copyfile(standin_library, fits / other.name)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}:{fits}")
    assert elf.find(other.name) == str(fits / other.name)


def test_headers_of_noise_are_read_without_harm(broken, standin_library, tmp_path):
    sound = standin_library.read_bytes()
    for seed in range(300):
        pick = random.Random(seed)  # noqa: S311
        data = bytearray(sound)
        for _ in range(pick.randint(1, 6)):
            data[pick.randrange(4, HEADER_64)] = pick.randrange(256)
        path = tmp_path / "noise.so"
        path.write_bytes(data)
        assert elf.problem(str(path)) is None or "noise.so" in elf.problem(str(path)), seed


def test_a_missing_dependency_is_the_one_that_is_named(tmp_path):
    """As libedgetpu where libusb is not installed."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (cc) to build a library with a dependency")
    needed, wanting = tmp_path / "libusb-9.9.so.0", tmp_path / "libedgetpu.so.1"
    build = [compiler, "-shared", "-fPIC", "-x", "c", "-"]
    soname = ["-Wl,-soname,libusb-9.9.so.0", "-o", needed]
    subprocess.run([*build, *soname], input=b"int init(void) { return 0; }", check=True)
    code = b"int init(void); int start(void) { return init(); }"
    subprocess.run([*build, "-o", wanting, "-x", "none", needed], input=code, check=True)
    needed.unlink()
    said = edgetpu.DELEGATE.missing(open_runtime("auto"), {"library": str(wanting)})
    assert said.startswith(f"no usable library: {wanting} needs libusb-9.9.so.0, which is not installed; ")
    assert "libedgetpu1-std" not in said and "in the profile" not in said
    words = OSError("libusb-1.0.so.0: cannot open shared object file: No such file or directory")
    assert library._why("libedgetpu.so.1", words).endswith("install libusb-1.0-0")


def test_who_named_a_library_is_not_told_to_name_one(tmp_path):
    named = edgetpu.DELEGATE.missing(open_runtime("auto"), {"library": str(tmp_path / "no.so")})
    assert named.startswith("no library: ") and f'correct library = "{tmp_path}/no.so"' in named
    assert "name the library" not in named and "libedgetpu1-std" not in named
    default = edgetpu.DELEGATE.missing(open_runtime("auto"), {})
    if elf.find("libedgetpu.so.1") is None:
        assert "install libedgetpu1-std, or name the library in the profile" in default
