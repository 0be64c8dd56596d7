"""Mutated answers of a hostile board through all of home."""

from __future__ import annotations

import pytest

from tests.fuzz.wire import Watch, fuzzing


@pytest.mark.slow
def test_hostile_answers_are_taken_or_refused_and_do_nothing_else(inputs, seed):
    count = inputs(300)
    with fuzzing(seed, Watch()) as fuzz:
        for _ in range(count):
            fuzz.one()
    print(*(f"{number:8} {what}" for what, number in sorted(fuzz.counts.items())), sep="\n")
    assert {kind.partition(":")[0] for kind in fuzz.counts} >= {"bootstrap", "probe", "run"}
    assert fuzz.counts["run: taken"] > count // 40
    assert fuzz.counts["run: refused"] > count // 40
