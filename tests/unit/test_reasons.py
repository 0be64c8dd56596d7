"""Why ops were left: observed beats predicted, and a delegate's own words beat both."""

from __future__ import annotations

from delegates.wire import OTHER_OPS, OpGroup, Ops
from harness.analysis import document
from harness.analysis.reasons import UNEXPECTED, explained
from harness.record import ExpectedOps
from tests.unit.run_builder import cell, device, measured, run, variant

TWO = ExpectedOps(("ABS", "LOG_SOFTMAX"), (True, False), (None, "no kernel in XNNPACK"))
FOUR = ExpectedOps(
    ("RELU", "LOG_SOFTMAX", "RELU6", "RELU6"),
    (True, False, False, False),
    (None, "Operation is not supported", "apart", "apart"),
)


def left(*groups: OpGroup) -> Ops:
    return Ops(4, 4 - sum(group.count for group in groups), 1, list(groups))


def reasons(ops: Ops, expected: ExpectedOps | None) -> list[tuple[str, int, str | None]]:
    return [(group.op, group.count, group.reason) for group in explained(ops, expected).not_delegated]


def test_the_rules_say_why_a_node_was_left() -> None:
    ops = left(OpGroup("LOG_SOFTMAX", 1, ["float32"], nodes=[1]))
    assert reasons(ops, TWO) == [("LOG_SOFTMAX", 1, "no kernel in XNNPACK")]


def test_an_op_that_was_left_although_the_rules_take_it_is_said_to_be_that() -> None:
    assert reasons(left(OpGroup("ABS", 1, [], nodes=[0])), TWO) == [("ABS", 1, UNEXPECTED)]


def test_a_delegates_own_words_stay() -> None:
    ops = left(OpGroup("LOG_SOFTMAX", 1, [], "the driver is too old", [1]))
    assert explained(ops, TWO) == ops


def test_rules_that_can_not_tell_say_what_they_know() -> None:
    unsure = ExpectedOps(("ABS",), (None,), ("no document says",))
    assert reasons(left(OpGroup("ABS", 1, [], nodes=[0])), unsure) == [("ABS", 1, "no document says")]


def test_rules_about_another_file_say_nothing() -> None:
    ops = left(OpGroup("SPLIT", 2, [], nodes=[0, 9]))
    assert reasons(ops, TWO) == [("SPLIT", 2, None)]
    assert explained(ops, None) == ops


def test_groups_are_divided_by_reason() -> None:
    """Ops of one kind and of the same types may be left for different reasons."""
    splits = ExpectedOps(("SPLIT", "SPLIT"), (False, False), ("5 outputs", "6 outputs"))
    found = explained(left(OpGroup("SPLIT", 2, ["float32"], nodes=[0, 1])), splits).not_delegated
    assert [(group.count, group.reason, group.nodes) for group in found] == [
        (1, "5 outputs", [0]),
        (1, "6 outputs", [1]),
    ]


def test_ops_that_a_delegate_only_counts_are_named_where_the_rules_count_the_same() -> None:
    softmax = OpGroup("LOG_SOFTMAX", 1, [], "not supported")
    assert reasons(left(softmax, OpGroup(OTHER_OPS, 2, [])), FOUR) == [
        ("LOG_SOFTMAX", 1, "not supported"),
        ("RELU6", 2, "apart"),
    ]
    fewer = left(softmax, OpGroup(OTHER_OPS, 1, []))
    assert explained(fewer, FOUR) == fewer
    unsure = ExpectedOps(FOUR.ops, (None, *FOUR.delegated[1:]), FOUR.reasons)
    assert explained(left(softmax, OpGroup(OTHER_OPS, 2, [])), unsure).not_delegated[1].op == OTHER_OPS


def test_a_row_has_the_reasons_of_the_rules_that_its_cell_was_planned_with() -> None:
    ops = left(OpGroup("LOG_SOFTMAX", 1, [], nodes=[1]))
    made = measured(cell("int8", "xnnpack", expected=TWO), [1.0], ops=ops)
    (row,) = document(run([made], [variant("int8")], [device("xnnpack")])).cells
    assert row.ops.not_delegated[0].reason == "no kernel in XNNPACK"
    assert row.reason == "XNNPACK took 3 of 4 ops: no kernel in XNNPACK (1 LOG_SOFTMAX)"
