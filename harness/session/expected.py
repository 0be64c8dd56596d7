"""Which ops the rules expect to be delegated, stored in the record before anything is measured."""

from __future__ import annotations

import json
from pathlib import Path

from delegates.wire import Runtime
from harness.accelerators import expected_of_file
from harness.config import DelegateSpec
from harness.record import ExpectedOps
from harness.record.plain import plain_object

_Key = tuple[Path, str, Runtime, str]


class Expectations:
    """Predicts each file once per delegate, runtime and options."""

    def __init__(self) -> None:
        self._predicted: dict[_Key, ExpectedOps | None] = {}

    def of(self, path: Path, spec: DelegateSpec, runtime: Runtime | None) -> ExpectedOps | None:
        """Return what the rules expect of a file's ops; None without a runtime, or if they can't tell."""
        if runtime is None:
            return None
        options = json.dumps(plain_object(spec.options), sort_keys=True)
        key = (path, spec.name, runtime, options)
        if key not in self._predicted:
            self._predicted[key] = expected_of_file(path, spec.name, runtime, spec.options)
        return self._predicted[key]
