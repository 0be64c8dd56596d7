"""Copies of a model that a worker has for itself: `delegates.agent.copies`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from delegates.agent.copies import own_copy, size_bytes


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_copy_has_the_content_and_a_place_of_its_own(tmp_path, monkeypatch, in_memory):
    if not in_memory:  # as before Python 3.8
        monkeypatch.delattr(os, "memfd_create")
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
    model = tmp_path / "net.tflite"
    model.write_bytes(bytes(range(256)) * 9000)
    copies = [own_copy(str(model)) for _ in range(2)]
    try:
        assert all(Path(copy).read_bytes() == model.read_bytes() for copy in copies)
        assert len({Path(path).stat().st_ino for path in (model, *copies)}) == 3
        assert [path.name for path in tmp_path.iterdir()] == ["net.tflite"]
        model.write_bytes(b"another")
        assert Path(copies[0]).stat().st_size == 256 * 9000
    finally:
        for copy in copies:
            os.close(int(copy.rpartition("/")[2]))


def test_the_size_of_a_file_that_is_gone_is_nothing(tmp_path):
    (tmp_path / "there").write_bytes(b"12345")
    assert (size_bytes(str(tmp_path / "there")), size_bytes(str(tmp_path / "gone"))) == (5, 0)
