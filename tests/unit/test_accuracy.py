"""Accuracy from a record made by hand: figures, references, warnings, the table, comparisons."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from msgspec.structs import replace

from delegates.wire import CLASSES, MEAN_SQUARED, Evaluated, Evaluation, Job
from harness import analysis
from harness.analysis.comparison import compare_runs
from harness.analysis.proportions import paired_difference
from harness.record import Evaluation as Samples
from harness.record.comparison import Limits
from harness.report import accuracy as shown
from harness.report.table import as_text
from tests.unit.run_builder import cell, device, measured, output, run, variant

TRUTH = np.arange(200) % 10


def guesses(wrong: int, first: int = 0, count: int = 200) -> np.ndarray:
    """The five best classes of samples, of which so many in a row are taken for the next class."""
    best = TRUTH[:count].copy()
    best[first : first + wrong] = (best[first : first + wrong] + 1) % 10
    return np.stack([(best + step) % 10 for step in range(5)], axis=1)


def evaluated(
    name: str, delegate: str, kept: np.ndarray, keep: str = CLASSES, device_name: str | None = None
):
    """A measured cell, its evaluation in parts of unequal length, one of them sent twice."""
    made = measured(cell(name, delegate, device_name), [1.0] * 6)
    cuts = [0, len(kept) // 3, len(kept) // 2, len(kept)]
    parts = [
        Evaluated(made.cell.id, start, keep, [output(kept[start:end])])
        for start, end in itertools.pairwise(cuts)
    ]
    return replace(made, evaluated=(*parts, parts[0]))


def run_of(*cells, metric: str = "top1", sha256: str = "d" * 64, samples: int = 200, **more):
    names = dict.fromkeys(entry.cell.variant.name for entry in cells)
    devices = dict.fromkeys(entry.cell.device.name for entry in cells)
    asked = Samples("test.npz", samples, metric, sha256)
    return run(
        cells,
        [replace(variant(name), evaluation=asked) for name in names],
        [device(name) for name in devices],
        labels={sha256: output(TRUTH.astype(float), "labels")},
        **more,
    )


def rows(built):
    return {(row.variant, row.delegate): row for row in analysis.document(built).cells}


def codes(row):
    return [warning.code for warning in row.warnings]


def test_value_and_drop_are_of_the_samples_that_differ():
    """Float32 is wrong in the first 10, int8 in 12 from the sixth on: 5 are won, 7 lost."""
    found = rows(run_of(evaluated("float32", "cpu", guesses(10)), evaluated("int8", "cpu", guesses(12, 5))))
    accuracy = found["int8", "cpu"].accuracy
    assert (accuracy.value, accuracy.samples, accuracy.metric) == (188 / 200, 200, "top1")
    expected = paired_difference(7, 5, 200)
    assert (accuracy.drop.value, accuracy.drop.low, accuracy.drop.high) == (
        expected.value,
        expected.low,
        expected.high,
    )
    assert (accuracy.drop.reference, accuracy.drop.samples) == ("float32/cpu@cpu", 200)
    assert found["float32", "cpu"].accuracy.drop is None


def test_top_5():
    """The next four classes count, too; so does the right one where it is second."""
    second = guesses(0)
    second[:50, [0, 1]] = second[:50, [1, 0]]
    far = (guesses(0) + 5) % 10
    found = rows(run_of(evaluated("float32", "cpu", second), evaluated("int8", "cpu", far), metric="top5"))
    assert found["float32", "cpu"].accuracy.value == 1
    assert found["int8", "cpu"].accuracy.value == 0
    top_1 = rows(run_of(evaluated("float32", "cpu", second)))
    assert top_1["float32", "cpu"].accuracy.value == 0.75


def test_the_reference_is_float32_on_the_same_delegate_if_that_is_sound():
    cells = [
        evaluated("float32", "cpu", guesses(2)),
        evaluated("int8", "cpu", guesses(4)),
        evaluated("float32", "gpu", guesses(3)),
        evaluated("int8", "gpu", guesses(5)),
    ]
    found = rows(run_of(*cells))
    assert found["int8", "gpu"].accuracy.drop.reference == "float32/gpu@gpu"
    assert found["float32", "gpu"].accuracy.drop.reference == "float32/cpu@cpu"
    broken = rows(run_of(*cells[:2], evaluated("float32", "gpu", guesses(60)), cells[3]))
    assert broken["int8", "gpu"].accuracy.drop.reference == "float32/cpu@cpu"
    assert "accuracy-drop" in codes(broken["float32", "gpu"])
    fewer = rows(run_of(*cells[:2], evaluated("float32", "gpu", guesses(3, count=90)), cells[3]))
    assert fewer["int8", "gpu"].accuracy.drop.reference == "float32/cpu@cpu"


def test_only_the_samples_that_both_have_are_paired():
    found = rows(
        run_of(evaluated("float32", "cpu", guesses(0)), evaluated("int8", "cpu", guesses(40, 60, 80)))
    )
    accuracy = found["int8", "cpu"].accuracy
    assert (accuracy.samples, accuracy.drop.samples, accuracy.drop.value) == (80, 80, 0.25)


def test_a_drop_with_less_time_than_asked_for_is_said():
    cells = evaluated("float32", "cpu", guesses(0)), evaluated("int8", "cpu", guesses(40, 60, 80))
    built = run_of(*cells)
    asked = replace(built, header=replace(built.header, accuracy_precision=0.01))
    (warning,) = [one for one in rows(asked)["int8", "cpu"].warnings if one.code == "wide-accuracy"]
    assert warning.message.startswith("evaluated on 80 of 200 samples")
    assert "wide-accuracy" not in codes(rows(built)["int8", "cpu"])


def test_without_float32_the_drop_is_not_known():
    found = rows(run_of(evaluated("int8", "cpu", guesses(3))))
    assert found["int8", "cpu"].accuracy.drop is None
    assert "drop-unknown" in codes(found["int8", "cpu"])


def test_outputs_that_are_not_finite_count_as_wrong_and_are_said():
    kept = guesses(0)
    kept[[3, 70]] = -1
    found = rows(run_of(evaluated("float32", "cpu", guesses(0)), evaluated("int8", "cpu", kept)))
    accuracy = found["int8", "cpu"].accuracy
    assert (accuracy.value, accuracy.not_finite, accuracy.drop.value) == (0.99, 2, 0.01)
    (warning,) = [one for one in found["int8", "cpu"].warnings if one.code == "not-finite"]
    assert warning.message == (
        "the outputs of 2 of 200 evaluated samples are NaN or infinite: they count as wrong"
    )


def test_errors_have_a_mean_and_a_relative_change():
    random = np.random.default_rng(0)
    mine = random.random((200, 1))
    cells = (
        evaluated("float32", "cpu", mine, MEAN_SQUARED),
        evaluated("int8", "cpu", 1.5 * mine, MEAN_SQUARED),
    )
    found = rows(run_of(*cells, metric="mse"))
    accuracy = found["int8", "cpu"].accuracy
    assert accuracy.value == pytest.approx(1.5 * mine.mean(), rel=1e-6)
    assert accuracy.drop.value == pytest.approx(0.5 * mine.mean(), rel=1e-6)
    assert 0 < accuracy.drop.low < accuracy.drop.value < accuracy.drop.high
    assert shown.change(accuracy, wide=False).startswith("+50")
    assert "accuracy-drop" in codes(found["int8", "cpu"])
    with_nan = 1.5 * mine
    with_nan[7] = np.nan
    lost = rows(run_of(cells[0], evaluated("int8", "cpu", with_nan, MEAN_SQUARED), metric="mse"))
    assert lost["int8", "cpu"].accuracy is None and "not-finite" in codes(lost["int8", "cpu"])


def test_an_accuracy_at_chance_is_said_of_float32():
    found = rows(run_of(evaluated("float32", "cpu", guesses(185)), evaluated("int8", "cpu", guesses(185))))
    (warning,) = [one for one in found["float32", "cpu"].warnings if one.code == "chance-accuracy"]
    assert warning.message.startswith(
        "right in 15 of 200 samples; always the most frequent class would be right in 20"
    )
    assert "chance-accuracy" not in codes(found["int8", "cpu"])


def test_a_cell_that_was_not_evaluated_says_so():
    built = run_of(evaluated("float32", "cpu", guesses(0)), measured(cell("int8", "cpu"), [1.0] * 6))
    found = rows(built)["int8", "cpu"]
    assert found.accuracy is None and "not-evaluated" in codes(found)


def test_a_part_that_is_lost_ends_the_samples_before_it():
    entry = evaluated("float32", "cpu", guesses(0))
    built = run_of(replace(entry, evaluated=entry.evaluated[::2]))  # the second of three parts is gone
    assert rows(built)["float32", "cpu"].accuracy.samples == 66


def test_the_table_has_the_accuracy_in_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = as_text(
        analysis.document(
            run_of(evaluated("float32", "cpu", guesses(2)), evaluated("int8", "cpu", guesses(6)))
        )
    )
    assert "top-1" in text and "points" in text and "-2.0 ±" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "top-1: on 200 samples of test.npz; change: against float32/cpu@cpu" in " ".join(text.split())


def test_ties_go_to_the_cell_that_is_not_shown_to_be_worse():
    cells = [evaluated("float32", "cpu", guesses(0))]
    for name, wrong in (("int8", 60), ("uint8", 1)):
        made = evaluated(name, "cpu", guesses(wrong))
        cells.append(replace(made, launches=measured(cell(name, "cpu"), [0.5] * 6).launches))
    document = analysis.document(run_of(*cells))
    (conclusion,) = document.conclusions
    assert conclusion.cell is not None and "/uint8/" in conclusion.cell
    assert conclusion.reason == "accuracy"


def side(built):
    return built, analysis.document(built)


def test_the_same_samples_are_compared_one_by_one_and_others_as_a_whole():
    base, head = run_of(evaluated("int8", "cpu", guesses(10))), run_of(evaluated("int8", "cpu", guesses(14)))
    limits = Limits(accuracy=0.01)
    (compared,) = compare_runs(side(base), side(head), limits).cells
    paired = compared.accuracy_change
    assert paired.value == pytest.approx(-0.02)
    elsewhere = run_of(evaluated("int8", "cpu", guesses(14)), sha256="e" * 64)
    other = compare_runs(side(base), side(elsewhere), limits)
    apart = other.cells[0].accuracy_change
    assert apart.value == pytest.approx(-0.02) and apart.high - apart.low > paired.high - paired.low
    assert "evaluated" in {fact.what for fact in other.facts}
    assert other.cells[0].undecided == ("accuracy",)
    worse = compare_runs(side(base), side(run_of(evaluated("int8", "cpu", guesses(60)))), limits)
    assert worse.failed and worse.cells[0].failed == ("accuracy",)
    better = compare_runs(side(run_of(evaluated("int8", "cpu", guesses(60)))), side(base), limits)
    assert not better.failed and not better.cells[0].undecided


def test_an_error_that_grows_fails_the_gate():
    mine = np.random.default_rng(0).random((200, 1))
    sides = [
        side(run_of(evaluated("int8", "cpu", scale * mine, MEAN_SQUARED), metric="mse"))
        for scale in (1.0, 1.5)
    ]
    grown = compare_runs(*sides, Limits(accuracy=0.2)).cells[0]
    assert grown.accuracy_change.value == pytest.approx(0.5, rel=1e-5)
    assert grown.failed == ("accuracy",)
    assert not compare_runs(*reversed(sides), Limits(accuracy=0.2)).failed
    unknown = side(run_of(measured(cell("int8", "cpu"), [1.0] * 6)))
    assert compare_runs(sides[0], unknown, Limits(accuracy=0.2)).cells[0].undecided == ("accuracy",)


@pytest.mark.slow
def test_stopping_once_it_is_narrow_keeps_the_coverage():
    """A job stops by how many classes differ, of which half are no change from right to wrong."""
    from delegates.agent.evaluating import Evaluator

    random = np.random.default_rng(4)
    asked = Evaluation("data.npz", 5000, CLASSES, 0.01)
    job = Job("j", "g", "m.tflite", None, "cpu", "auto", "python3", evaluation=asked)
    hits = stopped = 0
    for _ in range(200):
        kind = random.random(5000)
        lost, won, other = kind < 0.02, (kind >= 0.02) & (kind < 0.03), (kind >= 0.03) & (kind < 0.05)
        one, against = Evaluator(job, 0), Evaluator(job, 0)
        differs = (lost | won | other).astype(np.float32)
        count = 0
        while count < 5000 and one.half_width(against) > asked.precision:
            one._kept.extend(differs[count : count + 50])
            against._kept.extend(np.zeros(50, np.float32))
            count += 50
            one.samples = against.samples = count
        stopped += count < 5000
        found = paired_difference(int(lost[:count].sum()), int(won[:count].sum()), count)
        assert (found.high - found.low) / 2 <= 1.1 * asked.precision
        hits += found.low <= 0.01 <= found.high
    assert stopped == 200
    assert 182 <= hits <= 199
