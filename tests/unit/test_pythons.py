"""Other Pythons of a board: where they are found, and what would give one a runtime."""

from __future__ import annotations

import platform
import sys

import pytest

from delegates.probe import pythons


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    return tmp_path


def put(path, target=sys.executable):
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    return str(path)


def found_below(home, known=None):
    """What is found in the home folder; /opt and /usr/local of this machine are its own business."""
    return [path for path in pythons.others(known) if path.startswith(str(home))]


def test_the_usual_places_are_looked_at_what_was_made_for_the_purpose_first(home):
    pyenv = put(home / ".pyenv/versions/3.9.1/bin/python3")
    named = put(home / "tflite-venv/bin/python3")
    venv = put(home / "venv/bin/python3")
    assert found_below(home) == [venv, named, pyenv]
    versioned = put(home / "on-path/python3.9")
    assert versioned in found_below(home)


def test_the_one_that_is_known_is_no_other(home):
    venv = put(home / "venv/bin/python3")
    assert found_below(home, known=venv) == []
    assert found_below(home, known=str(home / "venv/bin/python3.11")) in ([], [venv])


def test_each_is_named_once(home):
    """~/venv matches three patterns; python3 and python3.9 of one folder are the same file."""
    first = put(home / "venv/bin/python3")
    (home / "venv/bin/python").symlink_to("python3")
    assert found_below(home) == [first]


def test_what_cannot_be_run_is_none(home):
    put(home / "gone/bin/python3", target="/nowhere/python3")
    (home / "venv/bin").mkdir(parents=True)
    (home / "venv/bin/python3").write_text("no program")
    (home / "folder/bin/python3").mkdir(parents=True)
    assert found_below(home) == []


def test_a_home_full_of_them_is_not_asked_whole(home):
    for number in range(40):
        put(home / f"venv{number}/bin/python3")
    assert len(pythons.others(None)) == 16


@pytest.mark.parametrize(
    ("version", "machine", "packages"),
    [
        ("3.7.3", "aarch64", "'numpy<2' tflite-runtime==2.11.0"),
        ("3.9.2", "armv7l", "'numpy<2' tflite-runtime==2.14.0"),
        ("3.9.2", "aarch64", "'numpy<2' tflite-runtime==2.14.0"),
        ("3.11.2", "armv7l", "'numpy<2' tflite-runtime==2.14.0"),
        ("3.11.2", "aarch64", "ai-edge-litert"),
        ("3.13.1", "x86_64", "ai-edge-litert"),
    ],
)
def test_the_one_command_that_helps(monkeypatch, version, machine, packages):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    command = pythons.advice("/opt/a python", version)
    assert command == f"'/opt/a python' -m venv ~/venv && ~/venv/bin/pip install {packages}"
