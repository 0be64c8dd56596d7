"""Which ops the rules expect to be delegated, stored in the record before anything is measured."""

from __future__ import annotations

import json
from pathlib import Path

from delegates.wire import Runtime
from harness.accelerators import expected_of
from harness.config import DelegateSpec
from harness.errors import ModelError
from harness.record import ExpectedOps
from harness.record.plain import plain_object
from harness.tflite import ModelInfo, read_model_file

_Key = tuple[Path, str, Runtime, str]


class Expectations:
    """Reads each file once, and predicts it once per delegate, runtime and options."""

    def __init__(self) -> None:
        self._models: dict[Path, ModelInfo | None] = {}
        self._predicted: dict[_Key, ExpectedOps | None] = {}

    def of(self, path: Path, spec: DelegateSpec, runtime: Runtime | None) -> ExpectedOps | None:
        """Return what the rules expect of a file's ops; None without a runtime, or if they can't tell."""
        if runtime is None:
            return None
        options = json.dumps(plain_object(spec.options), sort_keys=True)
        key = (path, spec.name, runtime, options)
        if key not in self._predicted:
            model = self._model(path)
            self._predicted[key] = (
                None if model is None else expected_of(model, spec.name, runtime, spec.options)
            )
        return self._predicted[key]

    def _model(self, path: Path) -> ModelInfo | None:
        """Return what is in a file; None if it can't be read."""
        if path not in self._models:
            try:
                self._models[path] = read_model_file(path)
            except ModelError:
                self._models[path] = None
        return self._models[path]
