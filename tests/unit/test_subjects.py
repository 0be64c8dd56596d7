"""Cells of one name at several shapes and signatures: nothing joins or compares them with each other."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from msgspec.structs import replace

from harness.analysis import baselines, document, pool
from harness.analysis.comparison import compare_runs
from harness.record import Cell, CellRun, Run, subject
from harness.record.comparison import Limits
from harness.report.table import as_text
from harness.store.tables import write_tables
from qbench.frames import samples_frame
from tests.unit.run_builder import cell, device, measured, output, run, variant

SMALL, LARGE = "x=1x8", "x=1x96"


def asked(built: Run, shape: str | None, signature: str | None = None) -> Run:
    """The run as if all of it had been asked for with this shape and signature."""
    variants = {one.name: replace(one, shape=shape, signature=signature) for one in built.variants}

    def of(entry: CellRun) -> CellRun:
        made: Cell = replace(
            entry.cell, id=f"{entry.cell.id}/{signature}/{shape}", variant=variants[entry.cell.variant.name]
        )
        return replace(entry, cell=made)

    return replace(built, variants=tuple(variants.values()), cells=tuple(map(of, built.cells)))


def at_one_shape(float_ms: list[float], int8_ms: list[float], values: np.ndarray) -> Run:
    cells = [
        measured(cell("float32", "cpu"), float_ms, outputs=[output(values)]),
        measured(cell("int8", "cpu"), int8_ms, outputs=[output(values + 0.5)]),
    ]
    return run(cells, [variant("float32"), variant("int8")], [device("cpu")])


@pytest.fixture
def swept() -> Run:
    """The int8 of the small shape is twice as fast as float32, that of the large one four times."""
    small = asked(at_one_shape([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], np.ones((2, 3))), SMALL)
    large = asked(at_one_shape([8.0, 8.0, 8.0], [2.0, 2.0, 2.0], np.full((2, 5), 9.0)), LARGE)
    return replace(small, variants=small.variants + large.variants, cells=small.cells + large.cells)


def test_each_shape_has_its_own_baseline_reference_and_conclusion(swept):
    found = document(swept)
    assert [(row.shape, row.baseline) for row in found.cells] == [
        (SMALL, True), (SMALL, False), (LARGE, True), (LARGE, False)
    ]  # fmt: skip
    assert all(subject(baselines(swept)[e.cell.id]) == subject(e.cell) for e in swept.cells)
    assert [row.speedup and row.speedup.value for row in found.cells] == pytest.approx([1, 2, 1, 4])
    # Noise of 0.5 beside a signal of 1, and of 9.
    assert [row.fidelity and row.fidelity.sqnr_db for row in found.cells[1::2]] == pytest.approx(
        [20 * np.log10(1 / 0.5), 20 * np.log10(9 / 0.5)], abs=0.01
    )
    assert [(one.model, one.shape) for one in found.conclusions] == [("digits", SMALL), ("digits", LARGE)]


def test_the_table_names_the_shape(swept):
    text = as_text(document(swept))
    assert [line for line in text.splitlines() if " on cpu — " in line] == [
        line for line in text.splitlines() if line.startswith(("digits x=1x8 on", "digits x=1x96 on"))
    ]
    assert "digits x=1x96: int8 on cpu" in text


def test_pooled_runs_keep_shapes_apart(swept):
    pooled = pool([swept, replace(swept, header=replace(swept.header, run_id="other"))])
    assert [(entry.cell.shape, len(entry.launches)) for entry in pooled.cells] == [
        (shape, 6) for shape in (SMALL, SMALL, LARGE, LARGE)
    ]


def test_what_only_one_run_has_is_not_compared(swept):
    other = replace(swept, cells=swept.cells[:2], variants=swept.variants[:2])
    compared = compare_runs((swept, document(swept)), (other, document(other)), Limits())
    assert {(one.shape, one.variant, one.verdict) for one in compared.cells if one.shape == LARGE} == {
        (LARGE, "float32", "only_base"), (LARGE, "int8", "only_base")
    }  # fmt: skip
    assert all(one.ratio is not None for one in compared.cells if one.shape == SMALL)


def test_signatures_are_as_far_apart_as_shapes():
    built = at_one_shape([1.0, 1.0], [0.5, 0.5], np.ones((2, 3)))
    encode, decode = (asked(built, None, name) for name in ("encode", "decode"))
    both = replace(encode, variants=encode.variants + decode.variants, cells=encode.cells + decode.cells)
    assert [row.baseline for row in document(both).cells] == [True, False, True, False]


def test_tables_have_a_column_only_for_what_was_asked(swept, tmp_path):
    write_tables(swept, tmp_path)
    with gzip.open(tmp_path / "samples.csv.gz", "rt") as file:
        lines = [*csv.DictReader(file)]
    assert {(line["shape"], line["variant"]) for line in lines} == {
        (shape, name) for shape in (SMALL, LARGE) for name in ("float32", "int8")
    }
    assert "signature" not in lines[0]
    assert [*samples_frame(swept).columns] == [*lines[0]]
