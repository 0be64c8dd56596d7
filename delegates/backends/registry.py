"""The list of delegates."""

from __future__ import annotations

from typing import Dict

from . import cpu, edgetpu, external, gpu, xnnpack
from .base import Delegate

_ALL = (cpu.DELEGATE, xnnpack.DELEGATE, gpu.DELEGATE, edgetpu.DELEGATE, external.DELEGATE)
DELEGATES: Dict[str, Delegate] = {delegate.name: delegate for delegate in _ALL}
