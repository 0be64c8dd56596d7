"""Fidelity: how close outputs come to those of the reference on the same inputs."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from delegates.wire import Output
from harness.analysis import ranked
from harness.record import Fidelity

Array = npt.NDArray[np.float64]

_SAMPLES_TO_VARY = 4
_VARIES = 0.01  # of a reference's size, over the samples


@dataclass(frozen=True)
class Values:
    """A decoded output tensor. `array` is None if the data does not fit the shape."""

    name: str
    shape: tuple[int, ...]  # (samples, *tensor shape), or (samples, kept) where subsampled
    subsampled: bool
    array: Array | None


def decode(outputs: Sequence[Output]) -> tuple[Values, ...]:
    """Decode outputs to float64."""
    return tuple(
        Values(output.name, tuple(map(int, output.shape)), output.subsampled, _array(output))
        for output in outputs
    )


def compare_outputs(
    reference: Sequence[Output],
    candidate: Sequence[Output],
    *,
    named: str = "",
    classifier: bool = True,
    labels: Collection[int] = (),
    most: int | None = None,
) -> Fidelity | None:
    """Compare outputs that are still encoded; see `compare`."""
    return compare(
        decode(reference),
        decode(candidate),
        named=named,
        classifier=classifier,
        labels=labels,
        most=most,
    )


def compare(
    reference: Sequence[Values],
    candidate: Sequence[Values],
    *,
    named: str = "",
    classifier: bool = True,
    labels: Collection[int] = (),
    most: int | None = None,
) -> Fidelity | None:
    """Return the figures over all samples, or None if the outputs can't be compared (see `unlike`).

    What the figures mean: docs/results.md, "fidelity". With several outputs, cosine, error and SQNR are those
    of the worst one. They are None if a value is not finite (see `count_nonfinite`).

    named: the name of the reference. classifier: whether the largest value of an output may be a class.
    labels: indices of outputs that hold labels, not quantities. most: compare only the first `most` samples.
    """
    if unlike(reference, candidate) is not None:
        return None
    pairs = _pairs(reference, candidate, most)
    aligned, same_rows = ranked.align(pairs)
    kept = [(i, pair) for i, pair in enumerate(aligned) if pair]
    by_name = [(reference[i].name, _figures(*pair)) for i, pair in kept if i not in labels]
    figures = [of_output for _, of_output in by_name] or [_of_labels(*pair) for _, pair in kept]
    same = [ref == cand for i, (ref, cand) in kept if i in labels]
    same_labels = min((float(np.mean(equal)) for equal in same), default=None)
    top1 = None
    if len(pairs) == 1 and not reference[0].subsampled:
        top1 = same_labels if same else _top1(*pairs[0]) if classifier else None
    return Fidelity(
        reference=named,
        cosine=_worst(figures, "cosine", min),
        max_abs_error=_worst(figures, "max_abs_error", max),
        sqnr_db=_worst(figures, "sqnr_db", min),
        top1_agreement=top1,
        output=_worst_output(by_name) if len(pairs) > 1 else None,
        samples=len(pairs[0][0]),
        same_rows=same_rows,
        labels=sum(equal.size for equal in same),
        same_labels=same_labels,
        collapsed=_collapsed(pairs),
    )


def count_nonfinite(outputs: Sequence[Values]) -> int:
    """Return how many output values are NaN or infinite."""
    arrays = [output.array for output in outputs if output.array is not None]
    return sum(int(np.count_nonzero(~np.isfinite(array))) for array in arrays)


def unlike(reference: Sequence[Values], candidate: Sequence[Values]) -> str | None:
    """Return why outputs can't be compared with the reference's; None if they can."""
    if len(reference) != len(candidate) or not reference:
        return f"{len(candidate)} against {len(reference)} outputs"
    for ref, cand in _matched(reference, candidate):
        mine, theirs = list(cand.shape[1:]), list(ref.shape[1:])
        if mine != theirs or not (cand.shape and ref.shape):
            return f"output {cand.name} has shape {mine} where the other has {theirs}"
        if ref.subsampled != cand.subsampled:
            return f"of output {cand.name} only one was sent whole"
        if ref.array is None or cand.array is None:
            return f"the values of output {cand.name} are not as many as its shape says"
    return None


def samples_of(outputs: Sequence[Values]) -> int:
    """Return the number of samples that all outputs cover."""
    return min((output.shape[0] for output in outputs if output.shape), default=0)


def _array(output: Output) -> Array | None:
    try:
        values = np.frombuffer(base64.b64decode(output.data, validate=True), "<f4")
        return values.astype(np.float64).reshape([int(size) for size in output.shape])
    except ValueError:
        return None


def _matched(reference: Sequence[Values], candidate: Sequence[Values]) -> list[tuple[Values, Values]]:
    """Pair outputs by name if both sides have the same names, else by position."""
    by_name = {output.name: output for output in candidate}
    same_names = len(by_name) == len(candidate) and {output.name for output in reference} == set(by_name)
    return [
        (ref, by_name[ref.name] if same_names else by_position)
        for ref, by_position in zip(reference, candidate, strict=True)
    ]


def _pairs(
    reference: Sequence[Values], candidate: Sequence[Values], most: int | None
) -> list[tuple[Array, Array]]:
    """Return the values of paired outputs, for the samples that both sides have."""
    count = min(samples_of(reference), samples_of(candidate))
    count = count if most is None else min(count, most)
    return [
        (ref.array[:count], cand.array[:count])
        for ref, cand in _matched(reference, candidate)
        if ref.array is not None and cand.array is not None
    ]


def _of_labels(ref: Array, cand: Array) -> dict[str, float]:
    """Return the figures of an output that holds labels: only the largest difference."""
    return {
        "cosine": math.nan,
        "max_abs_error": float(np.max(np.abs(ref - cand), initial=0)),
        "sqnr_db": math.nan,
    }


def _figures(ref: Array, cand: Array) -> dict[str, float]:
    """Return the figures of one output. NaN: undefined. SQNR is infinite if nothing differs."""
    if not (ref.size and np.isfinite(ref).all() and np.isfinite(cand).all()):
        return dict.fromkeys(("cosine", "max_abs_error", "sqnr_db"), math.nan)
    noise = float(np.sum((ref - cand) ** 2))
    signal = float(np.sum(ref**2))
    norms = math.sqrt(signal) * float(np.linalg.norm(cand))
    cosine = min(1.0, float(np.sum(ref * cand)) / norms) if norms else math.nan
    return {
        "cosine": cosine if noise else 1.0,
        "max_abs_error": float(np.max(np.abs(ref - cand))),
        "sqnr_db": _decibel(signal, noise),
    }


def _decibel(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _worst(
    figures: Sequence[dict[str, float]], key: str, pick: Callable[[list[float]], float]
) -> float | None:
    values = [figure[key] for figure in figures]
    value = math.nan if not values or any(math.isnan(v) for v in values) else pick(values)
    return value if math.isfinite(value) else None


def _worst_output(named: Sequence[tuple[str, dict[str, float]]]) -> str | None:
    """Return the name of the output with the lowest SQNR. An undefined SQNR (NaN) counts as lowest."""
    by_noise = [(-math.inf if math.isnan(f["sqnr_db"]) else f["sqnr_db"], name) for name, f in named]
    return min(by_noise, key=lambda entry: entry[0], default=(0.0, None))[1]


def _collapsed(pairs: Sequence[tuple[Array, Array]]) -> bool:
    """Return whether an output is the same for all samples although the reference's is not.

    The reference has to vary by more than 1 % of its size: a classifier may be certain of one class for all
    samples. Outputs of whole numbers (classes, counts) are not judged, as they may well be the same.
    """
    for ref, cand in pairs:
        if len(ref) < _SAMPLES_TO_VARY or not np.isfinite(ref).all() or (ref == np.rint(ref)).all():
            continue
        if (cand != cand[:1]).any():
            continue
        varying = float(np.sum((ref - ref.mean(axis=0)) ** 2))
        if varying > _VARIES**2 * float(np.sum(ref**2)):
            return True
    return False


def _top1(ref: Array, cand: Array) -> float | None:
    """Return the share of rows with the same largest class, for rows in which the reference is finite.

    Shape: (samples, batch, classes) or (samples, classes). None for other shapes, or without such rows.
    """
    if ref.ndim not in (2, 3) or ref.shape[-1] < 2 or not ref.size:
        return None
    ref, cand = ref.reshape(-1, ref.shape[-1]), cand.reshape(-1, cand.shape[-1])
    real = np.isfinite(ref).all(axis=1)
    ref, cand = ref[real], cand[real]
    same = np.isfinite(cand).all(axis=1) & (ref.argmax(axis=1) == cand.argmax(axis=1))
    return float(np.mean(same)) if same.size else None
