"""Mutated .tflite files through all that looks at them."""

from __future__ import annotations

from tests.fuzz.tflite import fuzz, sound_models


def test_broken_files_are_read_or_refused_in_one_clear_line(inputs, seed):
    count = inputs(1500)
    ends = fuzz(count, seed, sound_models())
    print(*(f"{number:8} {end}" for end, number in ends.most_common()), sep="\n")
    assert ends["read"] > count // 15
    assert len(ends) > 8
