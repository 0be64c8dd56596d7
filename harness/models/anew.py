"""Find a model anew in another tree of files."""

from __future__ import annotations

from dataclasses import replace

from harness.errors import ConfigError, ModelError
from harness.models import ModelSource, model_at
from harness.models.trees import OtherTree


def found_anew(source: ModelSource, tree: OtherTree, where: str) -> ModelSource:
    """Return the model of the same path or import in another tree, which messages call `where`.

    Raises ModelError if it has none, ConfigError for a model that has no file.
    """
    if source.kind == "callable":
        if not tree.folder.is_dir():
            raise ModelError(f"{source.source}: {where} has no folder like the working directory")
        return replace(source, tree=tree)
    if source.path is None:
        what = "a built-in model, the same everywhere" if source.held is None else "no file"
        raise ConfigError(f"{source.source} is {what}: it can't be found anew in {where}")
    path = tree.counterpart(source.path)
    if path is None:
        raise ModelError(f"{source.source}: it lies outside {tree.original}, so it can't be in {where}")
    if not path.exists():
        raise ModelError(f"{source.source}: {where} does not have it; it may be untracked, or newer")
    try:
        return model_at(source.source, path)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
