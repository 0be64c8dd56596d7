"""qbench run and show, from the command line to the stored run."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from delegates.stats import launch_floor
from tests.cli.conftest import ROOT
from tests.models import dense_model


def test_run_prints_a_table_stores_the_run_and_show_prints_it_again(qbench, twins, tmp_path):
    done = qbench("run", "--model", twins, "--budget", "0.1")
    assert done.returncode == 0, done.stderr
    assert "twins" in done.stdout
    assert "\x1b" not in done.stdout
    (folder,) = (tmp_path / "results").iterdir()
    document = json.loads((folder / "run.json").read_text())
    assert {(c["variant"], c["delegate"]) for c in document["cells"]} == {
        (v, d) for v in ("a", "b") for d in ("cpu", "xnnpack")
    }
    for cell in document["cells"]:
        assert cell["status"] == "ok"
        assert cell["size_ratio"] == 1.0
        assert cell["ops"]["total"] == cell["ops"]["delegated"] == 1
        assert cell["fidelity"]["max_abs_error"] < 1e-5
    shown = qbench("show")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[0] == done.stdout.splitlines()[0]


def test_latency_is_that_of_the_stored_samples(qbench, twins, tmp_path):
    done = qbench("run", "--model", twins, "--budget", "0.1", "--device", "cpu", "--json", "-")
    document = json.loads(done.stdout)  # nothing else on stdout
    samples = pd.read_csv(tmp_path / "results" / document["run_id"] / "samples.csv.gz")
    for cell in document["cells"]:
        own = (
            samples[(samples.variant == cell["variant"]) & (samples.delegate == cell["delegate"])].run_ns
            / 1e6
        )
        assert cell["latency_ms"]["count"] == len(own)
        assert cell["latency_ms"]["median"] == pytest.approx(own.median())
        assert cell["latency_ms"]["p90"] == pytest.approx(own.quantile(0.9))
        assert cell["latency_ms"]["stdev"] == pytest.approx(own.std())


def test_the_floors_in_the_docs_are_those_of_the_speedup(qbench, twins, tmp_path):
    """The example of docs/results.md, run as it stands on a run that has just been stored."""
    done = qbench("run", "--model", twins, "--budget", "0.1", "--device", "cpu", "--json", "-")
    run_id = json.loads(done.stdout)["run_id"]
    docs = (ROOT / "docs/results.md").read_text()
    code = re.search(r"```python\n(import numpy.*?)```", docs, re.DOTALL)[1]
    stored = f"{tmp_path}/results/{run_id}/samples.csv.gz"
    found: dict = {}
    exec(re.sub(r'"results/[^"]*"', repr(stored), code), found)  # noqa: S102  (our own documentation)
    assert len(found["floors"]) >= 2 * 6
    for key, floor in found["floors"].items():
        _, variant, *_, launch = key
        samples = found["samples"]
        own = samples[(samples.variant == variant) & (samples.launch == launch)]
        blocks = [block.tolist() for _, block in own.own_ns.fillna(own.run_ns).groupby(own.block)]
        assert floor == pytest.approx(launch_floor(blocks))


def test_narrowing_by_delegate_variant_and_threads(qbench, twins):
    done = qbench(
        "run", "--model", twins, "--budget", "0.02", "--json", "-",
        "--delegate", "xnnpack", "--variant", "b", "--threads", "1,2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [(c["variant"], c["delegate"], c["threads"]) for c in cells] == [
        ("b", "xnnpack", 1),
        ("b", "xnnpack", 2),
    ]


@pytest.mark.smoke
def test_one_bad_file_loses_only_its_own_cells(qbench, twins):
    good = dense_model(seed=1)
    (twins / "empty.tflite").write_bytes(b"")
    (twins / "cut.tflite").write_bytes(good[: len(good) // 2])
    (twins / "noise.tflite").write_bytes(bytes(range(256)) * 4)
    (twins / "name.tflite").write_bytes(good.replace(b"input", b"\x80nput"))
    done = qbench("run", "--model", twins, "--budget", "0.02", "--device", "cpu", "--json", "-")
    assert done.returncode == 3, done.stderr
    status = {
        c["variant"]: (c["status"], c["reason"], c["latency_ms"]) for c in json.loads(done.stdout)["cells"]
    }
    assert status["a"][0] == status["b"][0] == "ok"
    for name in ("empty", "cut", "noise", "name"):
        found, reason, latency = status[name]
        assert (found, latency) == ("refused", None)
        assert reason.startswith(f"{twins / name}.tflite: not a valid .tflite: ")
        assert "\n" not in reason


@pytest.mark.smoke
def test_a_custom_op_is_refused_with_its_name(qbench, nets):
    done = qbench("run", "--model", nets / "custom.tflite", "--device", "cpu", "--budget", "0.02")
    assert done.returncode == 3
    assert "fake-op-double" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--model", "digitz"], "digits"),
        (["run", "--model", "missing.tflite"], "missing.tflite"),
        (["run", "--device", "cpuu"], 'did you mean "cpu"'),
        (["run", "--delegate", "external"], "--delegate external"),
        (["run", "--threads", "0"], "--threads 0"),
        (["run", "--model", "twins", "--variant", "c"], '"c"'),
        (["run", "--model", "twins", "--baseline", "c"], "--baseline c"),
        (["run", "--devices-file", "none.toml"], "none.toml"),
        (["show"], "results"),
        (["show", "nothing"], "nothing"),
        (["run", "--threads", ""], "--threads"),
        (["run", "--threads", "1,99999"], "1 to 1024"),
        (["run", "--budget", "0"], "'--budget'"),
        (["run", "--budget", "inf"], "'--budget'"),
        (["run", "--nosuch"], "see qbench run --help"),
        (["run", "--json"], "requires an argument; see qbench run --help"),
        (["run", "--model", ""], "no name"),
        (["run", "--model", "twins", "--calibration", ""], "no source named"),
        (["run", "--model", "twins", "--json", "nowhere/x.json"], "nowhere/x.json: its folder is missing"),
        (["run", "--model", "twins", "--json", "."], "a folder"),
        (["nosuch"], "'nosuch'; see qbench --help"),
        (["quantize"], "'--out'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(qbench, twins, tmp_path, arguments, said):
    done = qbench(*arguments)
    assert done.returncode == 2
    lines = [
        line
        for line in done.stderr.splitlines()
        if "looking at" not in line and "making variants" not in line
    ]
    assert len(lines) == 1
    assert said in lines[0]
    assert done.stdout == ""
    assert not list(tmp_path.glob("results/*"))


def test_no_color_and_no_terminal_mean_no_escape_codes(qbench, twins, cache):
    from tests.cli.conftest import environment

    env = {**environment(cache), "NO_COLOR": "1", "COLUMNS": "80"}
    done = qbench("run", "--model", twins, "--budget", "0.02", env=env)
    assert "\x1b" not in done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines()[:12])) <= 80
