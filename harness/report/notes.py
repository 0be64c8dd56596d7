"""Under the table: why cells are not ok, and warnings, each said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.report import figures
from harness.report.cells import Cell, on_threads, place
from harness.report.columns import GLYPHS
from harness.report.figures import clean


def render(document: Mapping[str, Any], console: Console) -> None:
    cells = document["cells"]
    if references := _references(cells):
        text = f"SQNR: signal to quantization noise of the outputs against {references}{_samples(document)}"
        console.print(Text(text, style="dim"))
    _print_groups(_reasons(cells), cells, console)
    _print_groups(_warnings(cells), cells, console)
    if document["interrupted"]:
        console.print(Text("Interrupted: what was measured until then is shown and stored."))


def _references(cells: Iterable[Cell]) -> str:
    """The references by name; where there are several, variants compared with themselves on cpu together."""
    users: dict[str, set[str]] = {}
    for cell in cells:
        if cell["fidelity"]:
            users.setdefault(clean(cell["fidelity"]["reference"]), set()).add(clean(cell["variant"]))
    own = {name for name, variants in users.items() if variants == {name.split("/")[0]}}
    if len(users) > 1 and own:
        return ", ".join([*sorted(set(users) - own), "the same variant on cpu"])
    return ", ".join(sorted(users))


_SAMPLES = {  # how they were chosen -> in words
    "dataset": "{count} of {source}",
    "held-back": "{count} held back from calibration",
    "calibration": "the {count} that it was calibrated on, too few to hold some back",
    "random": "{count} of random data",
    "built-in": "{count} of the built-in test data",
}


def _samples(document: Mapping[str, Any]) -> str:
    """The samples that outputs were compared on; several models name theirs where they differ."""
    told = {}
    for model in document["models"]:
        samples = model.get("fidelity_samples")  # not there in documents of older versions
        if isinstance(samples, dict) and samples.get("how") in _SAMPLES:
            count = _compared_on(document["cells"], model["name"]) or _plural(samples.get("samples", 0))
            words = _SAMPLES[samples["how"]]
            told[model["name"]] = words.format(count=count, source=samples.get("source", "?")) + _shared(
                samples
            )
    if len(set(told.values())) < 2:
        return clean("".join(f", on {text}" for text in sorted(set(told.values()))))
    return clean("; on " + ", ".join(f"{text} ({name})" for name, text in told.items()))


def _shared(samples: Mapping[str, Any]) -> str:
    """A remark where samples of a dataset were calibrated on, too: on those every variant looks good."""
    shared = samples.get("calibrated_on")  # not there in documents of older versions
    if not shared:
        return ""
    return f", {'all' if shared == samples.get('samples') else 'some'} of which were calibrated on, too"


def _compared_on(cells: Iterable[Cell], model: str) -> str:
    """On how many samples the model's outputs were really compared; empty where cells don't say."""
    fidelities = [cell["fidelity"] for cell in cells if cell["model"] == model and cell["fidelity"]]
    counts = sorted({found["samples"] for found in fidelities if "samples" in found})
    between = f"{counts[0]} to " if len(counts) > 1 else ""
    return between + _plural(counts[-1]) if counts else ""


def _plural(samples: int) -> str:
    return figures.plural(samples, "sample")


OPS_NAMED = 5

Groups = dict[tuple[str, str], list[Cell]]  # (headword, sentence) -> the cells it is said of


def _reasons(cells: Iterable[Cell]) -> Groups:
    groups: Groups = {}
    for cell in cells:
        if cell["reason"]:
            head = f"{GLYPHS.get(cell['status'], '✗')} {cell['status']}"
            groups.setdefault((head, _left_alone(cell) or cell["reason"]), []).append(cell)
    return {
        (head, alike[0]["reason"] if len({cell["reason"] for cell in alike}) == 1 else sentence): alike
        for (head, sentence), alike in groups.items()
    }


def _left_alone(cell: Cell) -> str | None:
    """What a delegate left and why, without the counts that differ from variant to variant."""
    left = (cell["ops"] or {}).get("not_delegated")
    if cell["status"] not in {"partial", "fallback"} or not left:
        return None
    by_reason: dict[str, list[str]] = {}
    for group in left:
        ops = by_reason.setdefault(group["reason"] or "no reason known", [])
        if group["op"] not in ops:
            ops.append(group["op"])
    if cell["status"] == "fallback" and len(by_reason) == 1:
        return f"no op taken, so this is the CPU: {next(iter(by_reason))}"
    return "; ".join(f"{_some(ops)} left on the CPU: {reason}" for reason, ops in by_reason.items())


def _some(ops: list[str]) -> str:
    return (
        ", ".join(ops)
        if len(ops) <= OPS_NAMED
        else f"{', '.join(ops[:OPS_NAMED])} and {len(ops) - OPS_NAMED} more"
    )


def _warnings(cells: Iterable[Cell]) -> Groups:
    groups: Groups = {}
    for cell in cells:
        for warning in cell["warnings"]:
            sentence = (
                f"{warning['message']}; {warning['remedy']}" if warning.get("remedy") else warning["message"]
            )
            groups.setdefault((f"warning {warning['code']}", sentence), []).append(cell)
    return groups


def _print_groups(groups: Groups, every: Sequence[Cell], console: Console) -> None:
    for (head, sentence), cells in groups.items():
        text = Text(clean(head), style="bold").append(f"  {clean(_cells(cells, every))}", style="not bold")
        console.print(text)
        for line in Text(clean(sentence)).wrap(console, max(20, console.width - 4)):
            console.print(Text("    ").append_text(line))


def _cells(cells: Sequence[Cell], every: Sequence[Cell]) -> str:
    """int8, uint8 on xnnpack, cpu; all variants on gpu@pi4: places with the same variants together."""
    several_models = len({cell["model"] for cell in every}) > 1
    together: dict[tuple[str, str], list[str]] = {}
    for (model, where), variants in _by_place(cells, every).items():
        all_there = {cell["variant"] for cell in every if cell["model"] == model and where in _places(cell)}
        names = "all variants" if len(variants) == len(all_there) > 1 else ", ".join(variants)
        together.setdefault((model, names), []).append(where)
    return "; ".join(
        f"{model + ': ' if several_models else ''}{names} on {', '.join(places)}"
        for (model, names), places in together.items()
    )


def _by_place(cells: Sequence[Cell], every: Sequence[Cell]) -> dict[tuple[str, str], list[str]]:
    """(model, place) -> variants; the place has a number of threads where others are not meant."""
    said, there = Counter(map(_unthreaded, cells)), Counter(map(_unthreaded, every))
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        where = _places(cell)[said[_unthreaded(cell)] < there[_unthreaded(cell)]]
        variants = found.setdefault((cell["model"], where), [])
        if cell["variant"] not in variants:
            variants.append(cell["variant"])
    return found


def _places(cell: Cell) -> tuple[str, str]:
    """Without and with the number of threads."""
    return place(cell), place(cell) + on_threads(cell)


def _unthreaded(cell: Cell) -> tuple[str, str, str]:
    return cell["model"], cell["variant"], place(cell)
