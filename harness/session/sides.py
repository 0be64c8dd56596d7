"""Make the variants of both sides of a run, and give those that are compared the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from harness.config import Config
from harness.errors import ModelError
from harness.models import ModelSource
from harness.quantize import VariantSet
from harness.record import Side
from harness.session import selection, variants
from harness.session.against import Base
from harness.session.options import Options
from harness.session.variants import Oldest
from harness.session.watcher import Watcher

Sets = Sequence[VariantSet]


def make_both(
    options: Options,
    config: Config,
    base: Base,
    oldest_runtime: Oldest,
    watcher: Watcher,
    *,
    convert: bool = True,
) -> list[VariantSet]:
    """Make the variants of every selected model; if BASE has other models, those of both sides.

    convert: False leaves out those that are not in the cache, and the samples that are evaluated.
    Raises QbenchError; ModelError if BASE has nothing to compare a model with.
    """
    if base.sources is None:
        return variants.make_all(options, config, oldest_runtime, watcher, convert=convert, evaluated=convert)
    of_base = base.sources

    def made(source: ModelSource, point: Options, asked: Sequence[str]) -> list[VariantSet]:
        wanted = replace(point, variants=asked)
        return variants.make(source, wanted, config, oldest_runtime, watcher, convert, convert)

    def both(point: Options) -> list[VariantSet]:
        asked = variants.asked(point)
        heads = [made(source, point, names) for source, names in asked]
        try:
            bases = [
                made(one, point, () if one.is_ready else names)
                for one, (_, names) in zip(of_base, asked, strict=True)
            ]
            sets = paired(heads, bases, options.variants)
        except ModelError as error:
            raise ModelError(f"--against {base.given}: {error}") from None
        _note_equal(sets, watcher)
        return sets

    return variants.swept(variants.with_sources(options), both)


def paired(heads: Sequence[Sets], bases: Sequence[Sets], asked: Sequence[str] = ()) -> list[VariantSet]:
    """Return the sets of both sides, those of BASE with the names of HEAD's that they are compared with.

    heads, bases: the models that each --model turned out to be. Single ones are compared whatever they are
    called, and so are ready files of which each is the only one; others by their names. asked: names of
    variants to keep; none means all. Raises ModelError if BASE has nothing to compare a model with.
    """
    matches = [_matched(own, others) for own, others in zip(heads, bases, strict=True)]
    alone = [other for _, only_base in matches for other in only_base]
    unique = selection.unique_sets([*(one for own in heads for one in own), *alone])
    found: list[VariantSet] = []
    for pairs, _ in matches:
        both = [(unique.pop(0), other) for _, other in pairs]
        like = [_like(head, other, asked) for head, other in both if other is not None]
        here, there = _listed([head for head, _ in both]), _listed(like)
        if set(here).isdisjoint(there):
            theirs = _listed([one for _, one in pairs if one])
            raise ModelError(f"nothing to compare: {', '.join(here)} here, {', '.join(theirs)} there")
        found += [*(_of(head, "head") for head, _ in both), *(_of(other, "base") for other in like)]
    return [*found, *(_of(other, "base") for other in unique)]


def _matched(own: Sets, others: Sets) -> tuple[list[tuple[VariantSet, VariantSet | None]], Sets]:
    """Return HEAD's models of one --model, each with BASE's, and those that only BASE has."""
    if len(own) == len(others) == 1:
        return [(own[0], others[0])], ()
    by_name = {one.model.name: one for one in others}
    pairs = [(one, by_name.pop(one.model.name, None)) for one in own]
    return pairs, tuple(by_name.values())


def _like(head: VariantSet, other: VariantSet, asked: Sequence[str]) -> VariantSet:
    """Return BASE's set with the names of HEAD's, those of inputs in its shape, too."""
    other = _with_shape(selection.renamed(other, head.model.name), head)
    if _is_one_file(head) and _is_one_file(other):
        (one,), (name,) = other.variants, _names(head)
        variant = structs.replace(one.variant, name=name)
        return replace(
            other,
            variants=(replace(one, variant=variant),),
            inputs=_under(name, other.inputs),
            evaluation=other.evaluation
            and replace(other.evaluation, inputs=_under(name, other.evaluation.inputs)),
        )
    return replace(
        other,
        variants=tuple(one for one in other.variants if not asked or one.variant.name in asked),
        failed=tuple(one for one in other.failed if not asked or one.name in asked),
        missing={name: at for name, at in other.missing.items() if not asked or name in asked},
    )


def _under(name: str, inputs: Mapping[str, Path]) -> dict[str, Path]:
    """Return the file of the only variant under another name."""
    return {name: path for path in inputs.values()}  # noqa: B035 - at most one


def _with_shape(made: VariantSet, like: VariantSet) -> VariantSet:
    known = [*(one.variant.shape for one in like.variants), *(one.shape for one in like.failed), like.shape]
    shape = known[0]
    return replace(
        made,
        variants=tuple(
            replace(one, variant=structs.replace(one.variant, shape=shape)) for one in made.variants
        ),
        failed=tuple(structs.replace(one, shape=shape) for one in made.failed),
        shape=shape,
    )


def _is_one_file(made: VariantSet) -> bool:
    return len(_names(made)) == len(made.variants) == 1 and made.variants[0].variant.converter is None


def _names(made: VariantSet) -> list[str]:
    return [*(one.variant.name for one in made.variants), *(one.name for one in made.failed), *made.missing]


def _listed(sets: Sets) -> list[str]:
    return [f"{one.model.name} {name}" for one in sets for name in _names(one)]


def _of(made: VariantSet, side: Side) -> VariantSet:
    return replace(
        made,
        model=structs.replace(made.model, side=side),
        variants=tuple(
            replace(one, variant=structs.replace(one.variant, side=side)) for one in made.variants
        ),
        failed=tuple(structs.replace(failure, side=side) for failure in made.failed),
    )


def _note_equal(made: Sets, watcher: Watcher) -> None:
    """Tell the user of models whose files are the same on both sides."""
    files = {
        (one.model.name, one.model.side): {two.variant.name: two.variant.sha256 for two in one.variants}
        for one in made
    }
    for (model, side), theirs in files.items():
        if side == "base" and theirs and files.get((model, "head")) == theirs:
            watcher.note(f"{model}: the files of both sides are the same")
