"""The two sides of a run with --against: each is analysed alone, and they are compared launch by launch."""

from __future__ import annotations

from dataclasses import replace as replaced

import numpy as np
import pytest
from msgspec.structs import replace

from harness.analysis import apart, conclude, document, document_of, pool, run_of
from harness.analysis.comparison import compare_sides
from harness.errors import ResultsError
from harness.record import Crashed, Run, Side
from harness.record.comparison import Comparison, Limits
from harness.report import notes
from harness.report.comparison import as_text
from harness.report.table import as_text as table
from harness.store.exporting import export
from harness.store.older import run_of as run_of_document
from tests.unit.comparing import made, noisy
from tests.unit.run_builder import cell, launched, measured, output

CELLS = [("float32", "cpu"), ("int8", "cpu"), ("float32", "xnnpack"), ("int8", "xnnpack")]


def on_side(built: Run, side: Side) -> Run:
    """The run with everything in it on one side."""
    cells = []
    for entry in built.cells:
        one = replace(entry.cell, id=f"{entry.cell.id}/{side}", side=side)
        cells.append(replace(entry, cell=replace(one, variant=replace(one.variant, side=side))))
    return replace(
        built,
        models=tuple(replace(one, side=side) for one in built.models),
        variants=tuple(replace(one, side=side) for one in built.variants),
        cells=tuple(cells),
    )


def both(base: Run, head: Run, **header) -> Run:
    """One run of two sides."""
    base, head = on_side(base, "base"), on_side(head, "head")
    return replace(
        head,
        header=replace(head.header, **{"against": "main", **header}),
        models=head.models + base.models,
        variants=head.variants + base.variants,
        cells=head.cells + base.cells,
    )


def disturbed(built: Run, factors: list[float]) -> Run:
    """The run on a machine that gets slower and faster from launch to launch."""
    cells = []
    for entry in built.cells:
        launches = [
            replaced(one, blocks_ns=[[round(ns * factor) for ns in block] for block in one.blocks_ns])
            for one, factor in zip(entry.launches, factors, strict=True)
        ]
        cells.append(replace(entry, launches=tuple(launches)))
    return replace(built, cells=tuple(cells))


def compare(built: Run, **limits) -> Comparison:
    return compare_sides(built, document(built), Limits(**limits))


SLOWER = both(made(1), made(2, slower={("int8", "xnnpack"): 1.2}, changed=["int8"]))


def test_each_side_has_its_own_baselines_and_figures():
    rows = {(row.side, row.variant, row.delegate): row for row in document(SLOWER).cells}
    assert len(rows) == len(document(SLOWER).cells) == 8
    for side, alone in (("base", made(1)), ("head", made(2, slower={("int8", "xnnpack"): 1.2}))):
        for row in document(alone).cells:
            mine = rows[side, row.variant, row.delegate]
            assert mine.id == f"{row.id}/{side}"
            assert mine.speedup == row.speedup and mine.floor_ms == row.floor_ms
    assert rows["head", "int8", "xnnpack"].speedup.value < rows["base", "int8", "xnnpack"].speedup.value


def test_fidelity_is_to_the_same_sides_reference():
    """The two sides' models may be trained anew: outputs of one say nothing about the other's."""
    values = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]])

    def side(factor: float) -> Run:
        cells = {
            (name, "cpu"): measured(cell(name, "cpu"), noisy(4.0), outputs=[output(values * factor)])
            for name in ("float32", "int8")
        }
        return made(instead=cells)

    rows = document(both(side(1.0), side(-5.0))).cells
    errors = [row.fidelity.max_abs_error for row in rows if row.delegate == "cpu"]
    assert errors == [0.0] * 4


def test_conclusions_and_the_table_are_of_head_alone():
    found = document(SLOWER)
    assert len(found.conclusions) == 1
    assert found.conclusions[0].cell.endswith("/head")
    assert [one.cell.id for one in conclude(found)] == [found.conclusions[0].cell]
    assert table(found).count("int8 ") == table(document(run_of(SLOWER, "head"))).count("int8 ")


def test_what_base_alone_warns_of_is_not_lost():
    quiet, odd = made(1), made(1, machine={"facts_before": {"governors": ["powersave"]}})
    built = both(quiet, quiet)
    devices = [replace(one, side=s) for s, run in (("head", quiet), ("base", odd)) for one in run.devices]
    by_key = {(one.name, one.side): one for one in devices}
    cells = [
        replace(one, cell=replace(one.cell, device=by_key[one.cell.device.name, one.cell.side]))
        for one in built.cells
    ]
    built = replace(built, devices=tuple(devices), cells=tuple(cells))
    heads = [paragraph.head for paragraph in notes.paragraphs(document(built))]
    assert "BASE: warning governor" in heads and "warning governor" not in heads
    assert not [one for one in notes.paragraphs(document(SLOWER)) if one.head.startswith("BASE")]


