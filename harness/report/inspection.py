"""What is inside a .tflite, on a terminal: the whole first, then op by op."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.figures import NONE, SIZE_UNITS, clean, common_unit, number, plural, short

_SIGNS = {"taken": ("✓", "green"), "not taken": ("✗", "red"), "uncertain": ("?", "yellow")}
_COUNTS = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))
_WIDE = 110  # columns of the terminal
_NAMED = 4  # ops that ask for a release

Document = Mapping[str, Any]


def render(document: Document, console: Console) -> None:
    """Print what `harness.tflite.describe` found, with the predictions that were asked for."""
    for line in _head(document):
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(_ops(document, wide=console.width >= _WIDE))
    _reasons(document, console)


def _head(document: Document) -> list[str]:
    lines = [
        f"{clean(document['file'])}: {document['scheme']}, {_size(document['size_bytes'])},"
        f" {plural(len(document['ops']), 'op')}, {_work(document)}",
        *(f"input   {_tensor(tensor)}" for tensor in document["inputs"]),
        *(f"output  {_tensor(tensor)}" for tensor in document["outputs"]),
        f"ops     {', '.join(f'{n} {short(op)}' for op, n in document['op_counts'].items())}",
    ]
    if needs := _needs(document):
        lines.append(needs)
    if document["description"]:
        lines.append(f"says    {clean(document['description'])}")
    if document["custom_ops"]:
        lines.append(f"custom  {', '.join(map(short, document['custom_ops']))}")
    if document["subgraphs"] > 1:
        lines.append(f"note    {document['subgraphs']} subgraphs; the ops shown are those of the first")
    return lines + [_package(package) for package in document["edgetpu"]]


def _work(document: Document) -> str:
    if document["macs"] is None:
        return "parameters and MACs unknown (compiled for the Edge TPU)"
    return ", ".join(
        f"{'at least ' if document[f'{key}_at_least'] else ''}{_count(document[key])} {word}"
        for key, word in (("parameters", "parameters"), ("macs", "MACs"))
    )


def _needs(document: Document) -> str | None:
    """The oldest release that loads it, and what the converter says where that is another one."""
    needs, says = document["needs"], document["min_runtime_version"]
    if needs is None:
        return None
    ops = ", ".join(asking(op) for op in needs["ops"][:_NAMED])
    more = f" and {len(needs['ops']) - _NAMED} more" if len(needs["ops"]) > _NAMED else ""
    release = "a release newer than all that are known here" if needs["release"] is None else needs["release"]
    other = says and needs["release"] and not f"{says}.".startswith(f"{needs['release']}.")
    note = f"; its converter says {clean(says)}" if other else ""
    return f"needs   TensorFlow Lite {clean(release)} or newer, because of {clean(ops)}{more}{note}"


def asking(op: Mapping[str, Any]) -> str:
    """An op that asks for a release: its version, or int16 tensors where they ask for more than that."""
    return f"{op['op']} with int16 tensors" if op["int16"] else f"{op['op']} version {op['version']}"


def _package(package: Mapping[str, Any]) -> str:
    """One compiled part: the runtime it needs and where its parameters lie."""
    where = f"edgetpu op {package['op']}:"
    if package["problem"]:
        return f"{where} {clean(package['problem'])}"
    kinds = ", ".join(f"{clean(e['type'])} for {clean(e['chip'])}" for e in package["executables"])
    return (
        f"{where} needs Edge TPU runtime {package['min_runtime_version']} or newer; {kinds};"
        f" at least {_size(package['cached_bytes'])} of parameters on the chip,"
        f" {_size(package['streamed_bytes'])} streamed"
    )


def _ops(document: Document, *, wide: bool) -> Table:
    """One row per op; what goes in is left out where there is no room: it came out of another op."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("op", no_wrap=True, max_width=44)
    for name in ("in", "out", "quantized") if wide else ("out", "quantized"):
        table.add_column(name, overflow="fold")
    for name in ("MACs", "params"):
        table.add_column(name, justify="right", no_wrap=True)
    for prediction in document["predictions"]:
        table.add_column(Text(short(prediction["delegate"])), no_wrap=True)
    for op in document["ops"]:
        table.add_row(
            str(op["index"]),
            Text(f"{short(op['op'])} v{op['version']}"),
            *([Text(_shapes(op["inputs"]))] if wide else []),
            Text(_shapes(op["outputs"])),
            Text(_quantized(op)),
            NONE if op["macs"] is None else _count(op["macs"]),
            _count(op["parameters"]) if op["parameters"] else NONE,
            *(_sign(prediction["ops"][op["index"]]) for prediction in document["predictions"]),
        )
    return table


