"""What LiteRT's GPU accelerator writes while it compiles a model: only there it says what it took.

The forms are those of ai-edge-litert 2.3.
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
OTHER = "other ops"  # a count of ops of kinds that it does not tell
_APART = "supported, but not in the one part of the graph that the GPU takes"


def adapter(said: str) -> Dict[str, Any]:
    """adapter, backend, kind, software (the CPU plays the GPU); empty where none was used."""
    found = _ADAPTER.search(said)
    if found is None:
        return {}
    name, backend, kind = (part.strip() for part in found.groups())
    return {"adapter": name, "backend": backend, "kind": kind, "software": "CPU" in kind}


def why_no_adapter(said: str) -> str:
    """The reason, in its own words, why it took none of the devices that are here."""
    found = _REQUIRED.search(said)
    why = ": %s" % found.group(1) if found else ""
    return "the GPU accelerator accepts no Vulkan device that is here" + why


def ops(said: str, graph: Ops) -> Ops:
    """What it took of the nodes in `graph`, all of which stand there as not delegated.

    It names kinds of ops, each with one reason, and how many nodes it left in all; those that it would have
    taken elsewhere in the graph are among them.
    """
    left = _left(said, graph.total)
    if not left:
        return Ops(graph.total, graph.total, 1)
    reasons = _reasons(said)
    named = [group for group in graph.not_delegated if group.op in reasons]
    count = sum(group.count for group in named)
    if count <= left:
        groups = [OpGroup(g.op, g.count, g.dtypes, reasons[g.op]) for g in named]
        if count < left:
            groups.append(OpGroup(OTHER, left - count, [], _APART if reasons else None))
    else:  # some of these kinds are taken here and left there: it does not say which
        kinds = dict.fromkeys(group.op for group in named)
        why = "; ".join("%s: %s" % (kind, reasons[kind]) for kind in kinds)
        groups = [OpGroup(" or ".join(kinds), left, [], why)]
    return Ops(graph.total, graph.total - left, 1 if left < graph.total else 0, groups)


def why_failed(error: str, said: str) -> Optional[str]:
    """Why a model did not compile, in plain words; None where nothing known was said."""
    if _DYNAMIC in said:
        return (
            "the GPU takes tensors of fixed sizes only, and the size of some in this model is known only when"
            " it runs; fix the batch size, and leave out ops such as WHERE or NON_MAX_SUPPRESSION"
        )
    fault = _FAULT.search(said)
    if fault is not None:
        return "the GPU accelerator failed by a fault of its own: %s" % fault[1]
    if _NOT_ALL in error:
        counts = _SOME.search(said)
        share = (
            "only %s of %d ops" % (counts[1], int(counts[1]) + int(counts[2])) if counts else "not all ops"
        )
        why = "; ".join("%s: %s" % item for item in sorted(_reasons(said).items()))
        return "the GPU takes %s, and fallback is false: %s" % (share, why or "it does not say why")
    return None


def _left(said: str, total: int) -> int:
    """Nodes left to the CPU. Nothing is said where it took all; nothing was taken without an adapter."""
    counts = _SOME.search(said)
    if counts is not None:
        return int(counts[2])
    return total if _NONE in said or _ADAPTER.search(said) is None else 0


def _reasons(said: str) -> Dict[str, str]:
    """Kind of op -> reason, from the lines that follow the headline: "GATHER_ND: Operation is …"."""
    found: Dict[str, List[str]] = {}
    for line in said.partition(_LIST)[2].splitlines():
        op = re.match(r"(?:CUSTOM )?([^\s:]+): (.+)", line)
        if op is None:
            break
        # Behind some reasons stands the tensor's name, which differs from op to op.
        reason = re.sub(r"(is not supported)\. .+", r"\1", op[2]).rstrip(". ")
        if reason not in found.setdefault(op[1], []):
            found[op[1]].append(reason)
    return {kind: ", ".join(reasons) for kind, reasons in found.items()}
