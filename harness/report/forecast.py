"""What a run would do, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record import Side, Subject, subject
from harness.record.forecast import Forecast, ForecastCell
from harness.report.figures import NONE, clean, plural, short, short_subject
from harness.report.lines import print_indented

_STYLES = {"measure": "", "skipped": "dim", "unavailable": "yellow", "refused": "yellow"}
_FIRST = {"convert": "convert, measure", "compile": "compile, measure"}


def render(forecast: Forecast, console: Console) -> None:
    """Print one block per subject and device, then reasons, then how long it would take."""
    about = {(device.name, device.side): device.about for device in forecast.devices}
    blocks: dict[tuple[Subject, str, Side | None], list[ForecastCell]] = {}
    for cell in forecast.cells:
        blocks.setdefault((subject(cell), cell.device, cell.side), []).append(cell)
    for (_, device, side), cells in blocks.items():
        title = Text(f"{short_subject(cells[0])} on {short(device)}", style="bold")
        known = about.get((device, side)) or about.get((device, None))
        of_side = f", {side.upper()}" if side else ""
        title.append(of_side + (f" — {clean(known)}" if known else ""), style="not bold")
        console.print(title)
        console.print(_table(cells))
        console.print()
    for plan, which, reason in _reasons(forecast.cells):
        console.print(Text(plan, style="bold").append(f"  {which}", style="not bold"))
        print_indented(reason, 4, console)
    for line in summary(forecast):
        console.print(Text(line))


def summary(forecast: Forecast) -> Iterator[str]:
    """Yield what there is to do, and how long it takes."""
    measured = [cell for cell in forecast.cells if cell.plan == "measure"]
    others = [cell.plan for cell in forecast.cells if cell.plan != "measure"]
    parts = [f"{others.count(plan)} {plan}" for plan in dict.fromkeys(others)]
    yield ", ".join([f"{plural(len(measured), 'cell')} to measure", *parts])
    shared = any(device.side for device in forecast.devices)  # the sides have the same variants
    making = {
        (subject(cell), None if shared else cell.side, cell.variant)
        for cell in measured
        if cell.make == "convert"
    }
    if making:
        yield f"{plural(len(making), 'variant')} to convert; whether that succeeds is not known before"
    known = sum(cell.stored_runs > 0 for cell in measured)
    source = (
        f"{known} of {plural(len(measured), 'cell')} by stored runs" if known else "no stored run to go by"
    )
    yield (
        f"about {duration(forecast.seconds)}: {duration(forecast.prepare_s)} to prepare,"
        f" {duration(forecast.measure_s)} to measure ({source})"
    )


def duration(seconds: float) -> str:
    """Format roughly: 0.8 s, 12 s, 4 min, 1 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def _table(cells: Sequence[ForecastCell]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold")
    for name in ("delegate", "threads", "plan", "time", "told by"):
        justify = "right" if name in ("threads", "time") else "left"
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for cell in cells:
        table.add_row(
            short(cell.variant),
            short(cell.delegate),
            str(cell.threads),
            _FIRST.get(cell.make or "", cell.plan),
            NONE if cell.seconds is None else duration(cell.seconds),
            _source(cell),
            style=_STYLES[cell.plan],
        )
    return table


def _source(cell: ForecastCell) -> str:
    if cell.plan != "measure":
        return ""
    return plural(cell.stored_runs, "stored run") if cell.stored_runs else "rule of thumb"


def _reasons(cells: Sequence[ForecastCell]) -> Iterator[tuple[str, str, str]]:
    """Yield what won't be measured: "skipped", "net on edgetpu@coral: float32, float16", and the reason."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for cell in cells:
        if cell.reason is not None:
            where = f"{cell.delegate}@{cell.device}"
            by_place = groups.setdefault((cell.plan, cell.reason), {})
            by_place.setdefault(f"{subject(cell)} on {where}", []).append(cell.variant)
    for (plan, reason), by_place in groups.items():
        names = [f"{place}: {', '.join(dict.fromkeys(variants))}" for place, variants in by_place.items()]
        yield plan, clean("; ".join(names)), clean(reason)
