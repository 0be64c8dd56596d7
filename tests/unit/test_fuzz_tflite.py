"""A short version of benchmarks/fuzz_tflite.py: mutated .tflite files through all that looks at them."""

from __future__ import annotations

from benchmarks.fuzz_tflite import fuzz, sound_models


def test_broken_files_are_read_or_refused_in_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what fails is kept there
    ends = fuzz(1500, 7, sound_models())
    assert ends["read"] > 100
    assert len(ends) > 8
