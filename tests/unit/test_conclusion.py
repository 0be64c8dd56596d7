"""The star: never to outputs that are wrong, ties by fidelity, and nothing claimed that was not shown."""

# ruff: noqa: RUF001, RUF002 (the typographic signs are meant)

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from rich.console import Console

from delegates.wire import Ops
from harness.analysis import document
from harness.analysis.conclusion import Conclusion, conclude
from harness.record import Document, Fidelity, FidelitySamples, Speedup
from harness.report.table import render
from tests.unit.run_builder import (
    cell,
    device,
    failure,
    launched,
    measured,
    measurement,
    output,
    run,
    variant,
)

LOGITS = np.random.default_rng(3).normal(size=(16, 1, 10)).astype("f4")
CLEAN, NOISY, WRONG = 80.0, 30.0, 0.0  # dB


def outputs(sqnr_db: float) -> list[Any]:
    noise = np.random.default_rng(4).normal(size=LOGITS.shape)
    noise *= np.linalg.norm(LOGITS) / np.linalg.norm(noise) * 10 ** (-sqnr_db / 20)
    return [output(LOGITS + noise)]


def fast(name: str, low: float, high: float, sqnr_db: float = CLEAN, **more: Any) -> Any:
    """A cell on xnnpack that is `low` to `high` times as fast as the baseline: six launches' interval."""
    ratios = np.geomspace(low, high, 6)
    built = cell(name, "xnnpack", threads=more.pop("threads", 1))
    return measured(built, [1 / ratio for ratio in ratios], outputs=outputs(sqnr_db), **more)


def made(*cells: Any, sizes: dict[str, int] | None = None, **more: Any) -> Document:
    """The document of these cells beside float32 on cpu, which takes 1 ms."""
    baseline = measured(cell("float32", "cpu"), [1.0] * 6, outputs=[output(LOGITS)])
    names = dict.fromkeys(["float32", *(c.cell.variant.name for c in cells)])
    variants = [variant(name, (sizes or {}).get(name, 10_000)) for name in names]
    return document(run([baseline, *cells], variants, [device("cpu"), device("xnnpack")], **more))


def concluded(*cells: Any, **more: Any) -> Conclusion:
    (found,) = conclude(made(*cells, **more))
    return found


def names(cells: Any) -> list[str]:
    return [c.variant for c in cells]


def printed(doc: Document, width: int = 200) -> str:
    stream = io.StringIO()
    render(doc, Console(file=stream, width=width))
    return stream.getvalue()


def starred(doc: Document) -> list[str]:
    return [line for line in printed(doc).splitlines() if line.startswith(("★ digits", "digits:"))]


def test_a_variant_with_destroyed_outputs_never_has_the_star():
    """13.9× as fast, and nothing left of what float32 says: EfficientNetV2B0's int8."""
    doc = made(fast("int8", 13.8, 14.0, WRONG), fast("dynamic", 2.0, 2.01))
    (found,) = conclude(doc)
    assert found.cell.variant == "dynamic"
    assert names(found.barred) == ["int8"]
    (said,) = [w for w in doc.cells[1].warnings if w.code == "variant-differs"]
    assert "far from float32/cpu@cpu's: SQNR 0.0 dB" in said.message
    assert "faster, but without the star: int8 on xnnpack 13.9× [13.8–14.0], SQNR 0.0 dB" in printed(doc)


def test_runs_stored_before_there_was_a_warning_are_judged_as_well():
    stored = made(fast("int8", 13.8, 14.0, WRONG), fast("dynamic", 2.0, 2.01))
    figures = ("reference", "cosine", "max_abs_error", "sqnr_db", "top1_agreement")
    rows = [
        replace(
            row,
            warnings=(),
            fidelity=Fidelity(**{key: getattr(row.fidelity, key) for key in figures}),
        )
        for row in stored.cells
    ]
    assert names([conclude(replace(stored, cells=tuple(rows)))[0].cell]) == ["dynamic"]


