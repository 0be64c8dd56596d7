"""What --against names: the BASE side of a run, beside what --model names here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import git
from harness.config import DeviceProfile
from harness.config.keys import RUNTIMES, python_command
from harness.devices.machines import Machine
from harness.errors import ConfigError
from harness.models import ModelSource, is_callable, resolve_model, tflite_files
from harness.models.anew import found_anew
from harness.models.trees import OtherTree
from harness.session.options import Options

_FORMS = "a git revision, a folder, a model, python=PATH or runtime=NAME expected"


@dataclass(frozen=True)
class Base:
    """The BASE side. Without `given` there is none.

    sources: its models, one for each --model; None: those of HEAD. python, runtime: those of its devices;
    None: those of HEAD. revision: the hash of the commit that its models are from.
    """

    given: str | None = None
    sources: Sequence[ModelSource] | None = field(default=None, repr=False)
    revision: str | None = None
    python: str | None = None
    runtime: str | None = None

    @property
    def other_devices(self) -> bool:
        """Whether the sides differ in Python or runtime, and not in models."""
        return self.python is not None or self.runtime is not None

    def profiles(self, profiles: Sequence[DeviceProfile]) -> list[DeviceProfile]:
        """Return the profiles to measure on: where the sides differ in Python or runtime, one per side."""
        if not self.other_devices:
            return [*profiles]
        heads = [replace(profile, side="head") for profile in profiles]
        return [one for head in heads for one in (head, self._changed(head))]

    def _changed(self, head: DeviceProfile) -> DeviceProfile:
        python = head.python
        if self.python is not None:
            python = python_command(self.python, "~" if head.ssh is not None else str(Path.cwd()))
        return replace(head, side="base", python=python, runtime=self.runtime or head.runtime)


@contextmanager
def opened(options: Options) -> Iterator[Base]:
    """Yield the BASE side that the options name; files of a revision are there until the block ends.

    Raises ConfigError if --against names nothing, ModelError if a model is not there.
    """
    asked = options.against
    text = os.fspath(asked) if isinstance(asked, str | os.PathLike) else None
    if asked is None:
        yield Base()
    elif text is None:
        yield _model(asked, options)
    elif not text:
        raise ConfigError(f"--against: {_FORMS}")
    elif (what := text.partition("="))[1] and what[0] in ("python", "runtime"):
        yield _device(text, what[0], what[2])
    else:
        path = Path.cwd() / Path(text).expanduser()
        if path.is_dir() and not _is_model(path, options):
            yield _folder(text, path, options)
        elif path.exists() or is_callable(text):
            yield _model(asked, options)
        else:
            with _revision(text, options) as base:
                yield base


def check_usable(base: Base, used: Sequence[DeviceProfile], machines: Sequence[Machine]) -> None:
    """Raise ConfigError if BASE's Python or runtime can't run anything on any device that was reached."""
    answers = {key: answer for one in machines if not one.problem for key, answer in one.answers.items()}
    errors = [answers[one.key].error for one in used if one.side == "base" and one.key in answers]
    if errors and None not in errors:
        raise ConfigError(f"--against {base.given}: {errors[0]}")


def _device(given: str, what: str, value: str) -> Base:
    if not value:
        raise ConfigError(f"--against {given}: {_FORMS}")
    if what == "python":
        return Base(given, python=value)
    if value not in RUNTIMES:
        raise ConfigError(f"--against {given}: no such runtime; one of {', '.join(RUNTIMES)} expected")
    return Base(given, runtime=value)


def _model(asked: object, options: Options) -> Base:
    """Return BASE as a model of its own, against the only --model."""
    source = resolve_model(asked, Path.cwd())
    if len(options.models) > 1:
        raise ConfigError(f"--against {source.source}: a model goes against one --model, not several")
    return Base(source.source, (source,))


def _folder(given: str, path: Path, options: Options) -> Base:
    return Base(given, _anew(options, _tree(path), given))


@contextmanager
def _revision(given: str, options: Options) -> Iterator[Base]:
    here = Path.cwd().resolve()
    revision, top = git.commit(given, here), git.top(here)
    if revision is None or top is None:
        raise ConfigError(f"--against {given}: neither a path nor a git revision; {_FORMS}")
    _anew(options, None, given)
    with git.checked_out(revision, top) as root:
        tree = OtherTree(root, top.resolve(), root / here.relative_to(top.resolve()))
        where = given if revision.startswith(given) else f"{given} ({revision[:12]})"
        yield Base(given, _anew(options, tree, where), revision)


def _anew(options: Options, tree: OtherTree | None, where: str) -> list[ModelSource]:
    """Find every --model anew in another tree. Without a tree, only check that all can be found here."""
    sources = [resolve_model(model, Path.cwd()) for model in options.models]
    return [source if tree is None else found_anew(source, tree, where) for source in sources]


def _is_model(folder: Path, options: Options) -> bool:
    """Return whether a folder is a model itself, and not one in which the models are found anew."""
    if (folder / "saved_model.pb").is_file():
        return True
    if len(options.models) > 1 or not tflite_files(folder):
        return False
    path = resolve_model(options.models[0], Path.cwd()).path
    there = None if path is None else _tree(folder).counterpart(path)
    return there is None or not there.exists()


def _tree(folder: Path) -> OtherTree:
    """Return the tree of a folder that stands for the working directory."""
    return OtherTree(folder.resolve(), Path.cwd().resolve(), folder.resolve())
