"""Who may import whom: the folder border is the machine border, and what is imported is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = {"numpy", "ai_edge_litert", "tflite_runtime", "tensorflow"}
TENSORFLOW = {"tensorflow", "keras", "tf_keras"}
OURS = {"harness", "delegates", "tests", "benchmarks"}
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}  # where the name is not the package's own
OPTIONAL = {"pycoral"}  # looked for, and done without


def imports(path: Path) -> set[tuple[int, str]]:
    """(level, dotted name) of every import in the file, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(0, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.level, node.module or ""))
    return found


def at_top(path: Path) -> set[str]:
    """What is imported as soon as the module is."""
    return {
        name.split(".")[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
    }


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
    assert not tops & TENSORFLOW or room.startswith("quantize/") or room == "models/builtin.py"
    assert not at_top(path) & TENSORFLOW  # home imports some of what the converter's process runs
    assert "sys.stdout" not in path.read_text() or room in {
        "cli/__init__.py",
        "cli/streams.py",
        "report/output.py",
    }


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("delegates", ["convert"]),  # TensorFlow is one of the runtimes
        ("harness", ["convert"]),
        ("tests", ["convert", "test"]),
        ("benchmarks", ["convert", "test"]),
    ],
)
def test_what_is_imported_is_declared(folder, extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    declared = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for group in groups for line in group}
    beside = {path.stem for path in files(folder)}
    for path in files(folder):
        tops = {name.split(".")[0] for level, name in imports(path) if level == 0}
        for top in tops - OURS - OPTIONAL - beside - sys.stdlib_module_names:
            name = DISTRIBUTIONS.get(top, top.replace("_", "-"))
            assert name in declared, f"{path.relative_to(ROOT)} imports {top}; pyproject.toml lacks {name}"


def test_the_licence_is_there_in_full():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text and "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")
