"""What --model means, without loading anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ModelError
from harness.models import resolve_model


def folder_with(base: Path, name: str, **files: bytes) -> Path:
    folder = base / name
    folder.mkdir()
    for file, content in files.items():
        (folder / file.replace("__", ".")).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("digits", "builtin", "digits"),
        ("mobilenet_v2", "application", "mobilenet_v2"),
        ("MobileNetV2", "application", "mobilenet_v2"),
        ("efficientnet_b0", "application", "efficientnet_b0"),
        ("my.models:Zoo.small", "callable", "small"),
        ("a.keras", "keras", "a"),
        ("old.h5", "keras", "old"),
        ("old.hdf5", "keras", "old"),
        ("ready.TFLITE", "tflite", "ready"),
    ],
)
def test_kinds(tmp_path, text, kind, name):
    if "." in text and ":" not in text:
        (tmp_path / text).write_bytes(b"content")
    source = resolve_model(text, tmp_path)
    assert (source.kind, source.name, source.source) == (kind, name, text)
    assert (source.sha256 is None) == (kind in ("callable", "tflite"))


def test_folders(tmp_path):
    folder_with(tmp_path, "saved", saved_model__pb=b"x")
    folder_with(tmp_path, "ready", a__tflite=b"x", notes__txt=b"y")
    assert resolve_model("saved", tmp_path).kind == "saved_model"
    assert resolve_model("ready", tmp_path).kind == "tflite_folder"


def test_the_hash_follows_the_content(tmp_path):
    folder = folder_with(tmp_path, "saved", saved_model__pb=b"x", variables=b"1")
    before = resolve_model("saved", tmp_path).sha256
    assert resolve_model("./saved", tmp_path).sha256 == before
    (folder / "variables").write_bytes(b"2")
    assert resolve_model("saved", tmp_path).sha256 != before


def test_a_builtin_name_wins_and_a_path_is_the_way_round_it(tmp_path):
    folder_with(tmp_path, "digits", a__tflite=b"x")
    assert resolve_model("digits", tmp_path).kind == "builtin"
    assert resolve_model("./digits", tmp_path).kind == "tflite_folder"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mobilnet_v2", "did you mean mobilenet_v2?"),
        ("digit", "did you mean digits?"),
        ("modle.h5", "no such file or folder; did you mean model.h5?"),
        ("nowhere/model.h5", "no such file or folder"),
        ("gone.h5", "gone.h5: no such file or folder; did you mean one.h5?"),
        ("zzzz", "a built-in name"),
        ("notes.txt", "not a model that qbench can read"),
        ("", "the model has no name"),
        ("empty", "neither saved_model.pb nor a .tflite file"),
    ],
)
def test_complaints_are_one_line_with_a_way_out(tmp_path, text, said):
    (tmp_path / "model.h5").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "one.h5").write_bytes(b"x")
    (tmp_path / "gone.h5").symlink_to("nowhere")  # it is no help to name it again
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError) as caught:
        resolve_model(text, tmp_path)
    assert said in str(caught.value) and text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_models_are_told_apart_without_tensorflow(tmp_path):
    code = (
        "import sys; from pathlib import Path; from harness.models import resolve_model\n"
        "folder = Path(sys.argv[1])\n"
        "print(*(resolve_model(name, folder).kind for name in ('a.h5', 'saved', 'a.tflite', 'ready')))\n"
        "assert 'tensorflow' not in sys.modules"
    )
    (tmp_path / "a.h5").write_bytes(b"content")
    (tmp_path / "a.tflite").write_bytes(b"content")
    folder_with(tmp_path, "saved", saved_model__pb=b"x")
    folder_with(tmp_path, "ready", a__tflite=b"x")
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert done.stdout.split() == ["keras", "saved_model", "tflite", "tflite_folder"]
