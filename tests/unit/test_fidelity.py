"""Fidelity against numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from delegates.wire import Output
from harness.analysis.distance import describe, is_far
from harness.analysis.fidelity import compare_outputs, count_nonfinite, decode
from harness.analysis.output_warnings import of_variant
from harness.record import Fidelity
from tests.unit.run_builder import output

FIGURES = ("cosine", "max_abs_error", "sqnr_db", "top1_agreement")


def figures_of(reference: list[Output], candidate: list[Output], **more: Any) -> dict[str, Any]:
    """The four figures that tables show."""
    found = compare_outputs(reference, candidate, **more)
    assert found is not None
    return {key: getattr(found, key) for key in FIGURES}


RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(50, 10)).astype("f4")
NOISY = (LOGITS + RNG.normal(scale=0.3, size=LOGITS.shape)).astype("f4")


def test_figures_are_numpys() -> None:
    ref, cand = LOGITS.astype("f8"), NOISY.astype("f8")
    agreement = np.mean(ref.argmax(1) == cand.argmax(1))
    assert 0.5 < agreement < 1
    assert figures_of([output(LOGITS)], [output(NOISY)]) == pytest.approx(
        {
            "cosine": (ref * cand).sum() / np.linalg.norm(ref) / np.linalg.norm(cand),
            "max_abs_error": np.abs(ref - cand).max(),
            "sqnr_db": 10 * np.log10((ref**2).sum() / ((ref - cand) ** 2).sum()),
            "top1_agreement": agreement,
        }
    )


def test_identical_outputs_have_no_noise() -> None:
    figures = {"cosine": 1.0, "max_abs_error": 0.0, "sqnr_db": None, "top1_agreement": 1.0}
    assert figures_of([output(LOGITS)], [output(LOGITS)]) == figures
    zeros = output(np.zeros((2, 3)))
    assert figures_of([zeros], [zeros]) == figures


def test_a_silent_reference_has_no_ratio() -> None:
    figures = figures_of([output(np.zeros((2, 3)))], [output(np.ones((2, 3)))])
    assert figures == {"cosine": None, "max_abs_error": 1.0, "sqnr_db": None, "top1_agreement": 1.0}


def test_several_outputs_show_the_worst_and_go_by_name() -> None:
    a, b = output(LOGITS, "a"), output(NOISY, "b")
    worse = output(-NOISY, "b")
    assert compare_outputs([a, b], [worse, a]).output == "b"
    assert figures_of([a, b], [worse, a]) == {
        "cosine": pytest.approx(-1),
        "max_abs_error": pytest.approx(2 * np.abs(NOISY).max()),
        "sqnr_db": pytest.approx(10 * np.log10(1 / 4)),
        "top1_agreement": None,
    }


def test_other_names_go_by_position() -> None:
    figures = compare_outputs(
        [output(LOGITS, "a"), output(NOISY, "b")], [output(LOGITS, "x"), output(NOISY, "y")]
    )
    assert figures is not None and figures.max_abs_error == 0


@pytest.mark.parametrize(
    "candidate",
    [
        [],
        [output(LOGITS), output(LOGITS)],
        [output(LOGITS.T)],
        [output(LOGITS, subsampled=True)],
        [replace(output(LOGITS), shape=[50, 11])],
        [replace(output(LOGITS), data="not base64!")],
    ],
    ids=["none", "too many", "other shape", "subsampled", "too little data", "no base64"],
)
def test_what_does_not_fit_is_not_compared(candidate: list[Output]) -> None:
    assert compare_outputs([output(LOGITS)], candidate) is None


def test_nan_is_counted_and_leaves_no_figure() -> None:
    broken = NOISY.copy()
    broken[:10, 0] = np.nan
    broken[10, 1] = np.inf
    agreement = np.mean((LOGITS.argmax(1) == NOISY.argmax(1))[11:]) * 39 / 50
    figures = figures_of([output(LOGITS)], [output(broken)])
    assert figures.pop("top1_agreement") == pytest.approx(agreement)
    assert set(figures.values()) == {None}
    assert count_nonfinite(decode([output(broken), output(LOGITS)])) == 11


@pytest.mark.parametrize(
    ("ref", "classifier"),
    [
        (output(LOGITS[:, :1]), True),
        (output(LOGITS.reshape(50, 1, 5, 2)), True),
        (output(LOGITS, subsampled=True), True),
        (output(LOGITS), False),
    ],
    ids=["one class", "rank 4", "subsampled", "told so"],
)
def test_no_top1_where_there_is_no_classifier(ref: Output, classifier: bool) -> None:
    figures = compare_outputs([ref], [ref], classifier=classifier)
    assert figures is not None and figures.top1_agreement is None


def test_top1_of_outputs_as_they_cross_the_wire() -> None:
    """Shape (samples, batch, classes): the tensor's own batch dimension comes with it."""
    expected = np.mean(LOGITS.argmax(1) == NOISY.argmax(1))
    one, ten = LOGITS.reshape(50, 1, 10), LOGITS.reshape(5, 10, 10)
    for reference, candidate in ((one, NOISY.reshape(one.shape)), (ten, NOISY.reshape(ten.shape))):
        figures = compare_outputs([output(reference)], [output(candidate)])
        assert figures is not None and figures.top1_agreement == pytest.approx(expected)


