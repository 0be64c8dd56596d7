"""qbench run with a GPU that is software: used when asked for, and called what it is."""

from __future__ import annotations

import json


def profiles(tmp_path, env):
    table = ", ".join(f'{key} = "{value}"' for key, value in env.items())
    (tmp_path / "devices.toml").write_text(
        '[devices.cpu]\ndelegates = ["cpu"]\n'
        f'[devices.gpu]\ndelegates = ["gpu"]\nruntime = "ai-edge-litert"\nenv = {{ {table} }}\n'
    )


def test_a_software_gpu_runs_when_asked_for(qbench, twins, tmp_path, software_gpu):
    profiles(tmp_path, software_gpu)
    done = qbench(
        "run", "--model", twins, "--budget", "0.05", "--json", "-", "--device", "cpu", "--device", "gpu"
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    gpu = [cell for cell in cells if cell["delegate"] == "gpu"]
    assert len(gpu) == 2
    for cell in gpu:
        assert cell["status"] == "ok"
        assert cell["speedup"]["baseline"]["delegate"] == "cpu"
        assert cell["delegate_facts"]["software"] is True
        assert "software-gpu" in {warning["code"] for warning in cell["warnings"]}
    shown = qbench("show").stdout
    assert "(software)" in shown
    assert "★ twins: a on gpu" not in shown


def test_a_software_gpu_is_left_out_unless_asked_for(qbench, twins, tmp_path, software_gpu):
    profiles(tmp_path, software_gpu)
    done = qbench("run", "--model", twins, "--budget", "0.02", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert {device["name"] for device in json.loads(done.stdout)["devices"]} == {"cpu"}
    assert "device gpu left out: the only Vulkan device is software: SwiftShader" in done.stderr


def test_probing_marks_a_software_gpu_as_none(qbench, tmp_path, software_gpu):
    profiles(tmp_path, software_gpu)
    shown = qbench("devices", "--probe", "gpu").stdout
    assert "! gpu: the only Vulkan" in shown and "✓ gpu" not in shown