@pytest.mark.parametrize(("db", "flagged"), [(9.9, True), (10.1, False), (3.0, True), (40.0, False)])
def test_the_threshold_is_10_db(db: float, flagged: bool):
    (_, judged) = made(fast("int8", 2.0, 2.01, db)).cells
    assert ("variant-differs" in [w.code for w in judged.warnings]) is flagged


def test_nan_outputs_and_clocks_that_stand_still_never_have_the_star():
    broken = measured(cell("int8", "xnnpack"), [0.1] * 6, outputs=[output(LOGITS * np.nan)])
    assert concluded(broken).cell.baseline
    still = measured(cell("int8", "xnnpack"), [0.0] * 6, blocks=[[0] * 10])
    doc = made(still, fast("dynamic", 2.0, 2.01))
    judged = doc.cells[1]
    assert judged.speedup is None and judged.throughput_per_s is None
    assert "zero-times" in [w.code for w in judged.warnings]
    wrong = Speedup(99.0, 98.0, 99.9, doc.cells[2].speedup.baseline)  # as an older qbench may have stored it
    stored = replace(doc, cells=(doc.cells[0], replace(judged, speedup=wrong, warnings=()), doc.cells[2]))
    assert names([conclude(stored)[0].cell]) == ["dynamic"]


def test_a_clock_that_stands_still_for_most_inferences_gives_no_speedup():
    """A launch in which it moved is no reason to believe the others."""
    blocks = [[[round(ms * 1e6)] * 10] for ms in (0.0, 0.0, 0.0, 0.0, 0.01, 0.01)]
    odd = launched(
        cell("int8", "xnnpack"), *(measurement("j", n, blocks=found) for n, found in enumerate(blocks))
    )
    assert made(odd).cells[1].speedup is None


def test_of_cells_that_cannot_be_told_apart_the_best_fidelity_has_the_star_and_ties_are_named():
    doc = made(
        fast("int8", 5.44, 5.67, NOISY),
        fast("dynamic", 5.45, 5.61, CLEAN),
        fast("uint8", 5.0, 5.1, CLEAN),
    )
    (found,) = conclude(doc)
    assert (found.verdict, found.reason, names([found.cell])) == ("tied", "SQNR", ["dynamic"])
    assert names(found.ties) == ["int8"]  # and not uint8, which is slower
    assert doc.conclusions[0].ties == (doc.cells[1].id,)
    text = printed(doc)
    assert "★ digits: dynamic on xnnpack is as fast as any: 5.53× [5.45–5.61] against float32/cpu@cpu" in text
    assert (
        "not told apart from it (chosen for its SQNR): int8 on xnnpack 5.55× [5.44–5.67], SQNR 30.0" in text
    )


def test_ties_are_broken_by_ops_then_by_size_where_fidelity_is_the_same():
    half, all_ = Ops(4, 2, 1), Ops(4, 4, 1)
    by_ops = concluded(fast("int8", 5, 5.2, ops=half), fast("uint8", 5, 5.1, ops=all_))
    assert (names([by_ops.cell]), by_ops.reason) == (["uint8"], "ops")
    sizes = {"int8": 5_000, "uint8": 4_000}
    more, fewer = Ops(14, 12, 1), Ops(12, 10, 1)  # as many left
    by_size = concluded(fast("int8", 5, 5.2, ops=more), fast("uint8", 5, 5.1, ops=fewer), sizes=sizes)
    assert (names([by_size.cell]), by_size.reason) == (["uint8"], "size")
    by_speed = concluded(fast("int8", 5, 5.2), fast("uint8", 5, 5.1))
    assert (names([by_speed.cell]), by_speed.reason) == (["int8"], "speed")


def test_a_hair_of_a_decibel_decides_nothing():
    sizes = {"int8": 5_000, "uint8": 4_000}
    found = concluded(fast("int8", 5, 5.2, 41.0), fast("uint8", 5, 5.1, 40.0), sizes=sizes)
    assert (names([found.cell]), found.reason) == (["uint8"], "size")