def test_sides_are_compared_launch_by_launch_whatever_the_machine_does():
    factors = [1, 3, 0.5, 2, 1, 4, 1, 0.7, 2, 1]
    base = disturbed(made(1, noise=0.001), factors)
    head = disturbed(made(2, noise=0.001, slower={("int8", "xnnpack"): 1.08}), factors)
    found = compare(both(base, head), latency=0.05)
    verdicts = {(one.variant, one.delegate): one.verdict for one in found.cells}
    assert verdicts == {**dict.fromkeys(CELLS, "same"), ("int8", "xnnpack"): "slower"}
    (failed,) = (one for one in found.cells if one.failed)
    assert failed.ratio.low <= 1 / 1.08 <= failed.ratio.high
    assert failed.ratio == failed.as_measured and failed.relative is None and failed.clock == "wall"
    assert not any(one.yardstick for one in found.cells)
    assert (found.against, found.base.side, found.head.side) == ("main", "base", "head")


def test_launches_of_only_one_side_count_for_nothing():
    built = both(made(1, count=3), made(2))
    shifted = replace(
        built,
        cells=tuple(
            launched(one, *one.launches[3:]) if one.cell.side == "head" else one for one in built.cells
        ),
    )
    for one in compare(shifted, latency=0.05).cells:
        assert (one.verdict, one.undecided) == ("undecided", ("latency",))
        assert one.ratio is None and one.reason == "they have no launch in common"


def test_a_pair_of_which_one_crashed_or_is_missing():
    crashed = measured(cell("int8", "cpu", ended=Crashed("it broke")), noisy(2.0))
    head = made(2, instead={("int8", "cpu"): crashed})
    head = replace(head, cells=head.cells[:-1])
    found = {(one.variant, one.delegate): one for one in compare(both(made(1), head), latency=0.05).cells}
    assert found["int8", "cpu"].failed == ("status",)
    assert found["int8", "xnnpack"].verdict == "only_base"
    assert found["int8", "xnnpack"].undecided == ("status",)
    gone = {(one.variant, one.delegate): one for one in compare(both(head, made(1)), latency=0.05).cells}
    assert gone["int8", "cpu"].verdict == "not_measured" and not gone["int8", "cpu"].failed
    assert gone["int8", "xnnpack"].verdict == "only_head"


def test_the_comparison_says_what_it_is_of():
    text = as_text(compare(replace_revision(SLOWER, "9" * 40), latency=0.05))
    assert "BASE --against main (999999999999)" in text
    assert "What differs between the sides" in text and "other file: digits int8" in text
    assert "Yardstick" not in text and "same in both runs" not in text and "the machine" not in text
    with pytest.raises(ResultsError, match="it was measured without --against"):
        compare(made(1))


def replace_revision(built: Run, revision: str) -> Run:
    return replace(built, header=replace(built.header, base_revision=revision))


def test_a_side_alone_is_an_ordinary_run():
    head, base = run_of(SLOWER, "head"), run_of(replace_revision(SLOWER, "9" * 40), "base")
    assert [entry.cell.side for entry in (*head.cells, *base.cells)] == [None] * 8
    assert [one.side for one in (*head.variants, *head.models)] == [None] * 3
    assert base.header.git.revision == "9" * 40
    assert run_of(head, "base") is head
    sides = apart(document(SLOWER))
    assert [len(one.cells) for one in sides] == [4, 4]
    assert sides[1] == document_of(document(SLOWER), "head")
    assert apart(document(head)) == (document(head),)


def test_pooled_runs_are_pooled_side_by_side():
    one, two = both(made(1), made(2)), both(made(3), made(4))
    pooled = pool([one, replace(two, header=replace(two.header, run_id="second"))])
    assert [len(entry.launches) for entry in pooled.cells] == [20] * 8
    for side in ("base", "head"):
        parts = [entry for run in (one, two) for entry in run_of(run, side).cells]
        assert times_of(run_of(pooled, side).cells) == times_of(parts)
    assert {cell.verdict for cell in compare(pooled).cells} == {"same"}
    with pytest.raises(ResultsError, match="only the first was measured with --against main"):
        pool([one, made(5)])
    assert len(pool([made(5), one], force=True).cells) == 4
    other = both(made(3, changed=["int8"]), made(4))
    with pytest.raises(ResultsError, match="BASE: digits int8: another file"):
        pool([one, other])


def times_of(entries) -> set[int]:
    return {ns for entry in entries for launch in entry.launches for ns in launch.blocks_ns[0]}


def test_a_document_alone_and_its_tables_keep_the_sides_apart(tmp_path):
    found = document(SLOWER)
    export(SLOWER, found, tmp_path)
    header = (tmp_path / "launches.csv").read_text().splitlines()[0]
    assert header.startswith("side,model,variant,delegate,device,threads,launch,runtime")
    alone = run_of_document(found)
    assert [entry.cell.side for entry in alone.cells] == ["head"] * 4 + ["base"] * 4
    assert {one.verdict for one in compare_sides(alone, found, Limits()).cells} == {"undecided"}
    export(run_of(SLOWER, "head"), document(run_of(SLOWER, "head")), tmp_path)
    assert (tmp_path / "launches.csv").read_text().startswith("model,variant")
