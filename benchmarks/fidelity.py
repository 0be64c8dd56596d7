"""Measure the distance of variants from float32, and show which of them `variant-differs` flags.

Every model is run in all its variants on `cpu` and `xnnpack` with next to no budget, since only outputs
matter. Models with random weights are listed apart: their classes mean nothing. `a.tflite+b.tflite` are
files of one model. Then `digits` is damaged on purpose: int8, calibrated on images darker than they are.

    python benchmarks/fidelity.py                                   # digits, mobilenet_v2
    python benchmarks/fidelity.py digits model.h5 float.tflite+int8.tflite efficientnet_v2_b0
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DELEGATES = ("cpu", "xnnpack")
FLAGS = ("variant-differs", "delegate-differs", "no-signal", "nan-output")
DARKER = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)

Cell = dict[str, Any]


def main() -> int:
    """Measure, print three tables in Markdown, and tell by the exit code whether a run failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["digits", "mobilenet_v2"], metavar="MODEL")
    parser.add_argument("--no-damage", action="store_true", help="leave the damaged digits out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = [cell for model in options.models for cell in measured(model, folder)]
        random = {cell["model"] for cell in cells if "random-weights" in codes(cell)}
        trained = [cell for cell in cells if cell["model"] not in random]
        show("Trained models", trained)
        show("Random weights", [cell for cell in cells if cell not in trained])
        if not options.no_damage:
            show("digits, calibrated on images that many times darker", damaged(folder))
    return 0 if cells else 1


def measured(model: str, folder: Path) -> list[Cell]:
    """The cells of one model that are not the reference itself, those without a fidelity included."""
    print(f"{model} …", file=sys.stderr, flush=True)
    document = run(["--model", together(model, folder)], folder)
    return [cell for cell in document["cells"] if not is_reference(cell)]


def together(model: str, folder: Path) -> str:
    """A folder of the files in `a.tflite+b.tflite`; anything else as it is."""
    files = [Path(part) for part in model.split("+")]
    if len(files) < 2:
        return str(Path(model).resolve()) if Path(model).exists() else model
    made = folder / f"{files[0].stem}-files"
    made.mkdir(exist_ok=True)
    for file in files:
        shutil.copy(file, made / file.name)
    return str(made)


def damaged(folder: Path) -> list[Cell]:
    """int8 variants of digits whose activations are clipped: calibrated on images divided by DARKER."""
    from harness.cache import default_cache
    from harness.models.builtin import digits_files

    run(["--model", "digits", "--variant", "float32"], folder)  # makes the images, where they are not there
    with np.load(digits_files(default_cache()).calibration) as file:
        images = {key: file[key] for key in file.files}
    tables = []
    for times in DARKER:
        np.savez(folder / f"darker{times}.npz", **{key: array / times for key, array in images.items()})
        tables.append(
            f'[variants.darker{times}]\noptimizations = ["DEFAULT"]\n'
            f'supported_ops = ["TFLITE_BUILTINS_INT8"]\nrepresentative_dataset = "darker{times}.npz"\n'
        )
    profiles = "".join(f'[devices.{name}]\ndelegates = ["{name}"]\n' for name in DELEGATES)
    (folder / "damaged.toml").write_text(profiles + "".join(tables))
    names = [part for times in DARKER for part in ("--variant", f"darker{times}")]
    asked = ["--model", "digits", "--devices-file", str(folder / "damaged.toml"), "--variant", "float32"]
    document = run([*asked, *names], folder)
    return [c for c in document["cells"] if c["variant"].startswith("darker") and c["delegate"] == "cpu"]


def run(arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """The result document of a short run; one that could measure nothing has no cells."""
    devices = [part for name in DELEGATES for part in ("--device", name)]
    target = folder / "document.json"
    target.unlink(missing_ok=True)
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--budget", "0.05"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, *devices, *arguments, "--json", str(target), "--quiet"],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not target.exists():
        print(f"{' '.join(arguments)}: {done.stderr.strip()}", file=sys.stderr)
        return {"cells": []}
    return dict(json.loads(target.read_text()))


def show(title: str, cells: Sequence[Cell]) -> None:
    print(f"\n{title}\n")
    print("| model | variant | delegate | SQNR dB | same top-1 % | samples | flagged |")
    print("|---|---|---|---|---|---|---|")
    for row in rows(cells):
        print(f"| {' | '.join(row)} |")


def rows(cells: Sequence[Cell]) -> Iterator[tuple[str, ...]]:
    for cell in cells:
        fidelity = cell["fidelity"]
        if fidelity is None:
            why = cell["reason"] or "outputs not compared"
            yield cell["model"], cell["variant"], cell["delegate"], "-", "-", "-", f"{cell['status']}: {why}"
            continue
        flags = ", ".join(code for code in codes(cell) if code in FLAGS)
        same = fidelity["top1_agreement"]
        yield (
            cell["model"],
            cell["variant"],
            cell["delegate"],
            decibels(fidelity),
            "-" if same is None else f"{same:.1%}".removesuffix("%"),
            str(fidelity["samples"]),
            f"**{flags}**" if flags else "",
        )


def decibels(fidelity: dict[str, Any]) -> str:
    if fidelity["sqnr_db"] is not None:
        return f"{fidelity['sqnr_db']:.1f}"
    return "exact" if fidelity["max_abs_error"] == 0 else "-"


def codes(cell: Cell) -> list[str]:
    return [warning["code"] for warning in cell["warnings"]]


def is_reference(cell: Cell) -> bool:
    reference = (cell["fidelity"] or {}).get("reference")
    return bool(reference == f"{cell['variant']}/{cell['delegate']}@{cell['device']}")


if __name__ == "__main__":
    sys.exit(main())
