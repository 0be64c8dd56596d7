"""Fidelity against numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from delegates.wire import Output
from harness.fidelity import compare_outputs, count_nonfinite
from tests.unit.run_builder import output

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(50, 10)).astype("f4")
NOISY = (LOGITS + RNG.normal(scale=0.3, size=LOGITS.shape)).astype("f4")


def test_figures_are_numpys() -> None:
    ref, cand = LOGITS.astype("f8"), NOISY.astype("f8")
    agreement = np.mean(ref.argmax(1) == cand.argmax(1))
    assert 0.5 < agreement < 1
    assert compare_outputs([output(LOGITS)], [output(NOISY)]) == pytest.approx(
        {
            "cosine": (ref * cand).sum() / np.linalg.norm(ref) / np.linalg.norm(cand),
            "max_abs_error": np.abs(ref - cand).max(),
            "sqnr_db": 10 * np.log10((ref**2).sum() / ((ref - cand) ** 2).sum()),
            "top1_agreement": agreement,
        }
    )


def test_identical_outputs_have_no_noise() -> None:
    figures = {"cosine": 1.0, "max_abs_error": 0.0, "sqnr_db": None, "top1_agreement": 1.0}
    assert compare_outputs([output(LOGITS)], [output(LOGITS)]) == figures
    zeros = output(np.zeros((2, 3)))
    assert compare_outputs([zeros], [zeros]) == figures


def test_a_silent_reference_has_no_ratio() -> None:
    figures = compare_outputs([output(np.zeros((2, 3)))], [output(np.ones((2, 3)))])
    assert figures == {"cosine": None, "max_abs_error": 1.0, "sqnr_db": None, "top1_agreement": 1.0}


def test_several_outputs_show_the_worst_and_go_by_name() -> None:
    a, b = output(LOGITS, "a"), output(NOISY, "b")
    worse = output(-NOISY, "b")
    figures = compare_outputs([a, b], [worse, a])
    assert figures == {
        "cosine": pytest.approx(-1),
        "max_abs_error": pytest.approx(2 * np.abs(NOISY).max()),
        "sqnr_db": pytest.approx(10 * np.log10(1 / 4)),
        "top1_agreement": None,
    }


def test_other_names_go_by_position() -> None:
    figures = compare_outputs(
        [output(LOGITS, "a"), output(NOISY, "b")], [output(LOGITS, "x"), output(NOISY, "y")]
    )
    assert figures is not None and figures["max_abs_error"] == 0


@pytest.mark.parametrize(
    "candidate",
    [
        [],
        [output(LOGITS), output(LOGITS)],
        [output(LOGITS.T)],
        [output(LOGITS, thinned=True)],
        [replace(output(LOGITS), shape=[50, 11])],
        [replace(output(LOGITS), data="not base64!")],
    ],
    ids=["none", "too many", "other shape", "thinned", "too little data", "no base64"],
)
def test_what_does_not_fit_is_not_compared(candidate: list[Output]) -> None:
    assert compare_outputs([output(LOGITS)], candidate) is None


def test_nan_is_counted_and_leaves_no_figure() -> None:
    broken = NOISY.copy()
    broken[:10, 0] = np.nan
    broken[10, 1] = np.inf
    agreement = np.mean((LOGITS.argmax(1) == NOISY.argmax(1))[11:]) * 39 / 50
    figures = compare_outputs([output(LOGITS)], [output(broken)])
    assert figures is not None
    assert figures.pop("top1_agreement") == pytest.approx(agreement)
    assert set(figures.values()) == {None}
    assert count_nonfinite([output(broken), output(LOGITS)]) == 11


@pytest.mark.parametrize(
    ("ref", "classifier"),
    [
        (output(LOGITS[:, :1]), True),
        (output(LOGITS.reshape(50, 1, 5, 2)), True),
        (output(LOGITS, thinned=True), True),
        (output(LOGITS), False),
    ],
    ids=["one class", "rank 4", "thinned", "told so"],
)
def test_no_top1_where_there_is_no_classifier(ref: Output, classifier: bool) -> None:
    figures = compare_outputs([ref], [ref], classifier=classifier)
    assert figures is not None and figures["top1_agreement"] is None


def test_top1_of_outputs_as_they_cross_the_wire() -> None:
    """Shape (samples, batch, classes): the tensor's own batch dimension comes with it."""
    expected = np.mean(LOGITS.argmax(1) == NOISY.argmax(1))
    one, ten = LOGITS.reshape(50, 1, 10), LOGITS.reshape(5, 10, 10)
    for reference, candidate in ((one, NOISY.reshape(one.shape)), (ten, NOISY.reshape(ten.shape))):
        figures = compare_outputs([output(reference)], [output(candidate)])
        assert figures is not None and figures["top1_agreement"] == pytest.approx(expected)


def test_a_slow_cell_with_fewer_samples_is_compared_on_those() -> None:
    few = compare_outputs([output(LOGITS)], [output(NOISY[:3])])
    assert few == compare_outputs([output(LOGITS[:3])], [output(NOISY[:3])])
    assert few == compare_outputs([output(LOGITS[:3])], [output(NOISY)])
    assert few is not None
