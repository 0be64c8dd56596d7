"""qbench run --device coral: what is missing where nothing is there, and the whole path with stand-ins."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.models import dense_model


@pytest.fixture
def int8_model(tmp_path, nets):
    """A small model that the Edge TPU would take."""
    return shutil.copy(nets / "resnet_int8.tflite", tmp_path / "resnet.tflite")


def profile(tmp_path, library, compiler, **options):
    table = ", ".join(f'{key} = "{value}"' for key, value in options.items())
    file = tmp_path / "devices.toml"
    file.write_text(
        "[devices.coral]\ndelegates = [\n"
        f'    "cpu", {{ name = "edgetpu", library = "{library}", compiler = "{compiler}",'
        f" options = {{ {table} }} }},\n]\ntimeout = 20\n"
    )


def cells(done):
    return {(c["variant"], c["delegate"]): c for c in json.loads(done.stdout)["cells"]}


def test_without_anything_it_says_what_is_missing_in_order(qbench, int8_model):
    done = qbench("run", "--model", int8_model, "--device", "coral", "--budget", "0.02", "--json", "-")
    assert done.returncode == 3
    found = cells(done)
    assert found["int8", "cpu"]["status"] == "ok"
    missing = found["int8", "edgetpu"]
    assert (missing["status"], missing["latency_ms"]) == ("unavailable", None)
    places = [missing["reason"].index(word) for word in ("no library: ", "no device: ", "no compiler: ")]
    assert places == sorted(places)


def test_by_default_only_what_can_run_here_is_used(qbench, twins):
    done = qbench("run", "--model", twins, "--budget", "0.02", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert {device["name"] for device in json.loads(done.stdout)["devices"]} == {"cpu", "xnnpack"}
    assert "device coral left out: no library: libedgetpu.so.1" in done.stderr


def test_from_variant_to_table_with_stand_ins(
    qbench, cache, int8_model, tmp_path, standin_library, standin_compiler
):
    """The compiler leaves one op; the library takes the rest: the baseline is this machine's CPU."""
    from tests.cli.conftest import environment

    standin_compiler.mode("partial")
    profile(tmp_path, standin_library, standin_compiler.command, slow_us=3000)
    arguments = ("run", "--model", int8_model, "--budget", "0.1", "--json", "-")
    done = qbench(*arguments, env=environment(cache))
    assert done.returncode == 0, done.stderr
    found = cells(done)["int8", "edgetpu"]
    assert (found["status"], found["ops"]["total"], found["ops"]["delegated"]) == ("partial", 16, 15)
    assert "edgetpu_compiler: Operation not supported (1 SOFTMAX)" in found["reason"]
    assert found["latency_ms"]["min"] >= 3.0
    assert found["speedup"]["baseline"]["delegate"] == "cpu"
    assert found["speedup"]["value"] < 1
    assert found["compiled"]["on_chip_bytes"] == 66 << 10
    assert found["compiled"]["compiler"] == "16.0.384591198"
    assert found["delegate_facts"]["library"] == str(standin_library)
    assert found["size_bytes"] != cells(done)["int8", "cpu"]["size_bytes"]
    table = qbench("show", env=environment(cache)).stdout
    assert "15/16" in table


def test_a_compiled_model_is_used_as_it_is(qbench, tmp_path, nets, standin_library):
    """Beside its source, and as a variant of its own, which other delegates skip on paper."""
    folder = tmp_path / "pair"
    folder.mkdir()
    source, compiled = "resnet_int8", "resnet_int8_edgetpu"
    for name in (source, compiled):
        shutil.copy(nets / f"{name}.tflite", folder)
    profile(tmp_path, standin_library, "/no/compiler/is/needed")
    done = qbench("run", "--model", folder, "--budget", "0.05", "--json", "-")
    assert done.returncode == 0, done.stderr
    found = cells(done)
    assert found[source, "cpu"]["status"] == "ok"
    assert found[compiled, "cpu"]["reason"] == "compiled for the Edge TPU: it runs there only"
    for name in (source, compiled):
        assert found[name, "edgetpu"]["status"] == "ok"
        assert found[name, "edgetpu"]["size_bytes"] == (folder / f"{compiled}.tflite").stat().st_size
    assert found[source, "edgetpu"]["compiled"]["file"] == f"{compiled}.tflite"


