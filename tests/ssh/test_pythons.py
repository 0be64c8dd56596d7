"""A board with an old Python and an old runtime."""

from __future__ import annotations

import pytest

from tests.environments import environment


@pytest.mark.slow
def test_python_3_7_and_tflite_runtime_2_11(measure, board, tmp_path):
    python = environment(tmp_path / "old", "3.7", "numpy<2", "tflite-runtime==2.11.0")
    document = measure(board.profile(python=str(python), delegates=["cpu", "xnnpack"])).document
    (device,) = document["devices"]
    assert (device["runtime"], device["runtime_version"]) == ("tflite-runtime", "2.11.0")
    assert device["python"].startswith("3.7.")
    assert [cell["status"] for cell in document["cells"]] == ["ok", "ok"]
    assert all(cell["latency_ms"]["launches"] >= 6 for cell in document["cells"])


@pytest.mark.slow
def test_without_a_python_key_an_environment_in_the_home_folder_is_found(measure, watching, board):
    """The board's python3 has the standard library only."""
    bare = environment(board.home / "bare", "3.8")
    python = environment(board.home / "venv", "3.8", "numpy<2", "tflite-runtime==2.14.0")
    board.env["PATH"] = f"{bare.parent}:/usr/bin:/bin"
    board.stop()
    board.start()
    document = measure(board.profile(python=None), watching=watching).document
    assert document["devices"][0]["runtime_version"] == "2.14.0"
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert f"device board: using {python}3, because python3 there can't run models" in watching.notes
