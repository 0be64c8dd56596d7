"""The compiler's words, whatever they are: numbers, tables and sums, also damaged ones."""

from __future__ import annotations

import random

import pytest

from delegates.wire import Ops
from harness.accelerators.edgetpu.log import MAPPED, parse
from harness.analysis.rows import document
from harness.analysis.status import cell_ops
from harness.record import Artifact, CompilerOp
from tests.unit.run_builder import cell, device, measured, run, variant

HEAD = "Edge TPU Compiler version 16.0.384591198\n\nModel compiled successfully in 9 ms.\n\n"
HEADER = f"{'Operator':<31}{'Count':<11}Status\n\n"
SEEDS = range(300)
STATUSES = (
    MAPPED,
    "More than one subgraph is not supported",
    "Tensor has unsupported rank (up to 3 innermost dimensions mapped)",
    "Operation is otherwise supported, but not mapped due to some unspecified limitation",
)


def table(rows, total=None) -> str:
    """As the compiler writes it: the operator padded to 31, the count to 11."""
    total = sum(count for _, count, _ in rows) if total is None else total
    lines = [f"{name:<31}{count:<11}{status}\n" for name, count, status in rows]
    return f"{HEAD}Total number of operations: {total}\n\n{HEADER}{''.join(lines)}\nCompilation succeeded! \n"


NO_NUMBERS = ("1.2.3MiB", "...", ".", "9" * 5000, "1e9MiB", "٣MiB", "", "-1MiB", "nanB")


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_number_is_none(number):
    text = f"{HEAD}On-chip memory used for caching model parameters: {number}\n"
    text += f"Number of Edge TPU subgraphs: {number}\nTotal number of operations: {number}\n{HEADER}"
    found = parse(text + f"ADD  {number}  {MAPPED}\n")
    assert (found.on_chip_bytes, found.subgraphs, found.ops_total, found.ops) == (None, None, None, ())
    assert found.verdict == "compiled"


@pytest.mark.parametrize("length", [28, 30, 31, 32, 40])
def test_a_name_that_touches_its_count_costs_no_row(length):
    rows = [("ADD", 2, MAPPED), ("X" * length, 3, STATUSES[2]), ("RELU", 1, MAPPED)]
    found = parse(table(rows))
    assert found.ops == tuple(CompilerOp(*row) for row in rows)
    assert (found.mapped, found.problem) == (3, None)


def test_a_line_between_rows_ends_nothing():
    rows = [("ADD", 2, MAPPED), ("RELU", 1, MAPPED)]
    text = table(rows).replace("RELU ", "WARNING: something else went on\n\nRELU ")
    assert parse(text).ops == tuple(CompilerOp(*row) for row in rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table([("ADD", 2, MAPPED)], total=5), "lists 2 ops, and it says that there are 5"),
        (table([], total=5), "lists 0 ops"),
        (
            table([("ADD", 2, MAPPED)]).replace(
                HEADER, f"Number of operations that will run on Edge TPU: 1\n{HEADER}"
            ),
            "has 2 mapped ops, and it says 1",
        ),
    ],
)
def test_rows_that_do_not_add_up_are_noticed_and_reach_the_user(text, said):
    report = parse(text)
    assert report.verdict == "compiled" and said in report.problem
    artifact = Artifact(
        "model_edgetpu.tflite", "0" * 64, 10, ops_total=report.ops_total, problem=report.problem
    )
    int8 = measured(cell("int8", "edgetpu", artifact=artifact), [1.0], ops=Ops(3, 1, 1))
    assert cell_ops(int8) == Ops(3, 1, 1)  # of the compiled file
    (row,) = document(run([int8], [variant("int8")], [device("edgetpu")])).cells
    (warning,) = [warning for warning in row.warnings if warning.code == "compiler-log"]
    assert said in warning.message and warning.remedy
    assert row.status == "partial"


def rows_of(pick: random.Random) -> list[tuple[str, int, str]]:
    """Names of any length, without blanks, and not ending in a digit where they touch their count."""
    rows = []
    for _ in range(pick.randint(1, 12)):
        name = "".join(pick.choices("ABCXYZ_0123456789", k=pick.randint(1, 45)))
        rows.append((name + ("_" if len(name) > 30 else ""), pick.randint(1, 10**6), pick.choice(STATUSES)))
    return rows


def test_any_table_is_read_as_it_was_written():
    for seed in SEEDS:
        rows = rows_of(random.Random(seed))  # noqa: S311
        found = parse(table(rows))
        assert found.ops == tuple(CompilerOp(*row) for row in rows), seed
        assert found.problem is None


def test_damaged_words_never_raise_and_lost_rows_never_go_unnoticed():
    """Characters of the table are changed, cut out and put in."""
    for seed in SEEDS:
        pick = random.Random(seed)  # noqa: S311
        rows = rows_of(pick)
        head, header, text = table(rows).partition(HEADER)
        for _ in range(pick.randint(1, 8)):
            at, length = pick.randrange(len(text)), pick.randint(0, 20)
            put = "".join(pick.choices(" \n\t.0123456789AZ:\0\x85٣²", k=pick.randint(0, 12)))
            text = text[:at] + put + text[at + length :]
        found = parse(head + header + text)
        listed = sum(row.count for row in found.ops)
        assert (found.problem is None) == (listed == sum(count for _, count, _ in rows)), seed
        assert all(row.op and row.status for row in found.ops)
        parse(text + head)  # whatever the order
