"""The list of delegates."""

from __future__ import annotations

from typing import Dict

from . import cpu, xnnpack
from .base import Delegate

DELEGATES: Dict[str, Delegate] = {d.name: d for d in (cpu.DELEGATE, xnnpack.DELEGATE)}
