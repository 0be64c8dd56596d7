"""Names of cells in the sentences of the compatibility report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.compat import CellName, CompatCell, Judged
from harness.record import subject
from harness.report.figures import short, some

Pair = tuple[str, str]  # subject, variant
ALL = "all variants"
EVERY_MODEL = "every model"
_NAMED = 12  # names in a list


def listed(names: Sequence[str], word: str) -> str:
    """Return "a, b and c", or with another word for "and". Of a long list the first names are given."""
    if len(names) > _NAMED:
        return some(names, _NAMED)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""


@dataclass(frozen=True)
class Group:
    """Variants of the same models, as texts; `models` is empty if all that have them are meant."""

    variants: tuple[str, ...]
    models: str
    pairs: tuple[Pair, ...]


def by_models(pairs: Iterable[Pair], every: Collection[Pair]) -> list[Group]:
    """Group variants by the models that are meant.

    every: all models and variants of the same delegate. If all of them are meant, there is one group, "all
    variants". Beside other groups, one with all models that have its variants says "every model".
    """
    chosen = tuple(dict.fromkeys(pairs))
    if len(every) > 1 and len(chosen) == len(set(every)):
        return [Group((ALL,), "", chosen)]
    having, meant = _models(every), _models(chosen)
    groups: dict[tuple[str, ...], list[str]] = {}
    for variant, models in meant.items():
        whole = len(models) == len(having[variant])
        groups.setdefault(() if whole else tuple(models), []).append(variant)
    return [
        Group(
            tuple(map(short, variants)),
            some([*map(short, models)], _NAMED) or (EVERY_MODEL if len(groups) > 1 else ""),
            tuple(pair for pair in chosen if pair[1] in variants),
        )
        for models, variants in groups.items()
    ]


def named(pairs: Iterable[Pair], every: Collection[Pair]) -> str:
    """Name variants in one text: "int8 and uint8 (digits), float32 (every model)"."""
    return ", ".join(
        listed(group.variants, "and") + (f" ({group.models})" if group.models else "")
        for group in by_models(pairs, every)
    )


def pair(of: CompatCell | CellName | Judged) -> Pair:
    """Return the subject and variant of a cell."""
    return str(subject(of)), of.variant


def places(cells: Iterable[CompatCell]) -> dict[Pair, set[tuple[str | None, str | None]]]:
    """Return the runtimes of every device and delegate."""
    found: dict[Pair, set[tuple[str | None, str | None]]] = {}
    for cell in cells:
        found.setdefault((cell.device, cell.delegate), set()).add((cell.runtime, cell.runtime_version))
    return found


def place(of: CompatCell | CellName, every: dict[Pair, set[tuple[str | None, str | None]]]) -> str:
    """Return where a cell runs: "xnnpack", "edgetpu@coral", "cpu@board with tflite-runtime 2.14.0".

    The runtime is named only if the device has several. every: the result of `places`.
    """
    name = short(of.delegate if of.delegate == of.device else f"{of.delegate}@{of.device}")
    several = len(every[of.device, of.delegate]) > 1
    return f"{name} with {short(of.runtime)} {short(of.runtime_version)}" if several else name


def _models(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """Return the models by variant."""
    found: dict[str, list[str]] = {}
    for model, variant in dict.fromkeys(pairs):
        found.setdefault(variant, []).append(model)
    return found
