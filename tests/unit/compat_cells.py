"""Cells of a compatibility report, made by hand or at random."""

# ruff: noqa: S311 (the chance is no secret)

from __future__ import annotations

import random

from msgspec.structs import replace

from harness import __version__
from harness.accelerators import Refusal
from harness.analysis.compat import (
    CompatCell,
    CompatDevice,
    CompatModel,
    CompatReport,
    CompatVariant,
    Failure,
    Observed,
    OpsInTheWay,
    Predicted,
)
from harness.analysis.compat.document import Outcome
from harness.analysis.compat.obstacles import obstacles
from harness.analysis.compat.verdicts import verdicts
from harness.record import BaselineName, Speedup, Warning

BASELINE = BaselineName("float32", "cpu", "cpu", 1)
REFUSAL = Refusal("Model not quantized", "a document", "convert with int8")
WRONG = Warning("delegate-differs", "the delegate computes something else", "report it")
COLUMNS = [  # device, delegate, runtime, its version
    ("xnnpack", "xnnpack", "ai-edge-litert", "2.3.0"),
    ("coral", "cpu", "ai-edge-litert", "2.3.0"),
    ("coral", "edgetpu", None, None),
    ("board", "xnnpack", "tflite-runtime", "2.14.0"),
    ("board", "xnnpack", "ai-edge-litert", "2.3.0"),
]


def predicted(taken: int, total: int = 9, *, likely: int = 0, uncertain: int = 0) -> Predicted:
    """A prediction of a model that is not refused."""
    outcome: Outcome = "all" if taken == total else "partly" if taken else "none"
    return Predicted(
        "uncertain" if uncertain else outcome, "rules 1", total, taken, likely, uncertain, 1, None
    )


def refused(*, certain: bool = True) -> Predicted:
    """A prediction of a model that is refused, or perhaps refused."""
    refusal = REFUSAL if certain else Refusal("untested", "a document", certain=False)
    return Predicted("refused" if certain else "uncertain", "rules 1", 9, 0, 0, 0, None, refusal)


def observed(taken: int, total: int = 9, *, speedup: Speedup | None = None) -> Observed:
    """An observation of a cell that was measured."""
    outcome: Outcome = "all" if taken == total else "partly" if taken else "none"
    return Observed(
        "run-1", (None, None), outcome, total, taken, 1, "as seen", False, matches=True, speedup=speedup
    )


def speedup(value: float) -> Speedup:
    """A speedup with a narrow interval."""
    return Speedup(value, value * 0.99, value * 1.01, BASELINE)


def cell(
    variant: str,
    of: Predicted,
    seen: Observed | None = None,
    *,
    model: str = "m1",
    column: tuple[str, str, str | None, str | None] = COLUMNS[0],
    failure: Failure | None = None,
    way: tuple[OpsInTheWay, ...] = (),
) -> CompatCell:
    """A cell; by default on the device xnnpack."""
    device, delegate, runtime, version = column
    return CompatCell(model, variant, device, delegate, runtime, version, of, seen, way, failure)


def report_of(cells: list[CompatCell]) -> CompatReport:
    """The report of some cells."""
    models = dict.fromkeys(cell.model for cell in cells)
    variants = dict.fromkeys((cell.model, cell.variant) for cell in cells)
    devices = dict.fromkeys(cell.device for cell in cells)
    return CompatReport(
        schema=1,
        qbench_version=__version__,
        models=tuple(CompatModel(name, None) for name in models),
        devices=tuple(CompatDevice(name, "local", (), (), "installed") for name in devices),
        variants=tuple(CompatVariant(*names, None, None, None, None, ()) for names in variants),
        failed=(),
        cells=tuple(cells),
        verdicts=verdicts(cells),
        obstacles=obstacles(cells),
    )


def at_random(seed: int) -> list[CompatCell]:
    """The cells of one to three models with some variants each, on a few devices."""
    chance = random.Random(seed)
    columns = chance.sample(COLUMNS, chance.randint(1, len(COLUMNS)))
    columns.sort(key=COLUMNS.index)
    cells = []
    for number in range(1, chance.randint(1, 3) + 1):
        for variant in chance.sample(["v1", "v2", "v3", "v4"], chance.randint(1, 4)):
            cells += [_random_cell(chance, f"m{number}", variant, column) for column in columns]
    return cells


def _random_cell(
    chance: random.Random, model: str, variant: str, column: tuple[str, str, str | None, str | None]
) -> CompatCell:
    total = chance.randint(1, 9)
    taken = chance.choice([0, total, chance.randint(0, total)])
    uncertain = chance.choice([0, 0, total - taken])
    doubtful = [predicted(taken, total, uncertain=uncertain), predicted(taken, total, likely=1)]
    of = chance.choice([refused(), refused(certain=False), predicted(taken, total), *doubtful])
    if chance.random() < 0.4:
        return cell(variant, of, model=model, column=column)
    seen = observed(chance.choice([0, total, taken]), total)
    if chance.random() < 0.5:
        seen = replace(seen, speedup=speedup(chance.uniform(0.2, 9)))
    seen = replace(
        seen,
        baseline=seen.speedup is None and chance.random() < 0.2,
        software=chance.random() < 0.2,
        compared=chance.random() < 0.8,
        matches=chance.choice([True, False, None]),
        wrong=(WRONG,) if chance.random() < 0.2 else (),
    )
    if chance.random() < 0.1:
        seen = replace(seen, outcome="refused", taken=None, speedup=None, wrong=())
    failure = Failure("run-2", (None, None), "crashed", "it died") if chance.random() < 0.1 else None
    return cell(variant, of, seen, model=model, column=column, failure=failure)
