"""The compatibility report as headings, tables and remarks: what all its forms have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness import versions
from harness.report.figures import clean
from harness.report.inspection import asking

PREDICTED, SEEN, DIFFERS = "○", "●", "≠"
LEGEND = (
    f"{PREDICTED} predicted, not measured · {SEEN} observed in a stored run, not against the prediction"
    f" · {DIFFERS} observed, not as predicted · likely: inferred from compiled models, not documented"
)
_KNOWN_FROM = {
    "installed": "installed here",
    "profile": "named in the profile; the version is an assumption",
    "assumed": "nothing says which runtime it has: both are shown",
}
_NAMED = 5  # variants and ops named one by one

Cell = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One cell of the matrix: `mark` is one of the signs above, `kind` an outcome for its colour."""

    mark: str
    text: str
    kind: str


@dataclass(frozen=True)
class Matrix:
    """A device: one row per variant, one column per delegate and runtime."""

    device: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Entry, ...]], ...]  # model, variant, entries


@dataclass(frozen=True)
class Remark:
    """What stands in the way, or what is to be known: said once for all it is true of."""

    where: str  # delegate and runtime, or a model
    what: str  # ops, or variants
    reason: str
    remedy: str | None
    source: str | None


@dataclass(frozen=True)
class View:
    matrices: tuple[Matrix, ...]
    in_the_way: tuple[Remark, ...]
    limits: tuple[Remark, ...]
    differences: tuple[Remark, ...]
    failed: tuple[Remark, ...]


def view(document: Mapping[str, Any]) -> View:
    """The document of `harness.compat.report` in words. All texts are single printable lines."""
    cells = document["cells"]
    return View(
        matrices=tuple(_matrix(device, cells) for device in document["devices"]),
        in_the_way=tuple(sorted(_in_the_way(cells), key=lambda remark: remark.where)),
        limits=(*_refusals(cells), *_needs(document["variants"])),
        differences=tuple(_differences(cells)),
        failed=tuple(
            Remark(clean(f["model"]), clean(f["variant"]), clean(f["reason"]), None, None)
            for f in document["failed"]
        ),
    )


def column(cell: Mapping[str, Any]) -> str:
    """xnnpack, ai-edge-litert 2.3.0."""
    runtime = f", {cell['runtime']} {cell['runtime_version']}" if cell["runtime"] else ""
    return clean(f"{cell['delegate']}{runtime}")


def entry(cell: Mapping[str, Any]) -> Entry:
    """all 31, likely 98 of 157, none, refused, 12 to 13 of 13; with the sign that says how it is known."""
    predicted, seen = cell["predicted"], cell["observed"]
    if seen is None:
        return Entry(PREDICTED, _words(predicted), predicted["outcome"])
    mark = DIFFERS if seen["matches"] is False else SEEN
    text = _words({**seen, "likely": 0, "uncertain": 0, "refusal": None})
    if seen["software"]:
        text += " (software)"
    if mark == DIFFERS:
        text += f" (predicted {_words(predicted)})"
    return Entry(mark, text, seen["outcome"])


def _words(found: Mapping[str, Any]) -> str:
    outcome, total, taken = found["outcome"], found["total"], found["taken"]
    if outcome == "refused":
        return "refused"
    likely = "likely " if found["likely"] else ""
    if outcome == "uncertain":
        most = taken + found["uncertain"]
        counts = f"{taken} to {most} of {total}" if found["uncertain"] else f"{taken} of {total}"
        return likely + (f"{counts}, perhaps refused" if found["refusal"] else counts)
    return likely + {"all": f"all {total}", "none": f"none of {total}"}.get(outcome, f"{taken} of {total}")


def _matrix(device: Mapping[str, Any], cells: Iterable[Cell]) -> Matrix:
    mine = [cell for cell in cells if cell["device"] == device["name"]]
    columns = list(dict.fromkeys(column(cell) for cell in mine))
    rows: dict[tuple[str, str], dict[str, Entry]] = {}
    for cell in mine:
        rows.setdefault((cell["model"], cell["variant"]), {})[column(cell)] = entry(cell)
    runtimes = " and ".join(f"{r['name']} {r['version']}" for r in device["runtimes"])
    return Matrix(
        device=clean(device["name"]),
        about=clean(f"{device['place']}, {runtimes} ({_KNOWN_FROM[device['runtimes_known_from']]})"),
        columns=tuple(columns),
        rows=tuple(
            (clean(model), clean(variant), tuple(row[name] for name in columns))
            for (model, variant), row in rows.items()
        ),
    )


