"""The conclusions of a run in words: the best cell, its gain and cost, and what is undecided."""
# ruff: noqa: RUF002 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.analysis.conclusion import Conclusion, barred_by
from harness.analysis.distance import ENOUGH_SAMPLES
from harness.record import Row, subject
from harness.report import accuracy, figures
from harness.report.cells import delegate_on_device, on_threads
from harness.report.figures import clean
from harness.report.paragraphs import Paragraph

_NAMED = 3  # cells that a line names


def paragraphs(conclusions: Iterable[Conclusion], rows: Sequence[Row]) -> list[Paragraph]:
    """Return one paragraph per conclusion. rows: all cells of the run."""
    return [
        Paragraph(_headline(conclusion, rows), lines=tuple(map(clean, _details(conclusion, rows))))
        for conclusion in conclusions
    ]


def _headline(conclusion: Conclusion, rows: Sequence[Row]) -> str:
    """Return "★ digits: int8 on xnnpack is fastest: 3.42× [3.37–3.47] against float32/cpu@cpu; …"."""
    best = conclusion.cell
    if best is None:
        return f"{clean(conclusion.subject)}: no cell has the star"
    who = f"★ {clean(conclusion.subject)}: {_name(best, rows)}"
    if conclusion.verdict == "baseline":
        return f"{who}, the baseline: nothing is faster"
    if conclusion.verdict == "not-shown" or best.speedup is None:
        return f"{who}, the baseline: nothing is shown to be faster"
    how = "is as fast as any" if conclusion.verdict == "tied" else "is fastest"
    smaller = f", {figures.factor(best.size_ratio)} smaller" if (best.size_ratio or 0) > 1 else ""
    against = clean(best.speedup.baseline)
    return f"{who} {how}: {_speed(best)} against {against}{smaller}; {_price(best)}"


def _details(conclusion: Conclusion, rows: Sequence[Row]) -> list[str]:
    lines = []
    if conclusion.ties:
        ties = [f"{_name(row, rows)} {_speed(row)}, {_price(row)}" for row in conclusion.ties]
        chosen = f" (chosen for its {conclusion.reason})" if conclusion.reason else ""
        lines.append(f"not told apart from it{chosen}: {_listed(ties)}")
    if conclusion.undecided:
        lines.append(_undecided(conclusion, rows))
    if conclusion.barred:
        barred = [
            f"{_name(row, rows)} {_speed(row)}, {_price(row)} ({', '.join(barred_by(row))})"
            for row in conclusion.barred
        ]
        faster = "" if conclusion.cell is None else "faster, but "
        lines.append(f"{faster}without the star: {_listed(barred)}")
    return lines


def _undecided(conclusion: Conclusion, rows: Sequence[Row]) -> str:
    named = _listed([f"{_name(row, rows)} {_speed(row)}" for row in conclusion.undecided])
    if conclusion.budget_s is None:
        return f"undecided: {named}; raise --budget"
    budget = f"{conclusion.budget_s:.3f}".rstrip("0").rstrip(".")
    return f"undecided: {named}; about --budget {budget} would decide, or as much in several runs"


def _name(row: Row, rows: Sequence[Row]) -> str:
    threads = {other.threads for other in rows if subject(other) == subject(row)}
    shown = on_threads(row) if len(threads) > 1 else ""
    return clean(f"{row.variant} on {delegate_on_device(row)}{shown}")


def _speed(row: Row) -> str:
    no_interval = row.speedup is not None and row.speedup.low is None
    return figures.speedup(row.speedup, wide=True) + (" (no interval)" if no_interval else "")


def _price(row: Row) -> str:
    """Return the accuracy with its change; without one, the fidelity, or "outputs not compared".

    "SQNR 39.6 dB, top-1 same in 75.0% (on 4 samples only)"
    """
    fidelity = row.fidelity
    if row.accuracy is not None:
        noise = "" if fidelity is None or fidelity.sqnr_db is None else f", SQNR {figures.sqnr(fidelity)} dB"
        return accuracy.price(row.accuracy) + noise
    if fidelity is None:
        return "outputs not compared"
    same, shown = fidelity.top1_agreement, figures.sqnr(fidelity)
    parts = ["outputs the same" if shown == "exact" else f"SQNR {shown}"]
    if fidelity.sqnr_db is not None:
        parts[0] += " dB"
    if same is not None:
        parts.append(f"top-1 same in {figures.share(same)}")
    if shown == figures.NONE and same is not None:
        del parts[0]
    return ", ".join(parts) + _few(fidelity.samples)


def _few(samples: int | None) -> str:
    """Return a remark if outputs were compared on few samples. samples: None if an older run lacks it."""
    if samples is None or samples >= ENOUGH_SAMPLES:
        return ""
    return f" (on {figures.plural(samples, 'sample')} only)"


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return "; ".join(texts[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