def _sign(verdict: Mapping[str, Any]) -> Text:
    sign, style = _SIGNS[verdict["verdict"]]
    return Text(f"({sign})" if verdict["likely"] else sign, style=style)


def _reasons(document: Document, console: Console) -> None:
    """Under the table: what each delegate takes, and why not the rest."""
    for prediction in document["predictions"]:
        console.print()
        title = f"{prediction['delegate']} on {prediction['device']}, {prediction['target']}, predicted"
        line = Text(clean(title), style="bold").append(f": {_summary(prediction)}", style="not bold")
        console.print(line, soft_wrap=True)
        if prediction["refusal"] is not None:
            _print_reason("", prediction["refusal"], console)
        groups: dict[tuple[str, str, str | None, str], list[str]] = {}
        for op, verdict in zip(document["ops"], prediction["ops"], strict=True):
            taken = verdict["verdict"] == "taken" and not verdict["likely"]
            if not taken and prediction["outcome"] != "refused":
                word = f"likely {verdict['verdict']}" if verdict["likely"] else verdict["verdict"]
                key = (word, verdict["reason"] or "", verdict["remedy"], verdict["source"])
                groups.setdefault(key, []).append(f"{op['op']} #{op['index']}")
        for (word, reason, remedy, source), ops in groups.items():
            named = ", ".join(map(short, ops[:6])) + (f" and {len(ops) - 6} more" if len(ops) > 6 else "")
            found = {"reason": reason, "remedy": remedy, "source": source}
            _print_reason(f"{word}: {named}: ", found, console)


def _print_reason(head: str, found: Mapping[str, Any], console: Console) -> None:
    text = f"{head}{clean(found['reason'])}"
    text += f" → {clean(found['remedy'])}" if found["remedy"] else ""
    text += f" [{clean(found['source'])}]" if found["source"] else ""
    for line in Text(text).wrap(console, max(20, console.width - 2)):
        console.print(Text("  ").append_text(line))


def _summary(prediction: Mapping[str, Any]) -> str:
    if prediction["outcome"] == "refused":
        return "refused"
    words = f"{prediction['taken']} of {prediction['total']} ops taken"
    if prediction["likely"]:
        words += f", {prediction['likely']} of the verdicts only likely"
    if prediction["uncertain"]:
        words += f", {prediction['uncertain']} uncertain"
    if prediction["partitions"] is not None:
        words += f", in {prediction['partitions']} partition{'s' if prediction['partitions'] != 1 else ''}"
    return words


def _shapes(tensors: list[Mapping[str, Any]]) -> str:
    """Those that are computed; constants are counted among the parameters."""
    return " ".join(_type(tensor) for tensor in tensors if not tensor["constant"]) or NONE


def _type(tensor: Mapping[str, Any]) -> str:
    sizes = "×".join(
        "?" if signed < 0 else str(size)
        for size, signed in zip(tensor["shape"], _signature(tensor), strict=True)
    )
    return f"{tensor['dtype']}[{sizes}]"


def _signature(tensor: Mapping[str, Any]) -> list[int]:
    signature = list(tensor["shape_signature"])
    return signature if len(signature) == len(tensor["shape"]) else list(tensor["shape"])


def _tensor(tensor: Mapping[str, Any]) -> str:
    quantization = tensor["quantization"]
    text = f"{short(tensor['name'])} {_type(tensor)}"
    if quantization is not None and quantization["per"] == "tensor":
        text += f" scale {quantization['scale']} zero point {quantization['zero_point']}"
    return text


def _quantized(op: Mapping[str, Any]) -> str:
    """How the weights are quantized, else the output: per tensor, or per axis with the number of scales."""
    tensors = [t for t in (*op["inputs"][1:2], *op["outputs"]) if t["quantization"] is not None]
    if not tensors:
        return NONE
    found = tensors[0]["quantization"]
    return "per tensor" if found["per"] == "tensor" else f"per axis {found['axis']} ({found['scales']})"


def _size(value: int) -> str:
    unit = common_unit([value], SIZE_UNITS)
    return f"{number(value, unit)} {unit[0]}"


def _count(value: int) -> str:
    unit = common_unit([value], _COUNTS)
    return f"{number(value, unit) if value >= 1000 else value} {unit[0]}".strip()
