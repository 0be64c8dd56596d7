"""How long measuring takes, by stored runs."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from harness.analysis.cost import Asked, Costs, rule_of_thumb
from harness.record import FailedVariant, Pending
from tests.unit.run_builder import cell, device, measured, run, variant

AS_STORED = Asked(1.0, 0.01)
SECOND = 1_000_000_000


def stored(*costs_s, floors=(1.0, 1.1, 0.9, 1.05, 0.95, 1.0), **more):
    """A run whose int8 launches cost so many seconds each."""
    floors = floors[: len(costs_s)]
    int8 = measured(cell("int8", "cpu", **more), [0.5 * ms for ms in floors[::-1]])
    launches = [
        dataclasses.replace(one, cost_ns=round(s * SECOND))
        for one, s in zip(int8.launches, costs_s, strict=True)
    ]
    cells = [measured(cell("float32", "cpu"), floors), replace(int8, launches=tuple(launches))]
    return run(cells, [variant("float32"), variant("int8")], [device("cpu")])


def costs(*runs, asked=AS_STORED):
    return Costs(runs, asked)


INT8 = stored(1.0).cells[1].cell


def test_the_cost_is_that_of_the_newest_three_runs():
    found = costs(*(stored(s, s) for s in (1.0, 5.0, 2.0, 50.0))).of(INT8, None)
    assert (found.seconds, found.stored_runs) == (4.0, 3)


def test_without_a_run_of_the_same_cell_it_is_a_rule_of_thumb():
    known = costs(stored(1.0, 1.0))
    for other in (
        replace(INT8, threads=2),
        replace(INT8, delegate=replace(INT8.delegate, name="xnnpack")),
        replace(INT8, device=replace(INT8.device, cpu="Cortex-A72")),
        replace(INT8, variant=replace(INT8.variant, sha256="another")),
    ):
        assert known.of(other, None) == rule_of_thumb(AS_STORED)
    cut_short = stored(1.0)
    cut_short = replace(cut_short, cells=tuple(replace(one, ended=Pending()) for one in cut_short.cells))
    assert costs(cut_short).of(INT8, None).stored_runs == 0


def test_a_variant_that_is_not_made_yet_is_known_by_its_model():
    missing = replace(INT8, variant=FailedVariant("digits", "int8", "not made yet"))
    known = costs(stored(1.0, 1.0))
    assert known.of(missing, "a" * 64).seconds == 2.0
    assert known.of(missing, "b" * 64).stored_runs == 0
    assert known.of(missing, None).stored_runs == 0


def test_sides_on_two_runtimes_have_the_same_model():
    known = stored(1.0, 1.0)
    sided = tuple(replace(one, cell=replace(one.cell, side="head")) for one in known.cells)
    missing = replace(INT8, side="head", variant=FailedVariant("digits", "int8", "not made yet"))
    assert costs(replace(known, cells=sided)).of(missing, "a" * 64).stored_runs == 1


def test_launches_of_an_older_agent_cost_what_they_measured_and_their_start():
    old = stored(0.0, 0.0)
    (launch, _) = old.cells[1].launches
    timed = sum(map(sum, launch.blocks_ns))
    warm_up = launch.warmup * timed / sum(map(len, launch.blocks_ns))
    each = (launch.init_ns + launch.first_ns + timed + warm_up) / SECOND
    assert each < costs(old).of(INT8, None).seconds / 2 < each + 0.1


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (Asked(0.1, 0.01), 0.6),  # the least number of launches, though they cost more than twice the budget
        (Asked(1.0, 0.9), 1.0),  # ten launches: with fewer no interval is believed
        (Asked(1.0, 0.0), 2.0),  # twice the budget
        (Asked(100.0, 0.0), 20.0),  # the most launches
    ],
)
def test_another_budget_or_precision_takes_other_launches(asked, seconds):
    """Of 0.1 s each."""
    assert costs(stored(*[0.1] * 6), asked=asked).of(INT8, None).seconds == pytest.approx(seconds)