def test_what_cannot_be_compiled_is_one_refused_cell(
    qbench, int8_model, tmp_path, cache, standin_library, standin_compiler
):
    from tests.cli.conftest import environment

    standin_compiler.mode("refuse")
    profile(tmp_path, standin_library, standin_compiler.command)
    done = qbench(
        "run", "--model", int8_model, "--budget", "0.02", "--json", "-",
        env={**environment(cache), "QBENCH_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 3
    assert cells(done)["int8", "edgetpu"]["reason"] == "edgetpu_compiler 16.0.384591198: Model not quantized"
    assert cells(done)["int8", "cpu"]["status"] == "ok"


def test_float_models_are_ruled_out_on_paper(qbench, tmp_path, standin_library):
    (tmp_path / "dense.tflite").write_bytes(dense_model(seed=1))
    profile(tmp_path, standin_library, "none")
    done = qbench("run", "--model", "dense.tflite", "--budget", "0.02", "--json", "-")
    assert done.returncode == 0, done.stderr
    skipped = cells(done)["float32", "edgetpu"]
    assert (skipped["status"], skipped["reason"]) == (
        "skipped",
        "the Edge TPU runs int8 and uint8 only; this variant is float32",
    )


@pytest.mark.parametrize(
    ("fail", "ends"),
    [
        ("crash", ("unavailable", "killed by SIGSEGV while loading its library; Google's libedgetpu is")),
        ("load", ("unavailable", "no device: ")),
        ("crash_invoke", ("crashed", "killed by SIGSEGV while running inference; Google's libedgetpu")),
    ],
)
def test_a_library_that_fails_costs_its_own_cells_only(
    qbench, int8_model, tmp_path, standin_library, standin_compiler, fail, ends
):
    profile(tmp_path, standin_library, standin_compiler.command, fail=fail)
    done = qbench("run", "--model", int8_model, "--budget", "0.02", "--json", "-", "--device", "coral")
    assert done.returncode == 3
    found = cells(done)
    assert found["int8", "cpu"]["status"] == "ok"
    assert found["int8", "edgetpu"]["status"] == ends[0]
    assert ends[1] in found["int8", "edgetpu"]["reason"]


def test_probing_tells_of_the_compiler(qbench, tmp_path, standin_compiler):
    def profile(name: str, command: object) -> str:
        return f'[devices.{name}]\ndelegates = [{{ name = "edgetpu", compiler = "{command}" }}]\n'

    there, missing = profile("there", standin_compiler.command), profile("missing", "/nowhere/it")
    (tmp_path / "devices.toml").write_text(there + missing + '[devices.cpu]\ndelegates = ["cpu"]\n')
    shown = " ".join(qbench("devices", "--probe").stdout.split())
    assert f"there: ✓ edgetpu_compiler 16.0.384591198 ({standin_compiler.command})" in shown
    assert 'missing: ! no compiler: compiler = "/nowhere/it" is not there' in shown
    done = qbench("devices", "--probe", "--json", "-")
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)["devices"]
    assert [device.get("compiler", {}).get("version") for device in known] == ["16.0.384591198", None, None]
    assert "compiler" not in known[2] and known[0]["compiler"]["problem"] is None


def test_the_drop_is_against_float32_on_the_cpu_beside_it(
    qbench, cache, nets, tmp_path, standin_library, standin_compiler
):
    """Float32 can't run on an Edge TPU, and the CPU was not asked for: there it is evaluated only."""
    from tests.cli.conftest import environment

    standin_compiler.mode("partial")
    profile(tmp_path, standin_library, standin_compiler.command)
    folder = tmp_path / "net"
    folder.mkdir()
    shutil.copy(nets / "resnet.tflite", folder / "float32.tflite")
    shutil.copy(nets / "resnet_int8.tflite", folder / "int8.tflite")
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=random.random((40, 32, 32, 3)), y=random.integers(0, 10, 40))
    asked = ("--model", folder, "--delegate", "edgetpu", "--device", "coral", "--budget", "0.02")
    done = qbench("run", *asked, "--dataset", "data.npz", "--json", "-", env=environment(cache))
    assert done.returncode == 0, done.stderr
    found = cells(done)
    assert set(found) == {("float32", "edgetpu"), ("int8", "edgetpu")}
    assert found["float32", "edgetpu"]["status"] == "skipped"
    accuracy = found["int8", "edgetpu"]["accuracy"]
    assert accuracy["samples"] == 40
    assert (accuracy["drop"]["reference"], accuracy["drop"]["samples"]) == ("float32/cpu@coral", 40)
    assert "change: against float32/cpu@coral" in " ".join(qbench("show").stdout.split())
