"""Describe what a run's outputs were compared with, and on which samples."""

from __future__ import annotations

from collections.abc import Iterable

from harness.record import Document, FidelitySamples, Row
from harness.report.figures import clean, plural

_WORDS = {  # how the samples were chosen -> in words
    "dataset": "{count} of {source}",
    "held-back": "{count} held back from calibration",
    "calibration": "the {count} that it was calibrated on, too few to hold some back",
    "random": "{count} of random data",
    "built-in": "{count} of the built-in test data",
}


def compared_with(document: Document) -> str:
    """Return "float32/cpu@cpu, on 16 samples held back from calibration"; empty if nothing was compared."""
    references = _references(document.cells)
    return references and f"{references}{_samples(document)}"


def _references(rows: Iterable[Row]) -> str:
    """Return the names of the references. Variants that are compared with themselves on cpu are joined."""
    users: dict[str, set[str]] = {}
    for row in rows:
        if row.fidelity is not None:
            users.setdefault(clean(row.fidelity.reference), set()).add(clean(row.variant))
    own = {name for name, variants in users.items() if variants == {name.split("/")[0]}}
    if len(users) > 1 and own:
        return ", ".join([*sorted(set(users) - own), "the same variant on cpu"])
    return ", ".join(sorted(users))


def _samples(document: Document) -> str:
    """Return the samples in words, for each model if they differ."""
    texts = {
        model.name: _in_words(model.fidelity_samples, _count(document.cells, model.name))
        for model in document.models
        if model.fidelity_samples is not None
    }
    if len(set(texts.values())) > 1:
        return clean("; on " + ", ".join(f"{text} ({name})" for name, text in texts.items()))
    return clean(f", on {next(iter(texts.values()))}") if texts else ""


def _in_words(samples: FidelitySamples, count: str) -> str:
    words = _WORDS[samples.how].format(
        count=count or plural(samples.samples, "sample"), source=samples.source
    )
    if not samples.calibrated_on:
        return words
    # Every variant looks good on the data it was calibrated on.
    part = "all" if samples.calibrated_on == samples.samples else "some"
    return f"{words}, {part} of which were calibrated on, too"


def _count(rows: Iterable[Row], model: str) -> str:
    """Return how many samples the model's outputs were compared on; empty if that was not stored."""
    fidelities = [row.fidelity for row in rows if row.model == model and row.fidelity is not None]
    counts = sorted({fidelity.samples for fidelity in fidelities if fidelity.samples is not None})
    between = f"{counts[0]} to " if len(counts) > 1 else ""
    return between + plural(counts[-1], "sample") if counts else ""
