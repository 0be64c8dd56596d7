"""Select the device profiles, variants and models that the user asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from harness.config import Config, DeviceProfile, VariantSpec
from harness.config.checks import suggest
from harness.config.standard import STANDARD
from harness.errors import ConfigError, ModelError
from harness.models import ModelSource
from harness.quantize import VariantSet
from harness.session.options import Options


def devices(config: Config, options: Options) -> list[DeviceProfile]:
    """Return the selected profiles (by default all local ones), with only the selected delegates and threads.

    Raises ConfigError if a profile or delegate does not exist.
    """
    local = [name for name, profile in config.devices.items() if profile.place == "local"]
    names = list(dict.fromkeys(options.devices)) or local
    if not names:
        raise ConfigError(
            f"{config.path}: no local device; name one with --device: {', '.join(config.devices)}"
        )
    profiles = config.named(names)
    _check_delegates(profiles, options.delegates)
    filtered = [_filter_profile(profile, options) for profile in profiles]
    return [profile for profile in filtered if profile.delegates]


def _check_delegates(profiles: Sequence[DeviceProfile], delegates: Sequence[str]) -> None:
    offered = {d.name for profile in profiles for d in profile.delegates}
    for name in delegates:
        if name not in offered:
            names = ", ".join(profile.name for profile in profiles)
            raise ConfigError(
                f"--delegate {name}: none of the devices {names} offers it"
                f" (they offer: {', '.join(sorted(offered))})"
            )


def _filter_profile(profile: DeviceProfile, options: Options) -> DeviceProfile:
    """Return the profile with only the selected delegates and threads."""
    names = options.delegates
    return replace(
        profile,
        threads=tuple(dict.fromkeys(options.threads)) or profile.threads,
        delegates=tuple(d for d in profile.delegates if not names or d.name in names),
    )


def variants(config: Config, names: Sequence[str]) -> list[VariantSpec]:
    """Return the variants to make: of the standard ones and the user's own all, or those in `names`.

    Unknown names are ignored: they may belong to ready .tflite files, which `filter_variants` checks.
    """
    specs = {**{spec.name: spec for spec in STANDARD}, **config.variants}
    return [spec for name, spec in specs.items() if not names or name in names]


def filter_variants(made: VariantSet, names: Sequence[str]) -> VariantSet:
    """Return the set with only the named variants. Raises ModelError if the model has no such variant."""
    if not names:
        return made
    existing = [one.variant.name for one in made.variants] + [f.name for f in made.failed]
    ready = any(one.variant.converter is None for one in made.variants)
    similar = existing if ready else list(dict.fromkeys([*(spec.name for spec in STANDARD), *existing]))
    for name in names:
        if name not in existing:
            raise ModelError(f'model {made.model.name}: no variant "{name}"{suggest(name, similar)}')
    return replace(
        made,
        variants=tuple(one for one in made.variants if one.variant.name in names),
        failed=tuple(f for f in made.failed if f.name in names),
    )


def unique_names(sources: Sequence[ModelSource]) -> list[ModelSource]:
    """Return the sources with unique names: of models that share one, the second becomes "NAME-2"."""
    names = _unique([source.name for source in sources])
    return [replace(source, name=name) for source, name in zip(sources, names, strict=True)]


def unique_sets(sets: Sequence[VariantSet]) -> list[VariantSet]:
    """Return the sets with unique model names: of models that share one, the second becomes "NAME-2"."""
    names = _unique([made.model.name for made in sets])
    return [renamed(made, name) for made, name in zip(sets, names, strict=True)]


def renamed(made: VariantSet, name: str) -> VariantSet:
    """Return the set as the variants of a model of this name."""
    return replace(
        made,
        model=structs.replace(made.model, name=name),
        variants=tuple(
            replace(one, variant=structs.replace(one.variant, model=name)) for one in made.variants
        ),
        failed=tuple(structs.replace(failure, model=name) for failure in made.failed),
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names in order; each repeated one gets the first number that makes it unique."""
    given: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = (other for other in numbered if other not in names and other not in given)
        given.append(name if name not in given else next(free))
    return given