def test_a_cell_alone_in_front_is_called_fastest():
    found = concluded(fast("int8", 5.5, 5.6, NOISY), fast("dynamic", 5.0, 5.1, CLEAN))
    assert (found.verdict, names([found.cell]), found.ties) == ("fastest", ["int8"], [])


def test_ties_are_with_the_fastest_only():
    """Overlap is not transitive: c overlaps b, which overlaps a, but c is slower than a."""
    found = concluded(fast("a", 5.4, 5.8, NOISY), fast("b", 5.0, 5.5, NOISY), fast("c", 4.8, 5.2, CLEAN))
    assert names([found.cell]) == ["a"] and names(found.ties) == ["b"]


def test_an_interval_that_includes_1_is_not_called_slower():
    """1.15 ± 0.18: nothing was shown, and the budget that would show it is named."""
    doc = made(fast("int8", 0.97, 1.36), budget_s=2.0, precision=0.01)
    (found,) = conclude(doc)
    assert (found.verdict, names([found.cell]), names(found.undecided)) == (
        "not-shown",
        ["float32"],
        ["int8"],
    )
    assert found.budget_s == 5  # 2 s, at least 1.5 times as narrow, and rounded up
    text = printed(doc)
    assert "nothing is shown to be faster" in text and "nothing is faster" not in text
    assert "undecided: int8 on xnnpack 1.15× [0.97–1.36]; about --budget 5 would decide" in text


def test_the_budget_grows_with_the_square_of_what_is_missing():
    found = concluded(fast("int8", 0.9, 1.15), budget_s=1.0, precision=0.01)
    assert found.budget_s == 60  # (12.3 % / 1.7 %)² = 51, rounded up
    equal = concluded(fast("int8", 0.9, 1.112), budget_s=1.0, precision=0.02)
    assert equal.budget_s == 30  # 10.6 %, to be as narrow as the 2 % asked for


def test_no_budget_shows_that_two_are_the_same():
    doc = made(fast("int8", 0.8, 1.25), budget_s=1.0, precision=0.0)
    same = replace(doc.cells[1], speedup=replace(doc.cells[1].speedup, value=1.0))
    (found,) = conclude(replace(doc, cells=(doc.cells[0], same)))
    assert (found.verdict, found.undecided, found.budget_s) == ("not-shown", [same], None)


def test_a_difference_smaller_than_asked_for_is_not_undecided():
    doc = made(fast("int8", 0.995, 1.005), precision=0.01)
    (found,) = conclude(doc)
    assert (found.verdict, found.undecided) == ("not-shown", [])
    assert starred(doc) == ["★ digits: float32 on cpu, the baseline: nothing is shown to be faster"]


def test_what_is_slower_is_slower():
    assert starred(made(fast("int8", 0.5, 0.6))) == [
        "★ digits: float32 on cpu, the baseline: nothing is faster"
    ]


def test_a_single_launch_shows_nothing():
    once = measured(cell("int8", "xnnpack"), [0.5], outputs=outputs(CLEAN))
    found = concluded(once)
    assert (found.verdict, names(found.undecided), found.budget_s) == ("not-shown", ["int8"], None)


def test_where_every_cell_is_barred_there_is_no_star():
    cells = [
        measured(cell(name, "cpu"), [ms] * 6, outputs=[output(LOGITS * np.nan)])
        for name, ms in (("float32", 1.0), ("int8", 0.5))
    ]
    doc = document(run(cells, [variant("float32"), variant("int8")], [device("cpu")]))
    assert starred(doc) == ["digits: no cell has the star"]
    assert (doc.conclusions[0].verdict, doc.conclusions[0].cell) == ("none", None)


