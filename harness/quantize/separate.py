"""Tell the models of one folder apart by their inputs and outputs."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness import cache
from harness.record import FailedVariant
from harness.record.interface import Interface, interface

if TYPE_CHECKING:
    from harness.quantize.variants import MadeVariant, VariantSet


def named_apart(variants: Sequence[MadeVariant], folder: str) -> list[MadeVariant]:
    """Return the variants of a folder, each with the name of its model.

    If all have the same inputs and outputs, they are the model `folder`. Otherwise each group is a model with
    the common beginning of its file names ("ad01" of ad01_fp32 and ad01_int8), or the name of its first file.
    """
    groups: dict[Interface, list[str]] = {}
    for made in variants:
        groups.setdefault(interface(made.variant), []).append(made.variant.name)
    if len(groups) < 2:
        return [_of_model(made, folder) for made in variants]
    common = {key: _common(names) for key, names in groups.items()}
    taken = Counter([*common.values(), *(made.variant.name for made in variants)])
    models = {
        key: common[key] if common[key] and taken[common[key]] == 1 + (common[key] in names) else names[0]
        for key, names in groups.items()
    }
    return [_of_model(made, models[interface(made.variant)]) for made in variants]


def _of_model(made: MadeVariant, model: str) -> MadeVariant:
    return dataclasses.replace(made, variant=replace(made.variant, model=model))


def _common(names: Sequence[str]) -> str:
    """Return the words that all names begin with: "net" of net_v1 and net_v2."""
    columns = zip(*(re.split(r"[-_. ]", name) for name in names), strict=False)
    words = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    return names[0][: len("_".join(words))]


def digest_of(variants: Sequence[MadeVariant], failed: Sequence[FailedVariant]) -> str:
    """Return the SHA-256 of a folder's files: of their names and contents."""
    found: dict[str, str | None] = {failure.name: None for failure in failed}
    return cache.key(**found | {(made.given or made.path).name: made.variant.sha256 for made in variants})


def separate(made: VariantSet) -> list[VariantSet]:
    """Split a set into one per model; each has the hash of its own files."""
    names = [one.variant.model for one in made.variants] + [failure.model for failure in made.failed]
    names += [made.model.name for _ in made.missing]
    models = list(dict.fromkeys(names))
    if models == [made.model.name]:
        return [made]
    return [_of(made, model) for model in models]


def _of(made: VariantSet, model: str) -> VariantSet:
    variants = tuple(one for one in made.variants if one.variant.model == model)
    failed = tuple(failure for failure in made.failed if failure.model == model)
    names = [one.variant.name for one in variants]
    return dataclasses.replace(
        made,
        model=replace(made.model, name=model, sha256=digest_of(variants, failed)),
        variants=variants,
        failed=failed,
        inputs={name: made.inputs[name] for name in names if name in made.inputs},
    )
