"""Who may import whom: the folder border is the machine border, and arrows point downwards only."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = {"numpy", "ai_edge_litert", "tflite_runtime", "tensorflow"}
TENSORFLOW = {"tensorflow", "keras", "tf_keras"}
DISTRIBUTIONS = {  # where the name is not the package's own
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "markdown_it": "markdown-it-py",
}
OPTIONAL = {"pycoral"}  # looked for, and done without

# From the top down: a room imports from the lines below its own. What stands in one line is apart.
ROOMS = [
    {"qbench", "cli"},
    {"session", "report"},
    {"analysis"},
    {"devices"},
    {"quantize"},
    {"accelerators"},
    {"store"},
    {"git"},
    {"config"},
    {"models"},
    {"tflite"},
    {"record"},
    {"cache", "processes", "versions"},
    {"files", "scratch"},
    {"errors"},
]
# Downwards, too, but not wanted: these rooms know nothing of each other.
APART = {
    "analysis": {"devices", "quantize"},
    "devices": {"quantize", "analysis"},
    "store": {"config", "models", "tflite"},
    "config": {"models", "tflite"},
}
SINGLE = {"git"} | ROOMS[-3] | ROOMS[-2] | ROOMS[-1]
MOST_FLOORS = 7  # rooms in the longest chain, `delegates` included, single modules such as errors.py not
AGENT = [
    {"__main__"},
    {"agent"},
    {"probe"},
    {"backends"},
    {"wire", "stats"},
    {"codec", "processes", "streams"},
]


def test_home_imports_downwards_only():
    """Rooms in their order, no circles, and what only one room may import."""
    home = {**modules("harness"), **modules("qbench")}
    wrong = {f"{room} imports {other}" for room, other in arrows(home) if not is_below(ROOMS, room, other)}
    wrong |= {f"{room} imports {other}" for room, other in arrows(home) if other in APART.get(room, ())}
    wrong |= {f"{min(circle)} is part of a circle" for circle in circles(home)}
    for name, path in home.items():
        room, tops = room_of(name), {used.partition(".")[0] for used in imports(name, path)}
        allowed = {
            "rich": room in {"cli", "report"},
            "typer": room == "cli",
            "subprocess": name == "harness.processes",
            "tests": False,
            "benchmarks": False,
        }
        wrong |= {f"{name} imports {top}" for top in tops if not allowed.get(top, True)}
        if tops & TENSORFLOW and room not in {"quantize", "models"}:
            wrong.add(f"{name} imports TensorFlow")
        if at_top(path) & TENSORFLOW:
            wrong.add(f"{name} imports TensorFlow as soon as it is imported")
        wrong |= {f"{name} imports {used}" for used in imports(name, path) if not of_the_agent(room, used)}
        if "sys.stdout" in path.read_text("utf-8") and room not in {"cli", "report"}:
            wrong.add(f"{name} writes to sys.stdout")
    if floors(arrows(home)) > MOST_FLOORS:
        wrong.add(f"more than {MOST_FLOORS} floors")
    assert sorted(wrong) == []


def test_what_travels_imports_itself_the_standard_library_and_a_runtime():
    """The agent imports downwards only as well: agent, probe, backends, wire and stats."""
    agent = modules("delegates")
    wrong = {f"{part} imports {other}" for part, other in arrows(agent) if not is_below(AGENT, part, other)}
    wrong |= {f"{min(circle)} is part of a circle" for circle in circles(agent)}
    for name, path in agent.items():
        tops = {used.partition(".")[0] for used in imports(name, path)}
        wrong |= {
            f"{name} imports {top}" for top in tops - RUNTIMES - sys.stdlib_module_names - {"delegates"}
        }
    assert sorted(wrong) == []


@pytest.mark.parametrize(
    ("folder", "ours", "extras"),
    [
        ("delegates", {"delegates"}, ["convert"]),  # TensorFlow is one of the runtimes
        ("harness", {"harness", "delegates"}, ["convert"]),
        ("qbench", {"qbench", "harness", "delegates"}, ["convert", "pytest"]),
        ("tests", {"tests", "qbench", "harness", "delegates"}, ["convert", "pytest", "test"]),
        ("benchmarks", {"benchmarks", "qbench", "harness", "delegates"}, ["convert", "pytest", "test"]),
    ],
)
def test_what_is_imported_is_declared(folder, ours, extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    declared = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for group in groups for line in group}
    beside = {name.rpartition(".")[2] for name in modules(folder)}  # scripts import what lies beside them
    for name, path in modules(folder).items():
        tops = {used.partition(".")[0] for used in imports(name, path)}
        for top in tops - ours - OPTIONAL - beside - sys.stdlib_module_names:
            wanted = DISTRIBUTIONS.get(top, top.replace("_", "-"))
            assert wanted in declared, (
                f"{path.relative_to(ROOT)} imports {top}; pyproject.toml lacks {wanted}"
            )


def test_the_licence_is_there_in_full():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text and "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")


def modules(folder: str) -> dict[str, Path]:
    """Dotted name of every module in a folder of ours, and its file."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str, path: Path) -> frozenset[str]:
    """Dotted names of all that a module imports, wherever in it; `from a import b` is a.b."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return frozenset(found)


def at_top(path: Path) -> set[str]:
    """The packages that are imported as soon as the module is."""
    body = ast.parse(path.read_text("utf-8")).body
    named = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in named}


def room_of(name: str) -> str:
    """The folder of harness or delegates (or the module in it) that a dotted name belongs to."""
    top, _, rest = name.partition(".")
    return "qbench" if top == "qbench" else rest.partition(".")[0]


def arrows(home: Mapping[str, Path]) -> set[tuple[str, str]]:
    """(room, another room that it imports from) within these modules."""
    pairs = {
        (room_of(name), room_of(used))
        for name, path in home.items()
        for used in modules_used(name, path, home)
    }
    return {(room, other) for room, other in pairs if room and other and room != other}


def is_below(order: list[set[str]], room: str, other: str) -> bool:
    """Whether `other` stands in a line of `order` below the line of `room`."""
    lines = {name: number for number, line in enumerate(order) for name in line}
    return lines.get(room, len(order)) < lines.get(other, -1)


def of_the_agent(room: str, used: str) -> bool:
    """Whether a room at home may import this: of `delegates` the wire and the statistics.

    Also, in devices, what probes this host, and in quantize, what binds its child processes to this one.
    """
    if not used.startswith("delegates.") or room_of(used) in {"wire", "stats"}:
        return True
    of_this_process = used.startswith("delegates.probe.machine.")
    of_this_host = room_of(used) == "probe" or used.startswith("delegates.backends.runtime")
    return (room == "quantize" and of_this_process) or (room == "devices" and of_this_host)


def circles(home: Mapping[str, Path]) -> Iterator[set[str]]:
    """Sets of modules of which each imports, over others, every other one (Tarjan would be quicker)."""
    uses = {name: set(modules_used(name, path, home)) for name, path in home.items()}
    reach = {name: reached(name, uses) for name in uses}
    seen: set[str] = set()
    for name in uses:
        circle = {other for other in reach[name] if name in reach[other]}
        if circle and name not in seen:
            seen |= circle
            yield circle


def modules_used(name: str, path: Path, home: Mapping[str, Path]) -> Iterator[str]:
    """The modules of ours that a module names in its imports; never itself."""
    for used in imports(name, path):
        module = used if used in home else used.rpartition(".")[0]
        if module in home and module != name:
            yield module


def reached(name: str, uses: Mapping[str, set[str]]) -> set[str]:
    found, new = set[str](), set(uses[name])
    while new:
        found |= new
        new = set().union(*(uses[module] for module in new)) - found
    return found


def floors(pairs: set[tuple[str, str]]) -> int:
    """Rooms in the longest chain of arrows, with `delegates` below them all; 99 where there is a circle."""
    below: dict[str, set[str]] = {}
    for room, other in pairs:
        below.setdefault(room, set()).add(other)

    def height(room: str, above: tuple[str, ...] = ()) -> int:
        if room in above:
            return 99
        under = [height(other, (*above, room)) for other in below.get(room, ())]
        return max(under, default=1) + (room not in SINGLE)

    return min(99, max(map(height, below)))
