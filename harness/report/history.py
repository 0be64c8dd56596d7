"""A history on a terminal: a line per cell, or a diagram where there are one or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record import subject
from harness.record.history import Course, History, Step
from harness.report import figures, output
from harness.report.changes import percent
from harness.report.columns import glyph
from harness.report.history_steps import change_text, tone, when, where
from harness.report.history_view import heading, paragraphs, several_threads, value_text
from harness.report.lines import print_indented
from harness.report.plot import plot
from harness.report.sparkline import sparkline

_STYLES = {"": "", "good": "green", "caution": "yellow", "bad": "red", "dim": "dim"}
_HEADS = {"strong": "bold", "dim": "dim", "plain": ""}
_DRAWN = 2  # courses that are drawn large
_AROUND = 3  # points that are listed on each side of a step
_LONGEST, _SHORTEST = 60, 8  # columns of a sparkline
_BESIDE = 62  # columns that the other figures of a line take


def render(history: History, console: Console) -> None:
    """Print the courses, their steps, and remarks."""
    console.print(Text(heading(history), style="bold"))
    if len(history.cells) <= _DRAWN:
        for course in history.cells:
            _draw(course, history, console)
    else:
        for title, courses in _groups(history).items():
            console.print()
            console.print(Text(title, style="bold"))
            console.print(_table(courses, history, console.width), crop=False)
    console.print()
    for paragraph in paragraphs(history):
        head = Text(paragraph.head, style=_HEADS[paragraph.tone])
        console.print(head.append(f"  {paragraph.about}", style="not bold") if paragraph.about else head)
        for line in paragraph.lines:
            print_indented(line, 4, console)


def as_text(history: History) -> str:
    """Return the history as plain text, as wide as the terminal."""
    text = StringIO()
    render(history, output.console(into=text))
    return text.getvalue()


def _groups(history: History) -> dict[str, list[Course]]:
    """Return the courses by subject, device and machine."""
    groups: dict[str, list[Course]] = {}
    for course in history.cells:
        machine = "" if course.machine is None else f" — {figures.short(course.machine)}"
        title = f"{figures.short_subject(course)} on {figures.short(course.device)}{machine}"
        groups.setdefault(title, []).append(course)
    return groups


def _table(courses: Sequence[Course], history: History, width: int) -> Table:
    threads = several_threads(history)
    long = max(_SHORTEST, min(_LONGEST, width - _BESIDE))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold", max_width=max(12, width // 5))
    table.add_column("delegate", no_wrap=True)
    if threads:
        table.add_column("thr", justify="right", no_wrap=True)
    for name in ("first", "last"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("course", no_wrap=True)
    table.add_column("newest step", no_wrap=True)
    for course in courses:
        known = [point.value for point in course.points if point.value is not None]
        ends = [known[0], known[-1]] if known else [None, None]
        table.add_row(
            figures.short(course.variant),
            figures.short(course.delegate),
            *([str(course.threads)] if threads else []),
            *(value_text(value, history.figure) for value in ends),
            sparkline(course, long, history.within),
            _newest(course, history),
        )
    return table


def _newest(course: Course, history: History) -> Text:
    """Return the newest step: "+12.1% 2026-11-03"."""
    if not course.steps:
        return Text(figures.NONE, style="dim")
    step = course.steps[-1]
    date = course.points[step.at].started_at[:10]
    if step.kind == "status":
        what = f"{glyph(course.points[step.at].status)} {course.points[step.at].status}"
    else:
        what = change_text(step) if step.change is None else percent(step.change)
    doubt = {"group": " all", "unknown": " ?"}.get(step.whose, "")
    return Text(figures.clean(f"{what} {date}{doubt}"), style=_STYLES[tone(step, history.figure)])


def _draw(course: Course, history: History, console: Console) -> None:
    """Print the diagram of a course, and the points around its steps."""
    console.print()
    threads = f", {figures.plural(course.threads, 'thread')}" if several_threads(history) else ""
    machine = "" if course.machine is None else f" ({course.machine})"
    title = f"{subject(course)} {course.variant} on {course.delegate}@{course.device}{machine}{threads}"
    console.print(Text(figures.short(title), style="bold"))
    width = min(console.width, 100)
    for line in plot(course, width, lambda value: value_text(value, history.figure), history.within):
        console.print(Text(line), no_wrap=True, crop=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, justify in (("", "left"), ("started", "left"), ("run", "left"), ("value", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("status", no_wrap=True)
    for cells in _listed(course, history):
        table.add_row(*cells)
    if table.row_count:
        console.print(table, crop=False)


def _listed(course: Course, history: History) -> Iterator[Sequence[Text]]:
    """Yield the points around the newest steps, each as its texts."""
    steps: dict[int, Step] = {step.at: step for step in course.steps[-3:]}
    shown = sorted({at for step in steps for at in range(step - _AROUND, step + _AROUND)})
    for at in shown:
        if not 0 <= at < len(course.points):
            continue
        point = course.points[at]
        style = _STYLES[tone(steps[at], history.figure)] if at in steps else ""
        yield [
            Text(figures.clean(text), style=style)
            for text in (
                "▲" if at in steps else "",
                when(point),
                where(point),
                value_text(point.value, history.figure),
                f"{glyph(point.status)} {point.status}",
            )
        ]
