"""The listing of device profiles on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.listing import ListedCompiler, ListedDevice, Listing, ProbedDevice
from harness.report.figures import clean


def render(listing: Listing, console: Console) -> None:
    """Print the profiles, and what probing found."""
    probed = [device for device in listing.devices if isinstance(device, ProbedDevice)]
    console.print(Text(listing.file), soft_wrap=True)
    console.print(_table(listing.devices))
    for text, names in _by(probed, _machine).items():
        console.print(Text(f"{names}: {text}"), soft_wrap=True)
    for text, names in _by(probed, _compiler).items():
        style = "" if text.startswith("✓") else "yellow"
        console.print(Text(f"{names}: {text}", style=style), soft_wrap=True)
    for problem in _by(probed, lambda device: device.problem):
        console.print(Text(problem, style="red"), soft_wrap=True)
    for holder, names in _by(probed, lambda device: device.lock).items():
        console.print(Text(f"{names}: in use by {holder}", style="yellow"), soft_wrap=True)
    for device in listing.devices:
        _more(device, console)


def _table(devices: Sequence[ListedDevice | ProbedDevice]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("device", "place", "runtime", "delegates", "threads"):
        table.add_column(column, overflow="fold")
    for device in devices:
        table.add_row(
            Text(device.name),
            Text(clean(f"ssh {device.host}") if device.host else device.place),
            _runtime(device) if isinstance(device, ProbedDevice) else Text(device.runtime),
            _delegates(device) if isinstance(device, ProbedDevice) else Text(", ".join(device.delegates)),
            ",".join(map(str, device.threads)),
        )
    return table


def _by(devices: Iterable[ProbedDevice], text: Callable[[ProbedDevice], str | None]) -> dict[str, str]:
    """Return each text with the names of the devices it applies to."""
    names: dict[str, list[str]] = {}
    for device in devices:
        if line := text(device):
            names.setdefault(line, []).append(device.name)
    return {line: ", ".join(each) for line, each in names.items()}


def _machine(device: ProbedDevice) -> str | None:
    """Return the machine's facts on one line. A board may leave out any of them."""
    machine = device.machine
    if machine is None:
        return None
    memory, libraries = machine.get("memory_bytes"), machine.get("delegate_libraries")
    facts = [
        machine.get("board"),
        machine.get("cpu"),
        machine.get("arch"),
        f"{machine.get('cores')} cores",
        f"{memory / 2**30:.1f} GiB" if isinstance(memory, int) else None,
        " ".join(f"{degrees:.0f} °C" for degrees in _numbers(machine.get("temperatures_c"))),
        f"{machine.get('os')} {machine.get('kernel')}",
    ]
    if isinstance(libraries, list) and libraries:
        facts.append("delegate libraries " + " ".join(map(str, libraries)))
    return ", ".join(str(fact) for fact in facts if fact)


def _numbers(values: object) -> list[float]:
    return [v for v in values if isinstance(v, int | float)] if isinstance(values, list) else []


def _compiler(device: ProbedDevice) -> str | None:
    """Return the compiler that the device uses, or why there is none."""
    compiler = device.compiler
    if not isinstance(compiler, ListedCompiler):
        return None
    if compiler.problem:
        return f"! {compiler.problem}"
    where = f" on {compiler.host}" if compiler.host else ""
    return f"✓ {compiler.name} {compiler.version} ({compiler.command}{where})"


def _more(device: ListedDevice, console: Console) -> None:
    """Print a profile's note, and other Pythons of its device."""
    if device.note:
        console.print(Text(f"{device.name}: {device.note}"), soft_wrap=True)
    for other in device.found.others if isinstance(device, ProbedDevice) else ():
        console.print(Text(f"{device.name}: Python at {other}", style="dim"), soft_wrap=True)


def _runtime(device: ProbedDevice) -> Text:
    found = device.found
    if device.problem:
        return Text("✗ not reached", style="red")
    if found.error or found.runtime is None:
        return Text(clean(f"✗ {found.error}"), style="red")
    runtime = clean(f"{found.runtime.name} {found.runtime.version}")
    return Text(f"{runtime}\n{clean(f'Python {found.version}')}")


def _delegates(device: ProbedDevice) -> Text:
    """Return one line per delegate: ✓ available, ! software only, ✗ not available, and why."""
    return Text("\n").join(_delegate(name, device) for name in device.delegates)


def _delegate(name: str, device: ProbedDevice) -> Text:
    found = device.found
    if found.error:
        return Text(clean(f"✗ {name}"))
    if missing := found.delegates.get(name):
        return Text(clean(f"✗ {name}: {missing}"))
    if software := found.software.get(name):
        return Text(clean(f"! {name}: {software}"), style="yellow")
    return Text(clean(f"✓ {name}"))