def test_the_price_stands_beside_size_and_speed():
    doc = made(fast("int8", 5.5, 5.6, 15.0), sizes={"float32": 40_000})
    same = doc.cells[1].fidelity.top1_agreement
    assert 0.5 < same < 1
    (line,) = starred(doc)
    assert line.endswith(f"against float32/cpu@cpu, 4.00× smaller; SQNR 15.0 dB, top-1 same in {same:.1%}")
    unknown = measured(cell("int8", "xnnpack"), [0.5] * 6)
    assert starred(made(unknown))[0].endswith("; outputs not compared")


def test_top1_is_never_dropped_while_a_cell_is_below_all_of_them():
    text = printed(made(fast("int8", 5.5, 5.6, 15.0)), width=50)
    assert "top-1" in text.split("★ digits")[0]
    assert max(map(len, text.split("★ digits")[0].splitlines())) <= 50
    assert "top-1" not in printed(made(fast("int8", 5.5, 5.6, 60.0)), width=50).split("★ digits")[0]


def test_threads_are_named_where_they_differ():
    found = made(fast("int8", 5.5, 5.6), fast("int8", 7.0, 7.1, threads=4))
    assert "★ digits: int8 on xnnpack (4 threads) is fastest" in printed(found)
    slow = made(fast("int8", 0.5, 0.6, threads=4))
    assert "★ digits: float32 on cpu (1 thread), the baseline: nothing is faster" in printed(slow)


def test_a_launch_that_was_disturbed_makes_no_tie_and_no_endless_number():
    odd = measured(cell("dynamic", "xnnpack"), [0.5, 4000.0], outputs=outputs(CLEAN))
    text = printed(made(fast("int8", 5.5, 5.6), odd))
    assert "★ digits: int8 on xnnpack is fastest" in text
    assert not re.search(r"[0-9]{9}", text)


def test_a_barred_baseline_leaves_the_star_to_the_best_of_the_others():
    """--baseline int8, whose outputs are destroyed: float32 is slower, and the one to take."""
    found = concluded(fast("int8", 2.0, 2.01, WRONG), baseline="int8/xnnpack@xnnpack")
    assert (found.verdict, names([found.cell]), names(found.barred)) == ("fastest", ["float32"], ["int8"])


def test_variants_that_are_compared_with_themselves_are_said_together():
    cells = [
        measured(cell(name, delegate), [1.0], outputs=outputs(CLEAN))
        for name in ("a", "b")
        for delegate in ("cpu", "xnnpack")
    ]
    made_ = [variant("a", scheme="int8"), variant("b", scheme="int8")]
    devices = [device("cpu"), device("xnnpack")]
    assert "outputs against the same variant on cpu\n" in printed(document(run(cells, made_, devices)))
    assert "outputs against a/cpu@cpu\n" in printed(document(run(cells[:2], made_[:1], devices)))
    assert "outputs against float32/cpu@cpu\n" in printed(made(fast("int8", 2.0, 2.1)))


def codes(judged: Any) -> list[str]:
    return [warning.code for warning in judged.warnings]


def test_what_is_faster_but_fell_back_or_failed_later_is_named_without_the_star():
    """Else "nothing is faster" stands under a table in which something is."""
    nothing_taken = fast("int8", 3.0, 3.1, ops=Ops(4, 0, 0))
    died = replace(fast("uint8", 5.0, 5.1), ended=failure("crash", "the worker died"))
    doc = made(nothing_taken, died)
    assert [judged.status for judged in doc.cells] == ["ok", "fallback", "crashed"]
    text = printed(doc)
    assert "faster, but without the star: uint8 on xnnpack 5.05× [5.00–5.10], SQNR 80.0 dB" in text
    assert "(crashed); int8 on xnnpack" in text and "(fallback)" in text


def test_a_faster_cell_of_a_single_launch_keeps_another_from_being_called_fastest():
    once = measured(cell("uint8", "xnnpack"), [0.1], outputs=outputs(NOISY))
    slow = measured(cell("int16x8", "xnnpack"), [50.0], outputs=outputs(CLEAN))
    found = concluded(fast("int8", 2.0, 2.1), once, slow)
    assert (found.verdict, names([found.cell]), names(found.ties)) == ("tied", ["int8"], ["uint8"])


