#!/usr/bin/env python3
"""A STAND-IN for Google's edgetpu_compiler, for tests only.

Puts all ops of a model into one `edgetpu-custom-op` with the same inputs and outputs, or leaves the last
one on the CPU, and says what the real compiler would say; no Edge TPU could run the result. What it does
besides is told by STANDIN_MODE: "" "partial" "refuse" "flaky" "hang" "flood". Each call is noted in the
file that STANDIN_CALLS names.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

VERSION = "16.0.384591198"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--out_dir", type=Path)
    parser.add_argument("--show_operations", action="store_true")
    parser.add_argument("--min_runtime_version")
    parser.add_argument("model", nargs="?", type=Path)
    asked = parser.parse_args()
    print(f"Edge TPU Compiler version {VERSION}", flush=True)
    if asked.version:
        return 0
    calls = Path(os.environ["STANDIN_CALLS"])
    before = len(calls.read_text().splitlines()) if calls.exists() else 0
    with calls.open("a") as file:
        file.write(f"{asked.model}\n")
    mode = os.environ.get("STANDIN_MODE", "")
    if mode == "hang":
        time.sleep(600)
    if mode == "flood":
        sys.stdout.write("x" * 10_000_000 + "\n")
    if mode == "refuse":
        print(f"Invalid model: {asked.model}\nModel not quantized")
        return 1
    if mode == "flaky" and before == 0:
        print("\nInternal compiler error. Aborting! ")
        return 1
    compile_model(asked.model, asked.out_dir, keep_last=mode == "partial")
    return 0


def compile_model(source: Path, folder: Path, keep_last: bool) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(source.read_bytes(), 0))
    graph = model.subgraphs[0]
    mapped, left = (graph.operators[:-1], graph.operators[-1:]) if keep_last else (graph.operators, [])
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    rows = [
        (names[max(c.builtinCode, c.deprecatedBuiltinCode)], status)
        for ops, status in ((mapped, "Mapped to Edge TPU"), (left, "Operation not supported"))
        for c in (model.operatorCodes[op.opcodeIndex] for op in ops)
    ]
    code, custom = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "edgetpu-custom-op", 1
    custom.opcodeIndex = len(model.operatorCodes)
    model.operatorCodes.append(code)
    custom.inputs = list(graph.inputs)
    custom.outputs = [int(left[0].inputs[0])] if left else list(graph.outputs)
    graph.operators = [custom, *left]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    made = folder / f"{source.stem}_edgetpu.tflite"
    made.write_bytes(bytes(builder.Output()))
    report(source, made, rows)


def report(source: Path, made: Path, rows: list[tuple[str, str]]) -> None:
    print("Started a compilation timeout timer of 180 seconds.\n\nModel compiled successfully in 9 ms.\n")
    print(f"Input model: {source}\nInput size: {source.stat().st_size / 1024:.2f}KiB")
    print(f"Output model: {made}\nOutput size: {made.stat().st_size / 1024:.2f}KiB")
    print("On-chip memory used for caching model parameters: 66.00KiB")
    print("On-chip memory remaining for caching model parameters: 7.50MiB")
    print("Off-chip memory used for streaming uncached model parameters: 0.00B")
    print(f"Number of Edge TPU subgraphs: 1\nTotal number of operations: {len(rows)}\n")
    print("Operator                       Count      Status\n")
    for row in sorted(set(rows)):
        print(f"{row[0]:<31}{rows.count(row):<11}{row[1]}")
    print("Compilation child process completed within timeout period.\nCompilation succeeded! ")


if __name__ == "__main__":
    sys.exit(main())
