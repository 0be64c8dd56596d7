"""The device profiles, variants and models that were asked for, out of those there are."""

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
    """Return the profiles asked for (by default all local ones), with the delegates and threads asked for."""
    here = [name for name, profile in config.devices.items() if profile.place == "local"]
    names = list(dict.fromkeys(options.devices)) or here
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
    """Return the profile with only the delegates and threads asked for."""
    wanted = options.delegates
    return replace(
        profile,
        threads=tuple(dict.fromkeys(options.threads)) or profile.threads,
        delegates=tuple(d for d in profile.delegates if not wanted or d.name in wanted),
    )


def variants(config: Config, names: Sequence[str]) -> list[VariantSpec]:
    """Return the variants to make: the standard ones and the user's own, or those of them that are named.

    A name that is neither may be a ready .tflite's: `filter_variants` complains if it is not.
    """
    known = {**{spec.name: spec for spec in STANDARD}, **config.variants}
    return [spec for name, spec in known.items() if not names or name in names]


def filter_variants(made: VariantSet, names: Sequence[str]) -> VariantSet:
    """Return the set with only the variants named. Raises ModelError for a name the model does not have."""
    if not names:
        return made
    have = [one.variant.name for one in made.variants] + [f.name for f in made.failed]
    ready = any(one.variant.converter is None for one in made.variants)
    known = have if ready else list(dict.fromkeys([*(spec.name for spec in STANDARD), *have]))
    for name in names:
        if name not in have:
            raise ModelError(f'model {made.model.name}: no variant "{name}"{suggest(name, known)}')
    return replace(
        made,
        variants=tuple(one for one in made.variants if one.variant.name in names),
        failed=tuple(f for f in made.failed if f.name in names),
    )


def unique_names(sources: Sequence[ModelSource]) -> list[ModelSource]:
    """Return the sources with models that share a name numbered from the second on."""
    names = _unique([source.name for source in sources])
    return [replace(source, name=name) for source, name in zip(sources, names, strict=True)]


def unique_sets(sets: Sequence[VariantSet]) -> list[VariantSet]:
    """Return the sets with models that share a name numbered from the second on."""
    names = _unique([made.model.name for made in sets])
    return [_renamed(made, name) for made, name in zip(sets, names, strict=True)]


def _renamed(made: VariantSet, name: str) -> VariantSet:
    return replace(
        made,
        model=structs.replace(made.model, name=name),
        variants=tuple(
            replace(one, variant=structs.replace(one.variant, model=name)) for one in made.variants
        ),
        failed=tuple(structs.replace(failure, model=name) for failure in made.failed),
    )


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names in order; repeated ones get the first number that makes them unique."""
    given: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = (other for other in numbered if other not in names and other not in given)
        given.append(name if name not in given else next(free))
    return given