def test_outputs_that_were_not_compared_are_warned_of_with_the_reason():
    other_shape = measured(cell("int8", "xnnpack"), [0.5] * 6, outputs=[output(LOGITS[:, :, :5])])
    two = measured(cell("uint8", "xnnpack"), [0.5] * 6, outputs=[output(LOGITS), output(LOGITS, "more")])
    none = measured(cell("dynamic", "xnnpack"), [0.5] * 6)
    doc = made(other_shape, two, none)
    assert all(judged.fidelity is None for judged in doc.cells[1:])
    said = [w.message for judged in doc.cells for w in judged.warnings if w.code == "not-compared"]
    assert [text.split(": ")[1].split(";")[0] for text in said] == [
        "output out has shape [1, 5] where the other has [1, 10]",
        "2 against 1 outputs",
        "it sent none",
    ]
    assert "; outputs not compared" in starred(doc)[0]


def test_a_variant_without_any_reference_says_so():
    lone = measured(cell("int8", "xnnpack"), [0.5] * 6, outputs=outputs(CLEAN))
    (judged,) = document(run([lone], [variant("int8")], [device("xnnpack")])).cells
    assert judged.fidelity is None and "not-compared" in codes(judged)


def test_a_reference_of_nan_is_not_held_against_the_variants():
    cells = [
        measured(cell("float32", "cpu"), [1.0] * 6, outputs=[output(LOGITS * np.nan)]),
        fast("int8", 2.0, 2.01),
    ]
    doc = document(run(cells, [variant("float32"), variant("int8")], [device("cpu"), device("xnnpack")]))
    assert "nan-output" in codes(doc.cells[0]) and "not-compared" not in codes(doc.cells[0])
    assert "variant-differs" not in codes(doc.cells[1])
    (said,) = [w.message for w in doc.cells[1].warnings if w.code == "not-compared"]
    assert "float32/cpu@cpu's are NaN or infinite" in said


def test_cells_are_compared_on_the_same_samples():
    """Noise that grows from sample to sample: who had time for fewer of them would look better."""
    noise = np.random.default_rng(5).normal(size=LOGITS.shape) * np.linspace(0, 1, 16)[:, None, None]
    full, hasty, slow = (LOGITS + noise, (LOGITS + noise)[:12], (LOGITS + noise)[:3])
    cells = [
        measured(cell(name, "xnnpack"), [0.5] * 6, outputs=[output(values)])
        for name, values in (("int8", full), ("uint8", hasty), ("int16x8", slow))
    ]
    doc = made(*cells)
    _, int8, uint8, _ = doc.cells
    assert [judged.fidelity.samples for judged in doc.cells] == [12, 12, 12, 3]
    assert int8.fidelity.sqnr_db == uint8.fidelity.sqnr_db
    assert ["fewer-samples" in codes(judged) for judged in doc.cells] == [False, False, False, True]
    told = replace(doc.models[0], fidelity_samples=FidelitySamples("generate", 16, "random"))
    doc = replace(doc, models=(told,))
    assert "on 3 to 12 samples of random data" in printed(doc)


def test_where_all_are_slow_the_few_samples_are_said_in_the_line():
    doc = document(
        run(
            [
                measured(cell("float32", "cpu"), [1.0] * 6, outputs=[output(LOGITS[:2])]),
                measured(cell("int8", "xnnpack"), [0.5] * 6, outputs=[output(LOGITS[:4] + 0.1)]),
            ],
            [variant("float32"), variant("int8")],
            [device("cpu"), device("xnnpack")],
        )
    )
    assert doc.cells[1].fidelity.samples == 2
    assert starred(doc)[0].endswith("(on 2 samples only)")
