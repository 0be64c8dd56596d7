"""What is measured is what was hashed: files that change, and caches that are damaged, under a run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.config import load_config
from harness.session import run as job
from harness.session.options import Options
from tests.models import dense_model
from tests.unit.test_cache import DAMAGES, contents, needs_converter


class Meddler:
    """Watches a run as the command does, and does something when a step begins."""

    def __init__(self, at: str, meddle) -> None:
        self._at, self._meddle = at, meddle

    def step(self, text: str) -> None:
        if text == self._at:
            self._meddle()

    def converted(self, *_: object) -> None: ...
    def planned(self, *_: object) -> None: ...
    def measured(self, *_: object) -> None: ...
    def note(self, *_: object) -> None: ...


@pytest.mark.parametrize("how", ["moved over", "written in place"])
def test_a_file_that_is_replaced_before_it_is_measured(twins, tmp_path, cache, monkeypatch, how):
    """A rebuild during a run: what was hashed is measured, to its last digit."""
    monkeypatch.setenv("QBENCH_CACHE", str(cache))
    victim, other = twins / "b.tflite", dense_model(seed=9)

    def rebuild() -> None:
        if how == "written in place":
            victim.write_bytes(other)
        else:
            (tmp_path / "new").write_bytes(other)
            (tmp_path / "new").replace(victim)

    devices = tmp_path / "devices.toml"
    devices.write_text('[devices.cpu]\ndelegates = ["cpu"]\n')
    options = Options(models=[str(twins)], budget_s=0.05, results=tmp_path / "results")
    before = hashlib.sha256(victim.read_bytes()).hexdigest()
    outcome = job.run(options, load_config(devices), Meddler("measuring", rebuild))
    assert victim.read_bytes() == other
    assert {variant.sha256 for variant in outcome.document.variants} == {before}
    for row in outcome.document.cells:
        assert (row.status, row.fidelity.max_abs_error) == ("ok", 0)


def results_of(done) -> tuple[int, list, list]:
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    cells = [(c["model"], c["variant"], c["delegate"], c["status"], c["reason"]) for c in document["cells"]]
    return done.returncode, document["variants"], cells


def damage_all(home: Path, damage) -> dict[str, bytes]:
    before = contents(home)
    for name, content in before.items():
        (home / name).write_bytes(damage(content))
    return before


@pytest.mark.parametrize("damage", ["half", "flipped"])
def test_a_run_after_damage_to_its_whole_cache(qbench, twins, tmp_path, damage):
    from tests.cli.conftest import environment

    home = tmp_path / "cache"
    run = ("run", "--model", twins, "--device", "cpu", "--budget", "0.02", "--json", "-")
    first = results_of(qbench(*run, env=environment(home)))
    before = damage_all(home, DAMAGES[damage])
    assert {name.split("/")[0] for name in before} == {"copies", "calibration", "samples"}
    assert results_of(qbench(*run, env=environment(home))) == first
    assert contents(home) == before


@needs_converter
@pytest.mark.slow
def test_the_built_in_model_after_damage_to_its_whole_cache(qbench, tmp_path):
    """It is trained again, and comes out the same."""
    from tests.cli.conftest import environment

    home = tmp_path / "cache"
    variants = ("--variant", "float32", "--variant", "int8")
    run = ("run", *variants, "--device", "cpu", "--budget", "0.02", "--json", "-")
    first = results_of(qbench(*run, env=environment(home)))
    kinds = {"builtin", "models", "variants", "files", "calibration", "samples", "evaluation"}
    for damage in ("half", "flipped"):
        before = damage_all(home, DAMAGES[damage])
        assert {name.split("/")[0] for name in before} == kinds
        assert results_of(qbench(*run, env=environment(home))) == first


def test_different_models_in_one_folder_are_compared_within_themselves(qbench, tmp_path):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    for name, outputs in (("small_a", 3), ("small_b", 3), ("large", 3000)):
        (zoo / f"{name}.tflite").write_bytes(dense_model(seed=1, outputs=outputs))
    run = ("run", "--model", zoo, "--device", "cpu", "--budget", "0.02", "--json", "-")
    done = qbench(*run)
    assert done.returncode == 0, done.stderr
    assert "these are different models: large, small" in done.stderr
    document = json.loads(done.stdout)
    assert [m["name"] for m in document["models"]] == ["large", "small"]
    for cell in document["cells"]:
        assert cell["speedup"]["baseline"]["variant"] == {"large": "large", "small": "small_a"}[cell["model"]]
        assert "interface-differs" not in {w["code"] for w in cell["warnings"]}
    narrowed = qbench(*run, "--variant", "small_b")
    assert [m["name"] for m in json.loads(narrowed.stdout)["models"]] == ["small"]
    shown = qbench("compat", "--model", zoo, "--device", "cpu")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    for model, variants in (("large", ["large"]), ("small", ["small_a", "small_b"])):
        at = lines.index(model) + 3  # the head of its matrix, and a rule
        assert [line.split()[0] for line in lines[at : at + len(variants)]] == variants
