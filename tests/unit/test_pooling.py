"""Several runs as one: the launches of all count, and only runs of the same thing are pooled."""

from __future__ import annotations

import copy

import pytest

from delegates import stats
from harness.compare import document
from harness.compare.pooling import Stored, differences, pool
from harness.errors import ResultsError
from harness.results import create
from tests.unit.run_builder import cell, device, measured, run, variant


def stored(folder, name, ratio):
    """A run of two cells with three launches each, the second `ratio` times as fast."""
    cells = [
        measured(cell("float32", "cpu"), [4.0, 5.0, 6.0]),
        measured(cell("int8", "cpu"), [4 / ratio, 5 / ratio, 6 / ratio]),
    ]
    made = run(cells, [variant("float32"), variant("int8")], [device("cpu")])
    made.run_id = name
    store = create(folder, name)
    store.save(made, document(made))
    return Stored(document(made), store.folder)


def test_launches_add_up_and_the_speedup_is_that_of_all(tmp_path):
    runs = [stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 4.0)]
    pooled = pool(runs)
    base, int8 = pooled["cells"]
    assert pooled["run_id"] == "one + two"
    assert (base["latency_ms"]["launches"], base["latency_ms"]["count"]) == (6, 120)
    theirs = dict(enumerate([1.0] * 6))
    expected = stats.speedup(theirs, dict(enumerate([1 / 2, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4])))
    assert [int8["speedup"][key] for key in ("value", "low", "high")] == pytest.approx(expected)
    assert runs[0].document["cells"][1]["latency_ms"]["launches"] == 3  # the stored one is as it was


@pytest.mark.parametrize(
    ("where", "key", "value", "said"),
    [
        ("devices", "cpu", "another CPU", "cpu cpu:"),
        ("devices", "runtime_version", "9.9", "runtime_version"),
        ("devices", "facts_before", {"governors": ["powersave"]}, "governors"),
        ("variants", "sha256", "0" * 64, "sha256"),
    ],
)
def test_what_differs_is_named_and_refused_unless_forced(tmp_path, where, key, value, said):
    one, two = stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 2.0)
    other = copy.deepcopy(two.document)
    other[where][0][key] = value
    with pytest.raises(ResultsError, match="not of the same thing") as refused:
        pool([one, Stored(other, two.folder)])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert pool([one, Stored(other, two.folder)], force=True)["cells"][0]["latency_ms"]["launches"] == 6


def test_the_same_thing_has_no_differences(tmp_path):
    one, two = stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 3.0)
    assert differences(one.document, two.document) == []
