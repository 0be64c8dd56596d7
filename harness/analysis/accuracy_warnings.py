"""Warnings about a cell's accuracy."""

from __future__ import annotations

from collections.abc import Iterator

from harness.record import Accuracy, Warning

LARGE = 0.02  # a drop of this share of the samples must be said
LARGE_ERROR = 0.1  # and an error that is larger by this part


def not_evaluated(problem: str | None) -> Warning:
    """Return the warning about a cell whose accuracy was to be measured, and was not."""
    why = problem or "the run ended before it was its turn"
    return Warning("not-evaluated", f"its accuracy was not measured: {why}")


def of_not_finite(count: int, samples: int, shares: bool) -> Iterator[Warning]:
    """Warn about samples whose outputs are NaN or infinite. shares: they count as wrong."""
    if count:
        effect = "they count as wrong" if shares else "so there is no mean"
        yield Warning(
            "not-finite",
            f"the outputs of {count} of {samples} evaluated samples are NaN or infinite: {effect}",
        )


def of_chance(found: Accuracy, most_frequent: float) -> Iterator[Warning]:
    """Warn about an accuracy that is not shown to be above what the most frequent class would give."""
    if found.metric == "top1" and found.low is not None and found.low <= most_frequent:
        right = round(found.value * found.samples)
        yield Warning(
            "chance-accuracy",
            f"right in {right} of {found.samples} samples; always the most frequent class would be right in"
            f" {round(most_frequent * found.samples)}: the labels or the preprocessing may not fit the model",
            "check the order of the classes and the range of the inputs, or give more samples",
        )


def of_drop(found: Accuracy, is_error: bool, is_float: bool) -> Iterator[Warning]:
    """Warn about a drop that is certainly large, or that is not known."""
    drop = found.drop
    if drop is None:
        if not is_float:
            yield Warning(
                "drop-unknown",
                "float32 was not evaluated on these samples: what quantization costs is not known",
                "measure float32, too",
            )
    elif drop.low is not None and drop.low > (
        LARGE_ERROR * (found.value - drop.value) if is_error else LARGE
    ):
        what = "its error is larger" if is_error else "it is right less often"
        yield Warning(
            "accuracy-drop",
            f"{what} than {drop.reference}, and by more than {LARGE_ERROR if is_error else LARGE:.0%}",
        )


def of_width(found: Accuracy, samples: int, precision: float | None) -> Iterator[Warning]:
    """Warn about a drop whose interval is wider than asked for because the time was over."""
    drop = found.drop
    if drop is None or drop.low is None or drop.high is None or not precision:
        return
    scale = found.value - drop.value if found.metric in ("mse", "mae") else 1.0
    if found.samples < samples and (drop.high - drop.low) / 2 > precision * scale:
        yield Warning(
            "wide-accuracy",
            f"evaluated on {found.samples} of {samples} samples, there was no time for more: the drop's"
            f" interval is wider than the ±{100 * precision:g} % asked for",
            "--accuracy-precision 0% takes the time for all samples",
        )
