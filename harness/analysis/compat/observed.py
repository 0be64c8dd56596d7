"""What stored runs saw of a cell: of the same file, on the device of that name, in the same runtime."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from delegates.wire import Runtime
from harness.accelerators import ACCELERATORS
from harness.analysis.provenance import plain_dict
from harness.config import DelegateSpec

# sha256 of the variant, device, delegate, its options -> the cells that runs have of it, oldest first
Seen = dict[tuple[str, str, str, str], list[dict[str, Any]]]

_OUTCOMES = {"ok": "all", "partial": "partly", "fallback": "none", "refused": "refused"}
_TELLING_STAGES = ("runtime", "delegate", "load", "allocate")  # before anything has run


def collect(runs: Iterable[Mapping[str, Any]]) -> Seen:
    """Cells of result documents, as `results.load` gives them, that say what a delegate took."""
    seen: Seen = {}
    for run in runs:
        files = {(v["model"], v["variant"]): v.get("sha256") for v in run["variants"]}
        versions = {d["name"]: (d.get("runtime"), d.get("runtime_version")) for d in run["devices"]}
        options = _options(run)
        for cell in run["cells"]:
            sha256 = files.get((cell["model"], cell["variant"]))
            asked = options.get((cell["device"], cell["delegate"]))
            if sha256 is None or asked is None or not _tells(cell):
                continue
            key = (sha256, cell["device"], cell["delegate"], asked)
            seen.setdefault(key, []).append(_observation(run, cell, versions.get(cell["device"])))
    return seen


def find(
    seen: Seen, sha256: str, device: str, delegate: DelegateSpec, runtime: Runtime
) -> dict[str, Any] | None:
    """The latest observation of a cell, with the options and in the runtime that was predicted for."""
    matching = [
        found
        for found in seen.get((sha256, device, delegate.name, _words(delegate.name, delegate.options)), [])
        if _is_compiled_for(delegate.name) or found["runtime"] == [runtime.name, runtime.version]
    ]
    return matching[-1] if matching else None


def _options(run: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Device and delegate -> the options it was used with."""
    return {
        (device["name"], delegate["name"]): _words(delegate["name"], delegate.get("options") or {})
        for device in run["devices"]
        for delegate in (device.get("profile") or {}).get("delegates", ())
    }


def _words(delegate: str, options: Mapping[str, Any]) -> str:
    """Options as one text, the same for a profile and for what a run stored of it."""
    known = ACCELERATORS.get(delegate)
    telling = {key: options[key] for key in options if known is None or key not in known.immaterial}
    return json.dumps(plain_dict(telling), sort_keys=True)


def _is_compiled_for(delegate: str) -> bool:
    """Whether a compiler decides what the delegate takes, whatever the runtime."""
    known = ACCELERATORS.get(delegate)
    return known is not None and known.compiler is not None


def _tells(cell: Mapping[str, Any]) -> bool:
    """Measured with a count of ops, or refused on loading it, or by its delegate's compiler.

    An error in an inference may have any cause, and a compiler without a verdict is no refusal.
    """
    if cell["status"] == "refused":
        refusal = cell.get("refusal")
        return _is_compiled_for(cell["delegate"]) if refusal is None else refusal["stage"] in _TELLING_STAGES
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
