"""A short version of benchmarks/fuzz_wire.py: mutated answers of a hostile board through all of home."""

from __future__ import annotations

import pytest

from benchmarks.fuzz_wire import Watch, fuzzing


@pytest.mark.slow
def test_hostile_answers_are_taken_or_refused_and_do_nothing_else():
    with fuzzing(7, Watch()) as fuzz:
        for _ in range(2000):
            fuzz.one()
    assert {kind.partition(":")[0] for kind in fuzz.counts} >= {"arrival", "probe", "run"}
    assert fuzz.counts["run: taken"] > 50
    assert fuzz.counts["run: refused"] > 50
