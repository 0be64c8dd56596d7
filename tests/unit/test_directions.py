"""Who may import whom: the folder border is the machine border."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = {"numpy", "ai_edge_litert", "tflite_runtime", "tensorflow"}


def imports(path: Path) -> set[tuple[int, str]]:
    """(level, dotted name) of every import in the file, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(0, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.level, node.module or ""))
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("delegates"), ids=lambda p: p.name)
def test_what_travels_imports_nothing_but_itself_the_stdlib_and_a_runtime(path):
    for level, name in imports(path):
        top = name.split(".")[0]
        assert level == 1 or top in RUNTIMES or top in sys.stdlib_module_names, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", files("harness"), ids=lambda p: str(p.relative_to(ROOT)))
def test_home_keeps_to_its_rooms(path):
    room = path.relative_to(ROOT / "harness").as_posix()
    tops = {name.split(".")[0] for level, name in imports(path)}
    if not room.startswith(("cli/", "report/")):
        assert "rich" not in tops
    assert "typer" not in tops or room.startswith("cli/")
    if "subprocess" in tops:
        assert room.startswith(("runners/", "compilers/")) or room in {
            "quantize/children.py",
            "calibration/callables.py",
        }
