"""The device profiles as a table."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def render(document: dict[str, Any], console: Console) -> None:
    """Print what `harness.devices.describe` found; probed or not."""
    probed = "machine" in document
    console.print(Text(document["file"]), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("device", "place", "runtime", "delegates", "threads"):
        table.add_column(column)
    for device in document["devices"]:
        table.add_row(
            Text(device["name"]),
            device["place"],
            _runtime(device["found"]) if probed else Text(device["runtime"]),
            _delegates(device, device["found"]) if probed else Text(", ".join(device["delegates"])),
            ",".join(map(str, device["threads"])),
        )
    console.print(table)
    if probed:
        machine = document["machine"]
        console.print(
            Text(
                f"This machine: {machine['cpu']}, {machine['arch']}, {machine['cores']} cores, "
                f"{machine['memory_bytes'] / 2**30:.1f} GiB, {machine['os']} {machine['kernel']}"
            )
        )


def _runtime(found: dict[str, Any]) -> Text:
    if found["error"]:
        return Text(f"✗ {found['error']}", style="red")
    runtime = found["runtime"]
    return Text(f"{runtime['name']} {runtime['version']}\nPython {found['version']}")


def _delegates(device: dict[str, Any], found: dict[str, Any]) -> Text:
    lines = []
    for name in device["delegates"]:
        missing = found["error"] or found["delegates"].get(name)
        why = f": {missing}" if missing and not found["error"] else ""
        note = f": {found['software'][name]}" if name in found["software"] else ""
        lines.append(f"✗ {name}{why}" if missing else f"✓ {name}{note}")
    return Text("\n".join(lines))
