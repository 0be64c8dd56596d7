"""What stored runs saw of a cell: of the same file, on the device of that name, in the same runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from delegates.wire import Runtime

# sha256 of the variant, device, delegate -> the cells that runs have of it, oldest first
Seen = dict[tuple[str, str, str], list[dict[str, Any]]]

_OUTCOMES = {"ok": "all", "partial": "partly", "fallback": "none", "refused": "refused"}


def collect(runs: Iterable[Mapping[str, Any]]) -> Seen:
    """Cells of result documents, as `results.load` gives them, that say what a delegate took."""
    seen: Seen = {}
    for run in runs:
        files = {(v["model"], v["variant"]): v.get("sha256") for v in run["variants"]}
        versions = {d["name"]: (d.get("runtime"), d.get("runtime_version")) for d in run["devices"]}
        for cell in run["cells"]:
            sha256 = files.get((cell["model"], cell["variant"]))
            if sha256 is None or not _tells(cell):
                continue
            key = (sha256, cell["device"], cell["delegate"])
            seen.setdefault(key, []).append(_observation(run, cell, versions.get(cell["device"])))
    return seen


def find(seen: Seen, sha256: str, device: str, delegate: str, runtime: Runtime) -> dict[str, Any] | None:
    """The latest observation of a cell, in the runtime that was predicted for."""
    matching = [
        found
        for found in seen.get((sha256, device, delegate), [])
        if delegate == "edgetpu" or found["runtime"] == [runtime.name, runtime.version]
    ]
    return matching[-1] if matching else None


def _tells(cell: Mapping[str, Any]) -> bool:
    """Measured with a count of ops, or refused by the runtime or the delegate on loading it."""
    if cell["status"] == "refused":
        return True
    return cell["status"] in _OUTCOMES and bool(cell.get("ops"))


def _observation(
    run: Mapping[str, Any], cell: Mapping[str, Any], version: tuple[Any, Any] | None
) -> dict[str, Any]:
    ops = cell.get("ops") or {}
    return {
        "run_id": run["run_id"],
        "runtime": list(version or (None, None)),
        "outcome": _OUTCOMES[cell["status"]],
        "total": ops.get("total"),
        "taken": ops.get("delegated"),
        "partitions": ops.get("partitions"),
        "reason": cell["reason"],
        "software": bool((cell.get("delegate_facts") or {}).get("software")),
    }
