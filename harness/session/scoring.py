"""Score the outputs that were kept for a user's metric, once nothing is measured any more."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from delegates.wire import OUTPUTS, Evaluated, Output
from harness.errors import ModelError
from harness.quantize import EvaluationSet
from harness.record import CellRun
from harness.record.variant import SCORES
from harness.session.plan import Plan
from harness.store import Writer


def score_all(plan: Plan, writer: Writer, note: Callable[[str], None]) -> None:
    """Append the scores of every cell whose outputs were kept. What the metric can't score is noted."""
    sets = {
        one.cell.id: one.evaluation
        for one in (*plan.cells, *plan.references)
        if one.evaluation is not None and one.evaluation.keep == OUTPUTS
    }
    if not sets:
        return
    run = writer.run()
    for entry in (*run.cells, *run.references):
        asked = sets.get(entry.cell.id)
        if asked is not None and entry.evaluated:
            try:
                writer.evaluated(_scored(entry, asked))
            except ModelError as error:
                note(f"{entry.cell.id}: {error}")


def _scored(entry: CellRun, asked: EvaluationSet) -> Evaluated:
    from harness.quantize.scoring import score

    outputs = _outputs(entry)
    labels = asked.given[: len(outputs[0])]
    scores = score(asked.record.metric, labels, outputs)
    data = base64.b64encode(scores.astype("<f4").tobytes()).decode("ascii")
    return Evaluated(entry.cell.id, 0, SCORES, [Output(SCORES, [len(scores)], data)])


def _outputs(entry: CellRun) -> list[Any]:
    """Return each output for all samples, from the first one, without a batch dimension of one."""
    from harness.analysis.scores import joined

    arrays = joined(entry.evaluated, (OUTPUTS,))
    return [array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array for array in arrays]
