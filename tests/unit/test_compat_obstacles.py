"""What stands in the way, by remedy; and the matrix folded by device."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.analysis.compat import CompatCell, Failure, Obstacle, OpsInTheWay
from harness.report.compat_fold import fold
from harness.report.compat_view import view
from tests.unit.compat_cells import COLUMNS, WRONG, cell, observed, predicted, refused, report_of

EDGETPU = COLUMNS[2]


def way(op: str, remedy: str | None, verdict: str = "not taken", reason: str = "no kernel") -> OpsInTheWay:
    return OpsInTheWay(op, 1, verdict, False, reason, remedy, "a document")


def found(*cells: CompatCell) -> list[Obstacle]:
    return list(report_of(list(cells)).obstacles)


def names(cells) -> list[tuple[str, str]]:
    return [(cell.model, cell.variant) for cell in cells]


def test_a_remedy_unlocks_only_what_nothing_else_stands_in_the_way_of():
    both = (way("A", "fix"), way("B", None))
    (fix, none) = found(
        cell("one", predicted(8), way=(way("A", "fix"),)),
        cell("two", predicted(7), way=both),
        cell("one", predicted(8), way=(way("C", "fix", reason="other"),), model="m2", column=EDGETPU),
    )
    assert fix.remedy == "fix" and none.remedy is None
    assert names(fix.unlocks) == [("m1", "one"), ("m2", "one")] and names(fix.helps) == [("m1", "two")]
    assert names(none.helps) == [("m1", "two")]
    assert [(reason.ops, reason.reason) for reason in fix.reasons] == [
        (("A",), "no kernel"),
        (("C",), "other"),
    ]


def test_the_remedy_that_unlocks_most_comes_first_and_none_last():
    few, many = way("A", "few"), way("B", "many")
    cells = [cell("a", predicted(8), way=(way("C", None),)), cell("b", predicted(8), way=(few,))]
    cells += [cell(name, predicted(8), way=(many,)) for name in "cd"]
    assert [obstacle.remedy for obstacle in found(*cells)] == ["many", "few", None]


def test_a_refusal_hides_what_else_there_is():
    (one,) = found(cell("a", refused(), column=EDGETPU))
    assert names(one.loads) == [("m1", "a")] and not one.unlocks
    (one,) = found(cell("a", refused(), column=COLUMNS[1]))  # on cpu: what loads, runs
    assert names(one.unlocks) == [("m1", "a")]


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (cell("a", predicted(8), observed(9), way=(way("A", "fix"),)), []),
        (cell("a", refused(), observed(9)), []),
        (cell("a", predicted(8), observed(8), way=(way("A", "fix"),)), [("fix", "not taken")]),
        (
            cell("a", predicted(8), replace(observed(4), matches=False), way=(way("A", "fix"),)),
            [(None, "not taken")],
        ),
        (
            cell("a", predicted(8), replace(observed(0), outcome="refused", matches=False)),
            [(None, "refused")],
        ),
        (cell("a", predicted(9), replace(observed(9), wrong=(WRONG,))), [("report it", "wrong outputs")]),
        (
            cell("a", predicted(9), observed(9), failure=Failure("r", (None, None), "crashed", "died")),
            [(None, "failed")],
        ),
    ],
)
def test_an_observation_settles_what_stands_in_the_way(of, expected):
    assert [(one.remedy, one.reasons[0].verdict) for one in found(of)] == expected


def test_in_words():
    cells = [
        cell("int8_float", predicted(7), column=EDGETPU, way=(way("QUANTIZE", "make inputs int8"),)),
        cell("int8", predicted(9), column=EDGETPU),
    ]
    seen = view(report_of(cells))
    (one,) = seen.obstacles
    assert (one.head, one.effects) == ("make inputs int8", ("unlocks int8_float on edgetpu@coral",))
    assert one.reasons == ("QUANTIZE: no kernel [1]",)
    assert ("Sources", "[1] a document") in seen.origin


def test_wide_matrices_fold_by_device():
    cells = [cell("a", predicted(9), column=column) for column in COLUMNS]
    (matrix,) = view(report_of(cells)).matrices
    for most, expected in {
        9: [["xnnpack", "coral", "coral", "board", "board"]],
        3: [["xnnpack", "coral", "coral"], ["board", "board"]],
        2: [["xnnpack"], ["coral", "coral"], ["board", "board"]],
        1: [["xnnpack"], ["coral"], ["coral"], ["board"], ["board"]],
    }.items():
        parts = fold(matrix, lambda part, most=most: len(part.columns) <= most)
        assert [[column.device for column in part.columns] for part in parts] == expected
        assert all(len(line.entries) == len(part.columns) for part in parts for line in part.lines)
