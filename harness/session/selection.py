"""What was asked for, out of what there is: models, device profiles and variants."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from harness.config import Config, DeviceProfile, VariantSpec
from harness.config.checks import suggest
from harness.config.standard import STANDARD
from harness.devices.timeouts import Timeouts
from harness.errors import ConfigError, ModelError
from harness.models import ModelSource
from harness.quantize import VariantSet


@dataclass(frozen=True)
class Options:
    """What `qbench run` was asked for. Empty means: all there are."""

    models: Sequence[str] = ("digits",)
    devices: Sequence[str] = ()
    variants: Sequence[str] = ()
    delegates: Sequence[str] = ()
    threads: Sequence[int] = ()
    calibration: str | None = None
    dataset: str | None = None
    trust_model: bool = False
    baseline: str | None = None
    batch: int = 1
    budget_s: float = 1.0
    precision: float = 0.01
    wait_s: float | None = None  # for machines that others measure on; None: for ever
    results: Path = Path("results")
    patience: Timeouts = Timeouts()  # noqa: RUF009 - frozen


def devices(config: Config, options: Options) -> list[DeviceProfile]:
    """The profiles asked for (without a name all local ones), with the delegates and threads asked for."""
    here = [name for name, profile in config.devices.items() if profile.place == "local"]
    names = list(dict.fromkeys(options.devices)) or here
    if not names:
        raise ConfigError(
            f"{config.path}: no local device; name one with --device: {', '.join(config.devices)}"
        )
    profiles = [config.devices[name] for name in known(config, names)]
    offered = {d.name for profile in profiles for d in profile.delegates}
    for name in options.delegates:
        if name not in offered:
            raise ConfigError(
                f"--delegate {name}: none of the devices {', '.join(names)} offers it"
                f" (they offer: {', '.join(sorted(offered))})"
            )
    threads = tuple(dict.fromkeys(options.threads))
    narrowed = [
        replace(
            profile,
            threads=threads or profile.threads,
            delegates=tuple(
                d for d in profile.delegates if not options.delegates or d.name in options.delegates
            ),
        )
        for profile in profiles
    ]
    return [profile for profile in narrowed if profile.delegates]


def known(config: Config, names: Sequence[str]) -> list[str]:
    """The profiles named, each once; without a name all. Raises ConfigError for one there is not."""
    for name in names:
        if name not in config.devices:
            raise ConfigError(f'{config.path}: no device "{name}"{suggest(name, config.devices)}')
    return list(dict.fromkeys(names)) or list(config.devices)


def variants(config: Config, names: Sequence[str]) -> list[VariantSpec]:
    """The variants to make: all seven and the user's own, or those named.

    A name that is neither may still be a ready .tflite's: `narrow` complains if not.
    """
    known = {**{spec.name: spec for spec in STANDARD}, **config.variants}
    return [spec for name, spec in known.items() if not names or name in names]


def narrow(made: VariantSet, names: Sequence[str]) -> VariantSet:
    """Only the variants asked for. Raises ModelError for a name the model has not."""
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
    """The same sources; models that share a name are numbered from the second on."""
    names = _unique([source.name for source in sources])
    return [replace(source, name=name) for source, name in zip(sources, names, strict=True)]


def unique_sets(sets: Sequence[VariantSet]) -> list[VariantSet]:
    """`unique_names` of models that are known with their variants."""
    names = _unique([made.model.name for made in sets])
    return [
        replace(
            made,
            model=structs.replace(made.model, name=name),
            variants=tuple(
                replace(one, variant=structs.replace(one.variant, model=name)) for one in made.variants
            ),
            failed=tuple(structs.replace(failure, model=name) for failure in made.failed),
        )
        for made, name in zip(sets, names, strict=True)
    ]


def _unique(names: Sequence[str]) -> list[str]:
    """The names in order, those that come again with numbers that make none of them come twice."""
    given: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        free = (other for other in numbered if other not in names and other not in given)
        given.append(name if name not in given else next(free))
    return given
