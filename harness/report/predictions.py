"""Predictions for a model on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from harness.accelerators import OpVerdict, Refusal, Verdict
from harness.analysis.compat import DevicePrediction
from harness.report.figures import clean, plural, short, some
from harness.report.lines import print_indented
from harness.tflite import ModelInfo

_SIGNS = {
    Verdict.DELEGATED: ("✓", "green"),
    Verdict.NOT_DELEGATED: ("✗", "red"),
    Verdict.UNCERTAIN: ("?", "yellow"),
}
_NAMED = 6  # ops that are named per verdict


def sign(verdict: OpVerdict) -> Text:
    """Return ✓, ✗ or ?, in brackets if the verdict is only likely."""
    mark, style = _SIGNS[verdict.verdict]
    return Text(f"({mark})" if verdict.likely else mark, style=style)


def print_prediction(prediction: DevicePrediction, model: ModelInfo, console: Console) -> None:
    """Print which ops one delegate takes, and why not the rest."""
    console.print()
    title = f"{prediction.delegate} on {prediction.device}, {prediction.target}, predicted"
    line = Text(clean(title), style="bold").append(f": {_summary(prediction)}", style="not bold")
    console.print(line, soft_wrap=True)
    if prediction.refusal is not None:
        _print_reason("", prediction.refusal, console)
    if prediction.outcome == "refused":
        return
    groups: dict[OpVerdict, list[str]] = {}
    for index, verdict in enumerate(prediction.ops):
        if verdict.verdict is not Verdict.DELEGATED or verdict.likely:
            groups.setdefault(verdict, []).append(f"{model.ops[index].name} #{index}")
    for verdict, ops in groups.items():
        word = f"likely {verdict.verdict}" if verdict.likely else verdict.verdict
        _print_reason(f"{word}: {some([*map(short, ops)], _NAMED)}: ", verdict, console)


def _print_reason(head: str, verdict: OpVerdict | Refusal, console: Console) -> None:
    text = f"{head}{clean(verdict.reason or '')}"
    text += f" → {clean(verdict.remedy)}" if verdict.remedy else ""
    text += f" [{clean(verdict.source)}]" if verdict.source else ""
    print_indented(text, 2, console)


def _summary(prediction: DevicePrediction) -> str:
    if prediction.outcome == "refused":
        return "refused"
    words = f"{prediction.taken} of {prediction.total} ops taken"
    if prediction.likely:
        words += f", {prediction.likely} of the verdicts only likely"
    if prediction.uncertain:
        words += f", {prediction.uncertain} uncertain"
    if prediction.partitions is not None:
        words += f", in {plural(prediction.partitions, 'partition')}"
    return words