def test_a_slow_cell_with_fewer_samples_is_compared_on_those() -> None:
    few = compare_outputs([output(LOGITS)], [output(NOISY[:3])])
    assert few == compare_outputs([output(LOGITS[:3])], [output(NOISY[:3])])
    assert few == compare_outputs([output(LOGITS[:3])], [output(NOISY)])
    assert few is not None


def detections(order: np.ndarray, scores: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> list[Output]:
    """As TFLite_Detection_PostProcess gives them: rows in `order`, one for each sample."""
    rows = np.take_along_axis
    return [
        output(rows(boxes, order[..., None], 2), "boxes"),
        output(rows(classes, order, 2), "classes"),
        output(rows(scores, order, 2), "scores"),
        output(np.full((len(scores), 1), scores.shape[2]), "count"),
    ]


def ten_boxes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sorted scores, of which some are a hair apart; boxes; classes; and the order they are in."""
    scores = np.repeat(np.linspace(0.9, 0.1, 5), 2)[None, None] + np.zeros((4, 1, 10))
    boxes = RNG.uniform(0, 1, (4, 1, 10, 4))
    classes = RNG.integers(0, 80, (4, 1, 10)).astype("f4")
    return scores, boxes, classes, np.tile(np.arange(10), (4, 1, 1))


def test_boxes_whose_order_differs_by_a_hair_are_the_same_boxes() -> None:
    """The box post-process of a detector: by position the two lists have nothing in common."""
    scores, boxes, classes, order = ten_boxes()
    swapped = order.reshape(4, 1, 5, 2)[..., ::-1].reshape(order.shape)
    reference, candidate = (detections(rows, scores, boxes, classes) for rows in (order, swapped))
    figures = compare_outputs(reference, candidate)
    assert figures is not None
    assert (figures.sqnr_db, figures.max_abs_error, figures.same_rows) == (None, 0.0, 1.0)
    by_position = figures_of(reference[:1], candidate[:1])
    assert by_position["sqnr_db"] < 10


def test_a_row_as_good_as_the_last_is_in_a_list_by_chance() -> None:
    scores, boxes, classes, order = ten_boxes()
    other = boxes.copy()
    other[:, :, 8:] = RNG.uniform(0, 1, (4, 1, 2, 4))  # the two last, which have one score
    candidate = detections(order, scores, other, classes)
    figures = compare_outputs(detections(order, scores, boxes, classes), candidate)
    assert figures is not None and (figures.sqnr_db, figures.same_rows) == (None, 1.0)


@pytest.mark.parametrize("what", ["boxes", "classes", "scores"])
def test_detections_that_are_others_are_still_found_out(what: str) -> None:
    scores, boxes, classes, order = ten_boxes()
    changed = {
        "boxes": (scores, RNG.uniform(0, 1, boxes.shape), classes),
        "classes": (scores, boxes, classes + 1),
        "scores": (scores**12, boxes, classes),
    }[what]
    figures = compare_outputs(detections(order, scores, boxes, classes), detections(order, *changed))
    assert figures is not None and is_far(figures)
    if what != "scores":
        assert figures.same_rows is not None and figures.same_rows < 0.5


def test_classes_in_another_order_are_another_answer() -> None:
    """One output of a classifier is no list, and neither are two heads that happen to have one size."""
    falling = np.sort(LOGITS, axis=1)[:, ::-1]
    assert figures_of([output(falling)], [output(LOGITS)])["sqnr_db"] < 3
    heads = [output(LOGITS, "a"), output(NOISY, "b")]
    figures = compare_outputs(heads, [output(LOGITS[:, ::-1], "a"), output(NOISY[:, ::-1], "b")])
    assert figures is not None and figures.same_rows is None and (figures.sqnr_db or 0) < 3


def test_outputs_that_no_longer_depend_on_the_input_have_collapsed() -> None:
    """A regression around 100: its mean, answered always, is 30 dB from it, and worthless."""
    around = 100 + 3 * LOGITS[:, :1]
    mean = np.full_like(around, around.mean())
    figures = compare_outputs([output(around)], [output(mean)])
    assert figures is not None and (figures.sqnr_db or 0) > 25 and figures.collapsed
    certain = np.tile([[1.0, 0.0]], (50, 1)) + 1e-4 * LOGITS[:, :2]  # one class, whatever the sample
    for ref, cand in ((around, around), (certain, np.tile([[1.0, 0.0]], (50, 1))), (around[:2], mean[:2])):
        figures = compare_outputs([output(ref)], [output(cand)])
        assert figures is not None and not figures.collapsed


@pytest.mark.parametrize(
    ("changes", "far"),
    [
        ({}, False),
        ({"sqnr_db": 9.99}, True),
        ({"sqnr_db": None}, False),
        ({"top1_agreement": 0.49}, True),
        ({"top1_agreement": 0.0, "samples": 7}, False),
        ({"same_rows": 0.49}, True),
        ({"same_labels": 0.49}, True),
        ({"same_labels": 0.49, "labels": 7}, False),
        ({"collapsed": True}, True),
    ],
)
def test_how_far_is_far(changes: dict[str, Any], far: bool) -> None:
    figures = {
        "sqnr_db": 18.4,
        "top1_agreement": 0.7,
        "samples": 16,
        "same_rows": None,
        "collapsed": False,
        "labels": 16,
        "same_labels": None,
    }
    assert is_far(Fidelity("float32/cpu@cpu", **{**figures, **changes})) is far


def test_labels_are_the_same_or_not_and_no_quantities() -> None:
    """What ARG_MAX gives: one of sixteen is another class, 3 instead of 900, which is 0 dB as a quantity."""
    classes = RNG.integers(0, 20, (16, 1)).astype("f4")
    other = classes.copy()
    other[0] = 900
    figures = compare_outputs([output(classes)], [output(other)], labels={0})
    assert figures is not None and not is_far(figures)
    assert (figures.sqnr_db, figures.top1_agreement, figures.labels) == (None, 15 / 16, 16)
    assert list(of_variant(figures)) == []
    figures = compare_outputs([output(classes)], [output(classes + 1)], labels={0})
    assert figures is not None and is_far(figures)
    assert "0.0% of 16 labels the same" in describe(figures)
    beside = [output(LOGITS[:16], "logits"), output(classes, "class")]
    figures = compare_outputs(beside, [output(NOISY[:16], "logits"), output(other, "class")], labels={1})
    assert figures is not None and figures.output == "logits"
    assert (figures.sqnr_db or 0) > 8 and (figures.max_abs_error or 9) < 2  # not 897, of the classes
