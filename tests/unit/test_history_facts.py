"""What a history says of the runs at a step."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.analysis import document
from harness.record import Document, Fidelity
from harness.record.history import Figure, Step
from harness.session.history import Asked, find, history
from harness.store import encode
from harness.store.index import CellFilter, RunFilter
from tests.unit.comparing import made
from tests.unit.test_sides import both


def step_of(results: Path, figure: Figure, *documents: Document) -> Step:
    """The one step of int8 on cpu in a store of these documents."""
    for one in documents:
        (results / one.run_id).mkdir()
        (results / one.run_id / "run.json").write_bytes(encode(one))
    asked = Asked(RunFilter(), CellFilter(variants=("int8",), delegates=("cpu",)), figure=figure)
    found = history(asked, find(asked, results, pytest.fail), results, pytest.fail)
    (step,) = found.cells[0].steps
    return step


def test_of_two_sides_heads_facts_explain_a_step(tmp_path: Path) -> None:
    """The file of BASE, which is another one, is no cause."""
    sided = both(made(2, sizes={"int8": 9_000}, changed=["int8"]), made(3, sizes={"int8": 12_000}))
    step = step_of(tmp_path, "size", document(made(1)), document(sided))
    assert (step.before, step.after, step.facts) == (10_000, 12_000, ())


def test_outputs_that_were_compared_with_those_of_another_cell_are_named(tmp_path: Path) -> None:
    def compared(seed: int, reference: str, sqnr_db: float) -> Document:
        whole = document(made(seed))
        fidelity = Fidelity(reference, sqnr_db=sqnr_db)
        return replace(whole, cells=tuple(replace(row, fidelity=fidelity) for row in whole.cells))

    documents = compared(1, "float32/cpu@cpu", 40.0), compared(2, "int8/cpu@cpu", 130.0)
    step = step_of(tmp_path, "sqnr", *documents)
    assert step.facts is not None
    assert [(fact.about, fact.what, fact.base, fact.head) for fact in step.facts] == [
        ("digits int8", "reference of the outputs", "float32/cpu@cpu", "int8/cpu@cpu")
    ]
