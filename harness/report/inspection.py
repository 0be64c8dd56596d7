"""The inspection of a .tflite file on a terminal: a summary, then op by op."""
# ruff: noqa: RUF001, RUF002 (the typographic signs are meant)

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analysis.compat import Inspection, NeedingOp, Needs
from harness.report.figures import NONE, SIZE_UNITS, clean, common_unit, number, plural, short, some
from harness.report.predictions import print_prediction, sign
from harness.tflite import ModelInfo, OpInfo, TensorInfo, work
from harness.tflite.edgetpu_package import Package, is_compiled, packages

_COUNTS = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))
_WIDE = 110  # columns of the terminal
_NAMED = 4  # ops named as the reason for a release


def render(inspection: Inspection, console: Console) -> None:
    """Print the content of a file, and the predictions for it."""
    for line in _head(inspection):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_ops(inspection, wide=console.width >= _WIDE))
    for prediction in inspection.predictions:
        print_prediction(prediction, inspection.model, console)


def op_and_version(op: NeedingOp) -> str:
    """Return the op with its version, or "with int16 tensors" if these are what needs the release."""
    return f"{op.op} with int16 tensors" if op.int16 else f"{op.op} version {op.version}"


def _head(inspection: Inspection) -> list[str]:
    model = inspection.model
    counts = Counter(op.name for op in model.ops).most_common()
    lines = [
        f"{clean(inspection.file)}: {model.scheme}, {_size(model.size_bytes)},"
        f" {plural(len(model.ops), 'op')}, {_work(model)}",
        *(f"input   {_tensor(tensor)}" for tensor in model.inputs),
        *(f"output  {_tensor(tensor)}" for tensor in model.outputs),
        f"ops     {', '.join(f'{n} {short(op)}' for op, n in counts)}",
    ]
    if inspection.needs is not None:
        lines.append(_needs(inspection.needs, model.min_runtime_version))
    if model.description:
        lines.append(f"says    {clean(model.description)}")
    if custom := sorted({op.name for op in model.ops if op.custom}):
        lines.append(f"custom  {', '.join(map(short, custom))}")
    if model.subgraphs > 1:
        lines.append(f"note    {model.subgraphs} subgraphs; the ops shown are those of the first")
    return [*lines, *_of_inputs(model), *(_package(package) for package in packages(model))]


def _of_inputs(model: ModelInfo) -> Iterator[str]:
    """Yield what else could be shown: other shapes, other signatures."""
    free = [tensor for tensor in model.inputs if -1 in tensor.shape_signature]
    if free:
        shapes = ", ".join("×".join(map(str, tensor.shape)) for tensor in free)
        yield f"note    ? is a free dimension; MACs are for {shapes}, --shape chooses others"
    if len(model.signatures) > 1:
        names = ", ".join(short(one.name) for one in model.signatures)
        yield f"note    signatures {names}; --signature chooses one"


def _work(model: ModelInfo) -> str:
    """Return the parameters and MACs of a model, with "at least" if some can't be counted."""
    if is_compiled(model):
        return "parameters and MACs unknown (compiled for the Edge TPU)"
    macs = sum(work.macs(op, model) or 0 for op in model.ops)
    more_macs = any(work.uncounted(op, model) for op in model.ops)
    return ", ".join(
        f"{'at least ' if more else ''}{_count(count)} {word}"
        for count, more, word in (
            (work.total_parameters(model), work.calls_others(model), "parameters"),
            (macs, more_macs, "MACs"),
        )
    )


def _needs(needs: Needs, says: str | None) -> str:
    """Return the oldest release that loads a model, and what its converter says if that differs."""
    ops = some([clean(op_and_version(op)) for op in needs.ops], _NAMED)
    release = needs.release or "a release newer than all that are known here"
    other = says and needs.release and not f"{says}.".startswith(f"{needs.release}.")
    note = f"; its converter says {clean(says)}" if other else ""
    return f"needs   TensorFlow Lite {clean(release)} or newer, because of {ops}{note}"


def _package(package: Package) -> str:
    """Return the runtime that a compiled part needs, and where its parameters are stored."""
    where = f"edgetpu op {package.op}:"
    if package.problem:
        return f"{where} {clean(package.problem)}"
    kinds = ", ".join(f"{clean(e.type)} for {clean(e.chip)}" for e in package.executables)
    return (
        f"{where} needs Edge TPU runtime {package.min_runtime_version} or newer; {kinds};"
        f" at least {_size(package.cached_bytes)} of parameters on the chip,"
        f" {_size(package.streamed_bytes)} streamed"
    )


def _ops(inspection: Inspection, *, wide: bool) -> Table:
    """Return a table with one row per op. Unless `wide`, inputs are left out: they are others' outputs."""
    model = inspection.model
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("op", no_wrap=True, max_width=44)
    for name in ("in", "out", "quantized") if wide else ("out", "quantized"):
        table.add_column(name, overflow="fold")
    for name in ("MACs", "params"):
        table.add_column(name, justify="right", no_wrap=True)
    for prediction in inspection.predictions:
        table.add_column(Text(short(prediction.delegate)), no_wrap=True)
    for index, op in enumerate(model.ops):
        signs = (sign(prediction.ops[index]) for prediction in inspection.predictions)
        table.add_row(str(index), *_op(op, model, wide), *signs)
    return table


def _op(op: OpInfo, model: ModelInfo, wide: bool) -> list[Text]:
    inputs, outputs = ([model.tensors[i] for i in ids] for ids in (op.inputs, op.outputs))
    macs, parameters = work.macs(op, model), work.parameters(op, model)
    return [
        Text(f"{short(op.name)} v{op.version}"),
        *([Text(_shapes(inputs))] if wide else []),
        Text(_shapes(outputs)),
        Text(_quantized([*inputs[1:2], *outputs])),
        Text(NONE if macs is None else _count(macs)),
        Text(_count(parameters) if parameters else NONE),
    ]


def _shapes(tensors: Sequence[TensorInfo]) -> str:
    """Return the types of computed tensors. Constants are left out: they count as parameters."""
    return " ".join(_type(tensor) for tensor in tensors if not tensor.constant) or NONE


def _type(tensor: TensorInfo) -> str:
    """Return a tensor's type and shape: "int8[?×96×96×3]", with ? for a dynamic dimension."""
    signature = tensor.shape_signature if len(tensor.shape_signature) == len(tensor.shape) else tensor.shape
    sizes = ("?" if signed < 0 else str(size) for size, signed in zip(tensor.shape, signature, strict=True))
    return f"{tensor.dtype}[{'×'.join(sizes)}]"


def _tensor(tensor: TensorInfo) -> str:
    text = f"{short(tensor.name)} {_type(tensor)}"
    quantization = tensor.quantization
    if quantization is None or quantization.axis is not None:
        return text
    scale = quantization.scales[0] if math.isfinite(quantization.scales[0]) else None
    return f"{text} scale {scale} zero point {quantization.zero_points[0]}"


def _quantized(tensors: Iterable[TensorInfo]) -> str:
    """Return how the first quantized tensor is quantized: "per tensor", or "per axis 0 (16)" scales."""
    first = next((tensor.quantization for tensor in tensors if tensor.quantization is not None), None)
    if first is None:
        return NONE
    return "per tensor" if first.axis is None else f"per axis {first.axis} ({len(first.scales)})"


def _size(value: int) -> str:
    unit = common_unit([value], SIZE_UNITS)
    return f"{number(value, unit)} {unit[0]}"


def _count(value: int) -> str:
    unit = common_unit([value], _COUNTS)
    return f"{number(value, unit) if value >= 1000 else value} {unit[0]}".strip()
