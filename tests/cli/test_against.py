"""`qbench run --against`: two sides in the same turns, and gates on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import store
from tests.cli.conftest import COMMAND, environment, wait_for_launches
from tests.environments import environment as python_environment
from tests.models import dense_model

SMALL, LARGE = dense_model(seed=1, inputs=256, outputs=256), dense_model(seed=1, inputs=256, outputs=512)
QUICK = ("--device", "cpu", "--budget", "0.05")
LONGER = ("--device", "cpu", "--budget", "0.3")

# A model whose code is in two files of a package.
NET = """
import keras
from {package}.layers import UNITS

def build():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(UNITS)])
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A repository with a small model in a subfolder; the working tree has a larger one."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.tflite").write_bytes(SMALL)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", "models")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    (tmp_path / "models" / "net.tflite").write_bytes(LARGE)
    return tmp_path


@pytest.fixture
def scratch(tmp_path_factory):
    """A folder for temporary files that is empty again when a command has ended."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "old.tflite").write_bytes(SMALL)
    (tmp_path / "new.tflite").write_bytes(LARGE)
    return tmp_path


def cells(document: dict) -> list[tuple[str, str, str | None]]:
    return [(cell["variant"], cell["side"], cell["status"]) for cell in document["cells"]]


@pytest.mark.smoke
def test_a_file_against_a_file_whatever_they_are_called(qbench, files):
    gates = ("--fail-over", "5%", "--junit", "junit.xml", "--markdown", "out.md", "--json", "run.json")
    done = qbench("run", "--model", "new.tflite", "--against", "old.tflite", *LONGER, *gates)
    assert done.returncode == 1, done.stderr
    assert "qbench: failed: new float32 on cpu: time +" in done.stderr
    assert "BASE --against old.tflite" in done.stdout and "▼ slower" in done.stdout
    assert done.stdout.count("new on cpu") == 2  # the table of HEAD, and the comparison
    assert 'failures="1"' in (files / "junit.xml").read_text()
    assert "gate failed" in (files / "out.md").read_text()
    document = json.loads((files / "run.json").read_text())
    assert document["against"] == "old.tflite" and document["base_revision"] is None
    assert cells(document) == [("float32", "head", "ok"), ("float32", "base", "ok")]
    head, base = document["cells"]
    assert (head["id"], base["id"]) == ("new/float32/cpu/cpu/1/head", "new/float32/cpu/cpu/1/base")
    assert head["size_bytes"] == len(LARGE) and base["size_bytes"] == len(SMALL)
    assert head["size_ratio"] == base["size_ratio"] == 1  # each side has a baseline of its own
    assert [(m["side"], m["source"]) for m in document["models"]] == [
        ("head", "new.tflite"),
        ("base", "old.tflite"),
    ]


def test_a_run_of_two_sides_is_shown_listed_and_compared_again(qbench, files):
    first = qbench("run", "--model", "new.tflite", "--against", "old.tflite", *LONGER)
    assert first.returncode == 0, first.stderr
    shown = qbench("show")
    assert shown.stdout.split("BASE")[1] == first.stdout.split("BASE")[1]
    alone = qbench("run", "--model", "new.tflite", *LONGER)
    assert alone.returncode == 0
    compared = json.loads(qbench("compare", "latest~1", "latest", "--format", "json").stdout)
    (cell,) = compared["cells"]  # HEAD's
    assert compared["against"] is None and cell["same_file"] is True
    assert [run["cells"] for run in json.loads(qbench("list", "--json", "-").stdout)["runs"]] == [1, 2]


def test_both_sides_the_same_are_the_same(qbench, files):
    shutil.copy(files / "old.tflite", files / "copy.tflite")
    done = qbench(
        *("run", "--model", "old.tflite", "--against", "copy.tflite", *LONGER, "--fail-over", "20%"),
        *("--undecided", "warn", "--fail-size", "0%"),
    )
    assert done.returncode == 0, done.stderr
    assert "old: the files of both sides are the same" in done.stderr
    facts = done.stdout.split("What differs between the sides\n")[1].split("\n\n")[0]
    assert facts.strip() == "old: source copy.tflite → old.tflite"
    assert "yardstick" not in done.stdout.lower()


def test_a_folder_against_a_folder_by_stem(qbench, tmp_path):
    for folder, names in (("old", "ab"), ("new", "bc")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.tflite").write_bytes(SMALL)
    done = qbench("run", "--model", "new", "--against", "old", *QUICK, "--json", "run.json")
    assert done.returncode == 0, done.stderr
    assert cells(json.loads((tmp_path / "run.json").read_text())) == [
        ("b", "head", "ok"),
        ("c", "head", "ok"),
        ("a", "base", "ok"),
        ("b", "base", "ok"),
    ]
    assert "+ only in HEAD" in done.stdout and "- only in BASE" in done.stdout
    only = qbench(
        "run", "--model", "new", "--against", "old", *QUICK, "--variant", "b", "--json", "-", "--quiet"
    )
    assert cells(json.loads(only.stdout)) == [("b", "head", "ok"), ("b", "base", "ok")]
    none = qbench("run", "--model", "new", "--against", "old", *QUICK, "--variant", "c")
    assert none.returncode == 2
    assert none.stderr.splitlines()[-1] == (
        "qbench: --against old: nothing to compare: new c here, old a, old b there"
    )


def test_another_folder_in_which_the_models_are_found_anew(qbench, files):
    other = files / "checkout"
    (other / "sub").mkdir(parents=True)
    (files / "sub").mkdir()
    (files / "sub" / "net.tflite").write_bytes(LARGE)
    (other / "sub" / "net.tflite").write_bytes(SMALL)
    shutil.copy(other / "sub" / "net.tflite", other)  # the folder holds .tflite files itself
    models = ("--model", "sub/net.tflite", "--model", files / "sub" / "net.tflite")
    done = qbench("run", *models, "--against", other, *QUICK, "--json", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["cells"]
    assert [(r["model"], r["side"], r["size_bytes"]) for r in rows] == [
        ("net", "head", len(LARGE)),
        ("net", "base", len(SMALL)),
        ("net-2", "head", len(LARGE)),
        ("net-2", "base", len(SMALL)),
    ]
    missing = qbench("run", "--model", "new.tflite", "--model", "sub/net.tflite", "--against", other)
    assert missing.returncode == 2
    assert f"new.tflite: {other} does not have it" in missing.stderr


@pytest.mark.smoke
def test_a_revision(qbench, repository, scratch, cache):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    before = git(repository, "status", "--porcelain")
    env = {**environment(cache), "TMPDIR": str(scratch)}
    model = ("--model", "net.tflite", "--results", "../results")
    done = qbench(
        *("run", *model, "--against", "main", *LONGER, "--fail-over", "5%"),
        *("--json", "../run.json"),
        env=env,
        cwd=repository / "models",
    )
    assert done.returncode == 1, done.stderr
    document = json.loads((repository / "run.json").read_text())
    revision = git(repository, "rev-parse", "HEAD")
    assert (document["against"], document["base_revision"]) == ("main", revision)
    assert [m["source"] for m in document["models"]] == ["net.tflite"] * 2
    assert [cell["size_bytes"] for cell in document["cells"]] == [len(LARGE), len(SMALL)]
    assert f"revision {revision[:12]} → {revision[:12]} (main), with changes" in done.stdout
    (repository / "run.json").unlink()
    shutil.rmtree(repository / "results")
    assert git(repository, "status", "--porcelain") == before
    assert git(repository, "worktree", "list").count("\n") == 0
    assert not (repository / "hooked").exists() and not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "nobody"], "--against nobody: neither a path nor a git revision; a git revision, a"),
        (["--against", "runtime=tflite"], "--against runtime=tflite: no such runtime; one of auto, tflite-r"),
        (["--against", "python="], "--against python=: a git revision, a folder, a model, python=PATH or"),
        (["--against", "main", "--model", "digits"], "digits is a built-in model, the same everywhere: it"),
        (["--against", "main", "--model", "mobilenet_v2"], "mobilenet_v2 is a built-in model, the same"),
        (["--against", "main", "--model", "models/late.tflite"], "models/late.tflite: main ("),
        (["--against", "main", "--model", "/bin/sh"], "/bin/sh: not a model that qbench can read; expected"),
        (
            ["--against", "main", "--model", "models/big.tflite"],
            "): models/big.tflite: not the model but a poi",
        ),
        (["--against", "models/net.tflite", "--model", "models/late.tflite"], "--against models/net.tflite:"),
        (["--against", "python=/no/python"], "--against python=/no/python: cannot start /no/python: No such"),
        (["--fail-over", "5%"], "gates, --within, --markdown and --junit need something to compare with:"),
        (["--markdown", "x.md"], "gates, --within, --markdown and --junit need something to compare with:"),
        (["--against", "main", "--fail-over", "x"], "--fail-over x: a percentage from 0% to below 10000% ex"),
    ],
)
def test_what_cannot_be_the_other_side_is_said_in_one_line(
    qbench, repository, scratch, cache, arguments, message
):
    (repository / "models" / "late.tflite").write_bytes(SMALL)
    big = repository / "models" / "big.tflite"
    big.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    git(repository, "add", big)
    git(repository, "commit", "--quiet", "--message", "two")
    big.write_bytes(SMALL)
    model = () if "digits" in arguments or "mobilenet_v2" in arguments else ("--model", "models/net.tflite")
    env = {**environment(cache), "TMPDIR": str(scratch)}
    done = qbench("run", *model, *QUICK, *arguments, env=env)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line != "qbench: looking at the devices"]
    assert line.startswith("qbench: ") and message in line
    assert not list(scratch.iterdir())
    assert not [*(repository / "results").glob("2*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_files_of_a_revision_are_gone_after_an_interruption(repository, scratch, cache, number):
    process = subprocess.Popen(
        [*COMMAND, "run", "--model", "models/net.tflite", "--against", "main", "-d", "cpu", "--budget", "60"],
        cwd=repository,
        env={**environment(cache), "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_launches(repository / "results", 2)
    assert [path.name.startswith("qbench-against-") for path in scratch.iterdir()].count(True) == 1
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert not list(scratch.iterdir())
    assert "qbench: interrupted" in errors


def test_a_kill_leaves_a_record_of_both_sides_and_nothing_in_the_repository(
    qbench, repository, scratch, cache
):
    """The files of the revision, which are left in a temporary folder, the next run removes."""
    git(repository, "commit", "--quiet", "--all", "--message", "two")
    arguments = ("run", "--model", "models/net.tflite", "--against", "main~1", "-d", "cpu", "-q")
    env = {**environment(cache), "TMPDIR": str(scratch)}
    process = subprocess.Popen([*COMMAND, *arguments], cwd=repository, env=env, start_new_session=True)
    folder = wait_for_launches(repository / "results", 4)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    assert git(repository, "worktree", "list").count("\n") == 0
    assert git(repository, "status", "--porcelain", "--untracked-files=no") == ""
    shown = qbench("show")
    assert shown.returncode == 0 and "BASE --against main~1" in shown.stdout
    run = store.load(folder, folder.parent)
    assert [entry.cell.side for entry in run.cells] == ["head", "base"]
    assert all(entry.launches for entry in run.cells)
    assert [path.name[:15] for path in scratch.iterdir()] == ["qbench-against-"]
    assert qbench(*arguments, *QUICK, env=env).returncode == 0
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("packages", ["", "src"], ids=["beside", "src"])
def test_a_callable_is_imported_from_the_revision(qbench, tmp_path, cache, packages):
    """Not from the working tree, even if that is on the path, as after an editable install."""
    package = tmp_path / packages / "nets"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "small.py").write_text(NET.format(package="nets"))
    (package / "layers.py").write_text("UNITS = 8\n")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    (package / "layers.py").write_text("UNITS = 64\n")
    env = environment(cache)
    env["PYTHONPATH"] += f"{os.pathsep}{tmp_path / packages}"
    run = ("run", "--model", "nets.small:build", "--variant", "float32", *QUICK, "--json", "-", "--quiet")
    done = qbench(*run, "--against", "main", env=env)
    assert done.returncode == 0, done.stderr
    variants = {one["side"]: one for one in json.loads(done.stdout)["variants"]}
    assert [variants[side]["outputs"][0]["shape"] for side in ("head", "base")] == [[1, 64], [1, 8]]


def test_a_callable_that_comes_from_the_working_tree_all_the_same_is_refused(qbench, tmp_path, cache):
    package = tmp_path / "nets"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "small.py").write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        "import importlib, keras\nsys.modules.pop('nets')\nimportlib.import_module('nets.layers')\n"
        "def build():\n    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n"
    )
    (package / "layers.py").write_text("UNITS = 8\n")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    done = qbench("run", "--model", "nets.small:build", "--variant", "float32", *QUICK, "--against", "main")
    assert done.returncode == 2
    assert f"is imported from {package}" in done.stderr and "of the other side" in done.stderr


def test_another_runtime(qbench, files):
    run = ("run", "--model", "old.tflite", *QUICK, "--json", "run.json")
    done = qbench(*run, "--against", "runtime=tensorflow")
    assert done.returncode == 0, done.stderr
    document = json.loads((files / "run.json").read_text())
    runtimes = {(cell["side"], cell["runtime"]) for cell in document["cells"]}
    assert runtimes == {("head", "ai-edge-litert"), ("base", "tensorflow")}
    assert [(d["name"], d["side"], d["runtime"]) for d in document["devices"]] == [
        ("cpu", "head", "ai-edge-litert"),
        ("cpu", "base", "tensorflow"),
    ]
    assert [one["side"] for one in document["variants"]] == [None]
    assert "cpu: runtime tensorflow → ai-edge-litert" in done.stdout
    assert qbench("show").returncode == 0


def test_another_python(qbench, files, tmp_path_factory):
    python = python_environment(tmp_path_factory.mktemp("old") / "venv", "3.9", "ai-edge-litert")
    link = files / "other"
    link.symlink_to(python.parents[1])
    done = qbench(
        *("run", "--model", "old.tflite", "--device", "cpu", "--device", "xnnpack", "--budget", "0.05"),
        *("--against", "python=other/bin/python", "--json", "run.json"),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((files / "run.json").read_text())
    pythons = [(one["name"], one["side"], one["python"][:4]) for one in document["devices"]]
    assert [name for *name, _ in pythons] == [
        ["cpu", "head"],
        ["cpu", "base"],
        ["xnnpack", "head"],
        ["xnnpack", "base"],
    ]
    assert pythons[1][2] == pythons[3][2] == "3.9."
    assert all(cell["status"] == "ok" for cell in document["cells"])
    assert {cell["speedup"]["baseline"]["device"] for cell in document["cells"]} == {"cpu"}


@pytest.mark.parametrize(("broken", "code"), [("head", 1), ("base", 3)])
def test_a_side_that_cannot_be_measured(qbench, files, nets, broken, code):
    """A gate fails for what broke in HEAD; BASE had nothing that could get worse."""
    shutil.copy(nets / "custom.tflite", files / "custom.tflite")
    pair = ("custom.tflite", "old.tflite") if broken == "head" else ("old.tflite", "custom.tflite")
    done = qbench("run", "--model", pair[0], "--against", pair[1], *QUICK, "--fail-over", "5%")
    assert done.returncode == code, done.stderr
    assert ("failed: custom" in done.stderr) == (broken == "head")
    assert "/ not measured" in done.stdout
    head = "BASE: ✗ refused" if broken == "base" else "✗ refused"
    assert any(line.startswith(head) for line in done.stdout.splitlines())


def test_two_runs_of_two_sides_are_pooled_side_by_side(qbench, files):
    for _ in range(2):
        done = qbench("run", "--model", "new.tflite", "--against", "old.tflite", *QUICK)
        assert done.returncode == 0, done.stderr
    single = json.loads(qbench("show", "latest", "--json", "-").stdout)
    pooled = json.loads(qbench("show", "latest~1", "latest", "--json", "-").stdout)
    for one, both in zip(single["cells"], pooled["cells"], strict=True):
        assert (one["side"], one["size_bytes"]) == (both["side"], both["size_bytes"])
        assert both["latency_ms"]["launches"] > one["latency_ms"]["launches"]
    assert "▼ slower" in qbench("show", "latest~1", "latest").stdout
    alone = qbench("run", "--model", "new.tflite", *QUICK)
    assert alone.returncode == 0
    refused = qbench("show", "latest~1", "latest")
    assert refused.returncode == 2
    assert "only the first was measured with --against old.tflite" in refused.stderr
