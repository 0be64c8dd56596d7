"""Parse the log of LiteRT's GPU accelerator, the only place where it says which ops it runs.

The patterns are those of ai-edge-litert 2.3.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from ..wire import OpGroup, Ops

NO_ADAPTER = "No adapters found"
_REQUIRED = re.compile(r"Warning: (Vulkan .+? required)")
_ADAPTER = re.compile(r"Selected adapter: (.+?)(?:, arch=.*?)?, backend=(\w+), adapterType=(.+)")
_DYNAMIC = "only supports static-sized tensors"
_NOT_ALL = "Some ops are not accelerated"
_SOME = re.compile(
    r"(\d+) operations will run on the GPU, and the remaining (\d+) operations will run on the"
)
_NONE = "No operations will run on the GPU"
_LIST = "Following operations are not supported by GPU delegate:\n"
_FAULT = re.compile(r"WebGPU error: (.+)")
OTHER = "other ops"  # ops whose kinds are not in the log
_APART = "supported, but not in the one part of the graph that the GPU takes"


def adapter(log: str) -> Dict[str, Any]:
    """Return the GPU adapter that was used; empty if none. Keys: adapter, backend, kind, software (bool)."""
    found = _ADAPTER.search(log)
    if found is None:
        return {}
    name, backend, kind = (part.strip() for part in found.groups())
    return {"adapter": name, "backend": backend, "kind": kind, "software": "CPU" in kind}


def why_no_adapter(log: str) -> str:
    """Return why the accelerator accepts none of the devices, in its own words if it gives any."""
    found = _REQUIRED.search(log)
    why = ": %s" % found.group(1) if found else ""
    return "the GPU accelerator accepts no Vulkan device that is here" + why


def ops(log: str, graph: Ops) -> Ops:
    """Return the ops of `graph` with what the log says was delegated.

    The log gives the number of nodes that stay on the CPU, and one reason per unsupported kind of op. Other
    nodes stay, too, because the GPU takes only one connected part of the graph.
    """
    remaining = _remaining(log, graph.total)
    if not remaining:
        return Ops(graph.total, graph.total, 1)
    reasons = _reasons(log)
    named = [group for group in graph.not_delegated if group.op in reasons]
    count = sum(group.count for group in named)
    if count <= remaining:
        groups = [OpGroup(g.op, g.count, g.dtypes, reasons[g.op]) for g in named]
        if count < remaining:
            groups.append(OpGroup(OTHER, remaining - count, [], _APART if reasons else None))
    else:  # nodes of one kind are on both sides, and the log does not say which where
        kinds = dict.fromkeys(group.op for group in named)
        why = "; ".join("%s: %s" % (kind, reasons[kind]) for kind in kinds)
        groups = [OpGroup(" or ".join(kinds), remaining, [], why)]
    return Ops(graph.total, graph.total - remaining, 1 if remaining < graph.total else 0, groups)


def why_failed(error: str, log: str) -> Optional[str]:
    """Return why a model did not compile, in plain words; None if the log has no known reason."""
    if _DYNAMIC in log:
        return (
            "the GPU takes tensors of fixed sizes only, and the size of some in this model is known only when"
            " it runs; fix the batch size, and leave out ops such as WHERE or NON_MAX_SUPPRESSION"
        )
    fault = _FAULT.search(log)
    if fault is not None:
        return "the GPU accelerator failed by a fault of its own: %s" % fault[1]
    if _NOT_ALL in error:
        counts = _SOME.search(log)
        share = (
            "only %s of %d ops" % (counts[1], int(counts[1]) + int(counts[2])) if counts else "not all ops"
        )
        why = "; ".join("%s: %s" % item for item in sorted(_reasons(log).items()))
        return "the GPU takes %s, and fallback is false: %s" % (share, why or "it does not say why")
    return None


def _remaining(log: str, total: int) -> int:
    """Return how many of the `total` nodes stay on the CPU."""
    counts = _SOME.search(log)
    if counts is not None:
        return int(counts[2])
    # Without an adapter all nodes stay; if all are delegated, the log does not mention it.
    return total if _NONE in log or _ADAPTER.search(log) is None else 0


def _reasons(log: str) -> Dict[str, str]:
    """Kind of op -> reason, from lines such as "GATHER_ND: Operation is …" below the headline."""
    found: Dict[str, List[str]] = {}
    for line in log.partition(_LIST)[2].splitlines():
        op = re.match(r"(?:CUSTOM )?([^\s:]+): (.+)", line)
        if op is None:
            break
        # Some reasons end in the name of a tensor, which differs from op to op.
        reason = re.sub(r"(is not supported)\. .+", r"\1", op[2]).rstrip(". ")
        if reason not in found.setdefault(op[1], []):
            found[op[1]].append(reason)
    return {kind: ", ".join(reasons) for kind, reasons in found.items()}
