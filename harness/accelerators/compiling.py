"""The step between plan and measuring: delegates with a compiler get the compiled files of variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from harness.accelerators.base import CompiledFile, Compiler, OverSsh
from harness.accelerators.registry import ACCELERATORS
from harness.config import DelegateSpec, DeviceProfile
from harness.record import Refused, Unavailable, Variant
from harness.record.listing import ListedCompiler


class Compilers:
    """The compilers of one run's delegates; each finds and makes what several cells want only once."""

    def __init__(self, folder: Path, over_ssh: OverSsh, begun: Callable[[str], None]) -> None:
        """folder: the cache. begun: called with a sentence before anything is compiled."""
        self._arguments = (folder, over_ssh, begun)
        self._known: dict[str, Compiler | None] = {}

    def compile(
        self,
        variant: Variant,
        path: Path,
        spec: DelegateSpec,
        *,
        given: Path | None = None,
        missing: str | None = None,
    ) -> CompiledFile | Refused | Unavailable | None:
        """The compiled form of a variant for a delegate, or why there is none.

        Returns None if the variant runs as it is. For the arguments see `base.Compiler.compile`.
        """
        compiler = self._of(spec.name)
        return None if compiler is None else compiler.compile(
            variant, path, spec, given=given, missing=missing
        )  # fmt: skip

    def find(self, spec: DelegateSpec) -> ListedCompiler | None:
        """The compiler that a profile means for a delegate; None if that has none."""
        compiler = self._of(spec.name)
        return None if compiler is None else compiler.find(spec)

    def _of(self, name: str) -> Compiler | None:
        if name not in self._known:
            make = ACCELERATORS[name].compiler
            self._known[name] = None if make is None else make(*self._arguments)
        return self._known[name]


def find_compilers(profiles: Iterable[DeviceProfile], over_ssh: OverSsh) -> dict[str, ListedCompiler]:
    """Name of a profile that has a delegate with a compiler -> that compiler."""
    compilers = Compilers(Path(), over_ssh, lambda sentence: None)
    found = ((profile.name, compilers.find(spec)) for profile in profiles for spec in profile.delegates)
    return {name: compiler for name, compiler in found if compiler is not None}
