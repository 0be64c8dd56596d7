"""The device profiles as a table, and what was found behind them."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.figures import clean


def render(document: dict[str, Any], console: Console) -> None:
    """Print what `harness.devices.describe` found; probed or not."""
    probed = any("found" in device for device in document["devices"])
    console.print(Text(document["file"]), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("device", "place", "runtime", "delegates", "threads"):
        table.add_column(column, overflow="fold")
    for device in document["devices"]:
        table.add_row(
            Text(device["name"]),
            Text(clean(f"ssh {device['host']}") if device["host"] else device["place"]),
            _runtime(device) if probed else Text(device["runtime"]),
            _delegates(device, device["found"]) if probed else Text(", ".join(device["delegates"])),
            ",".join(map(str, device["threads"])),
        )
    console.print(table)
    for text, names in _machines(document["devices"]).items() if probed else ():
        console.print(Text(f"{', '.join(names)}: {text}"), soft_wrap=True)
    for text, names in _compilers(document["devices"]).items():
        line = Text(f"{', '.join(names)}: {text}", style="" if text[0] == "✓" else "yellow")
        console.print(line, soft_wrap=True)
    for problem in dict.fromkeys(device.get("problem") for device in document["devices"]):
        if problem is not None:
            console.print(Text(problem, style="red"), soft_wrap=True)
    for text, names in _locks(document["devices"]).items():
        console.print(Text(f"{', '.join(names)}: in use by {text}", style="yellow"), soft_wrap=True)
    for device in document["devices"]:
        _more(device, console)


def _machines(devices: list[dict[str, Any]]) -> dict[str, list[str]]:
    """A machine in words -> the profiles on it."""
    found: dict[str, list[str]] = {}
    for device in devices:
        if device["machine"] is not None:
            found.setdefault(_words(device["machine"]), []).append(device["name"])
    return found


def _words(machine: dict[str, Any]) -> str:
    """One line of facts; a board may leave out any of them."""
    memory = machine.get("memory_bytes")
    facts = [
        machine.get("board"),
        machine.get("cpu"),
        machine.get("arch"),
        f"{machine.get('cores')} cores",
        f"{memory / 2**30:.1f} GiB" if isinstance(memory, int) else None,
        " ".join(f"{degrees:.0f} °C" for degrees in _numbers(machine.get("temperatures_c"))),
        f"{machine.get('os')} {machine.get('kernel')}",
    ]
    libraries = machine.get("delegate_libraries")
    if isinstance(libraries, list) and libraries:
        facts.append("delegate libraries " + " ".join(map(str, libraries)))
    return ", ".join(str(fact) for fact in facts if fact)


def _numbers(values: Any) -> list[float]:
    return [v for v in values if isinstance(v, int | float)] if isinstance(values, list) else []


def _more(device: dict[str, Any], console: Console) -> None:
    """A profile's note, and other Pythons of its device."""
    if device["note"]:
        console.print(Text(f"{device['name']}: {device['note']}"), soft_wrap=True)
    for other in device.get("found", {}).get("others", ()):
        console.print(Text(f"{device['name']}: Python at {other}", style="dim"), soft_wrap=True)


def _locks(devices: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Profiles by who measures on their machine."""
    found: dict[str, list[str]] = {}
    for device in devices:
        if device.get("lock"):
            found.setdefault(device["lock"], []).append(device["name"])
    return found


def _compilers(devices: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Delegates' compilers in words, or why there is none -> the profiles that use it."""
    found: dict[str, list[str]] = {}
    for device in devices:
        compiler = device.get("compiler")
        if compiler and compiler["problem"]:
            found.setdefault(f"! {compiler['problem']}", []).append(device["name"])
        elif compiler:
            where = f" on {compiler['host']}" if compiler["host"] else ""
            text = f"✓ {compiler['name']} {compiler['version']} ({compiler['command']}{where})"
            found.setdefault(text, []).append(device["name"])
    return found


def _runtime(device: dict[str, Any]) -> Text:
    found = device["found"]
    if device["problem"]:
        return Text("✗ not reached", style="red")
    if found["error"]:
        return Text(clean(f"✗ {found['error']}"), style="red")
    runtime = found["runtime"]
    return Text(clean(f"{runtime['name']} {runtime['version']}") + "\n" + clean(f"Python {found['version']}"))


def _delegates(device: dict[str, Any], found: dict[str, Any]) -> Text:
    """One line each: ✓ is there, ! is there but says nothing of hardware, ✗ is not, and why."""
    lines = []
    for name in device["delegates"]:
        missing = found["error"] or found["delegates"].get(name)
        software = found["software"].get(name)
        if missing:
            why = "" if found["error"] else f": {missing}"
            lines.append(Text(clean(f"✗ {name}{why}")))
        elif software:
            lines.append(Text(clean(f"! {name}: {software}"), style="yellow"))
        else:
            lines.append(Text(clean(f"✓ {name}")))
    return Text("\n").join(lines)