def _in_the_way(cells: Iterable[Cell]) -> list[Remark]:
    """Ops not taken, those of one reason together, for each delegate and runtime.

    Without those of a cell that a run saw otherwise, or saw taken as a whole.
    """
    groups: dict[tuple[str, str, str, str | None, str | None], list[tuple[str, str]]] = {}
    for cell in cells:
        if _differs(cell) or _seen(cell) == "all":
            continue
        for found in cell["in_the_way"]:
            reason = found["reason"] or "no reason is known"
            verdict = f"likely {found['verdict']}" if found["likely"] else found["verdict"]
            key = (column(cell), verdict, reason, found["remedy"], found["source"])
            groups.setdefault(key, []).append((found["op"], cell["variant"]))
    return [
        Remark(
            where=where,
            what=f"{_some(op for op, _ in users)} {verdict} ({_some(variant for _, variant in users)})",
            reason=clean(reason),
            remedy=clean(remedy) if remedy else None,
            source=clean(source) if source else None,
        )
        for (where, verdict, reason, remedy, source), users in groups.items()
    ]


def _refusals(cells: Iterable[Cell]) -> list[Remark]:
    """Files that are refused, and those that may be, unless a run saw them load."""
    groups: dict[tuple[str, str, str | None, str], list[str]] = {}
    for cell in cells:
        refusal, seen = cell["predicted"]["refusal"], _seen(cell)
        key: tuple[str, str, str | None, str] | None = None
        if seen == "refused" and cell["observed"]["matches"] is None:
            run = f"run {cell['observed']['run_id']}"
            key = (f"{column(cell)}: refused", f"{run} saw: {cell['observed']['reason']}", None, run)
        elif refusal is not None and seen in (None, "refused"):
            word = "refused" if refusal["certain"] else "perhaps refused"
            key = (f"{column(cell)}: {word}", refusal["reason"], refusal["remedy"], refusal["source"])
        if key is not None:
            groups.setdefault(key, []).append(f"{cell['model']} {cell['variant']}")
    return [
        Remark(where, _some(names), clean(reason), clean(remedy) if remedy else None, clean(source))
        for (where, reason, remedy, source), names in groups.items()
    ]


def _needs(variants: Iterable[Mapping[str, Any]]) -> list[Remark]:
    """The oldest release that loads each variant, those with the same one together, the oldest first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for variant in variants:
        if variant["needs"] is not None:
            ops = [asking(op) for op in variant["needs"]["ops"]]
            release = variant["needs"]["release"] or ""
            groups.setdefault((release, _some(ops)), []).append(f"{variant['model']} {variant['variant']}")
    ranked = sorted(groups.items(), key=lambda item: versions.release(item[0][0]) or (math.inf,))
    return [
        Remark(_release(release), _some(names), f"because of {ops}", None, None)
        for (release, ops), names in ranked
    ]


def _release(text: str) -> str:
    return f"TensorFlow Lite {text} or newer" if text else "a TensorFlow Lite newer than all known here"


def _differences(cells: Iterable[Cell]) -> list[Remark]:
    return [
        Remark(
            where=clean(f"{column(cell)} on {cell['device']}"),
            what=clean(f"{cell['model']} {cell['variant']}"),
            reason=clean(
                f"run {cell['observed']['run_id']} saw {entry(cell).text}"
                + (f": {cell['observed']['reason']}" if cell["observed"]["reason"] else "")
            ),
            remedy=None,
            source=None,
        )
        for cell in cells
        if _differs(cell)
    ]


def _differs(cell: Cell) -> bool:
    """True where a run saw another outcome than was predicted."""
    return cell["observed"] is not None and cell["observed"]["matches"] is False


def _seen(cell: Cell) -> str | None:
    """The outcome that a run saw; None where none did."""
    return None if cell["observed"] is None else str(cell["observed"]["outcome"])


def _some(names: Iterable[str]) -> str:
    found: Sequence[str] = [clean(name) for name in dict.fromkeys(names)]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more
