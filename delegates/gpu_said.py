"""What LiteRT's GPU accelerator writes while it compiles a model: the only place where it says what it took."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from .wire import OpGroup, Ops

NO_ADAPTER = "No adapters found"
_DYNAMIC = "only supports static-sized tensors"
_COUNTS = re.compile(r"(\d+) operations will run on the GPU, and the remaining (\d+) operations will run on")
_NONE = "No operations will run on the GPU"
_UNSUPPORTED = "Following operations are not supported by GPU delegate:"
_LINE = re.compile(r"([A-Z][A-Z0-9_]*(?: \S+)?): (.+)")


def adapter(said: str) -> Dict[str, Any]:
    return {}


def why_failed(said: str) -> Optional[str]:
    return None


def ops(said: str, graph: Ops) -> Ops:
    return graph
