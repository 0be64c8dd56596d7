"""The oldest runtime that loads each variant, as a table of the compatibility report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.compat import CompatReport, CompatVariant, NeedingOp
from harness.record import subject
from harness.report.figures import NONE, clean, short, short_subject, some
from harness.report.inspection import op_and_version
from harness.versions import release

_OPS = 2  # ops that a line names
_LAST_TFLITE = (2, 14)  # the last release of tflite-runtime


@dataclass(frozen=True)
class Releases:
    """The table of the oldest runtime of each variant. The last column names the ops that decide."""

    headers: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str


def releases(report: CompatReport) -> Releases:
    """Return the oldest release of TensorFlow Lite that loads each variant."""
    subjects = list(dict.fromkeys(map(subject, report.variants)))
    found = {(subject(variant), variant.name): variant for variant in report.variants}
    names = dict.fromkeys(variant.name for variant in report.variants)
    lines = []
    for name in names:
        mine = [found.get((about, name)) for about in subjects]
        ops = dict.fromkeys(op for variant in mine if variant and variant.needs for op in variant.needs.ops)
        lines.append((short(name), *map(_release, mine), some([*map(_op, ops)], _OPS)))
    return Releases(
        ("variant", *map(short_subject, subjects), "because of"), tuple(lines), _note(report.variants)
    )


def _release(variant: CompatVariant | None) -> str:
    if variant is None or variant.needs is None:
        return NONE
    return clean(variant.needs.release or "newer than all known")


def _op(op: NeedingOp) -> str:
    return clean(op_and_version(op))


def _note(variants: Iterable[CompatVariant]) -> str:
    newer = any(v.needs is not None and release(v.needs.release or "")[:2] > _LAST_TFLITE for v in variants)
    text = "Releases of TensorFlow Lite, by the versions of the ops in the file."
    return text + (
        " tflite-runtime ends with 2.14: what needs a newer release needs ai-edge-litert." if newer else ""
    )
