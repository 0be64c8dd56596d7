"""The steps of a history as texts: where they are, what moved, and what differs there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.record import subject
from harness.record.comparison import DifferingFact
from harness.record.history import Course, Figure, History, Point, Step
from harness.report import figures
from harness.report.changes import percent
from harness.report.columns import Tone
from harness.report.figures import clean, plural
from harness.report.paragraphs import Paragraph

MORE_IS_BETTER: tuple[Figure, ...] = ("speedup", "sqnr")
_EVENTS = 8  # places with steps that are told
_NEAR = 3  # runs within which cells of a device moved together
_FACTS = 6  # that one step names
_NO_CAUSE = ("revision", "converter", "warnings")  # by themselves; named if nothing else differs


@dataclass(frozen=True)
class _Event:
    """Steps of cells at one point of time."""

    point: Point
    steps: tuple[tuple[Course, Step], ...]


def told(history: History, *, threads: bool) -> Iterator[Paragraph]:
    """Yield a paragraph for each place with steps, the newest first. threads: whether to name them."""
    events = _events(history)
    for event in events[:_EVENTS]:
        yield Paragraph(f"▲ {when(event.point)}", where(event.point), tuple(_lines(event, threads)))
    if len(events) > _EVENTS:
        yield Paragraph(f"and {plural(len(events) - _EVENTS, 'older step')}: --json has all", tone="dim")


def change_text(step: Step) -> str:
    """Return "+12.1% [+10.9, +13.2]", or what a status or a figure without a ratio was and is."""
    if step.change is None:
        return f"{_plain(step.before)} → {_plain(step.after)}"
    text = percent(step.change)
    if step.low is None or step.high is None:
        return text
    return f"{text} [{percent(step.low).rstrip('%')}, {percent(step.high).rstrip('%')}]"


def tone(step: Step, figure: Figure) -> Tone:
    """Return whether a step is good news."""
    if step.kind == "status" or isinstance(step.before, str) or isinstance(step.after, str):
        return "good" if step.after == "ok" else "bad"
    if step.whose != "cell":
        return "caution"
    return "good" if (step.after > step.before) == (figure in MORE_IS_BETTER) else "bad"


def cell_name(course: Course, *, threads: bool) -> str:
    """Return "digits int8 on xnnpack", with device, machine and threads as far as they tell cells apart."""
    where = course.delegate if course.delegate == course.device else f"{course.delegate}@{course.device}"
    about = [] if not threads else [plural(course.threads, "thread")]
    about += [] if course.machine is None else [course.machine]
    return clean(f"{subject(course)} {course.variant} on {where}") + (
        f" ({clean('; '.join(about))})" if about else ""
    )


def _events(history: History) -> list[_Event]:
    """Return the steps by where they are, the newest first; those of a device within a few runs are one."""
    found: list[_Event] = []
    order = {run: at for at, run in enumerate(sorted({p.run_id for c in history.cells for p in c.points}))}
    pairs = [(course, step) for course in history.cells for step in course.steps]
    for course, step in sorted(pairs, key=lambda pair: pair[0].points[pair[1].at].run_id, reverse=True):
        point, at = course.points[step.at], order[course.points[step.at].run_id]
        for number, event in enumerate(found):
            near = _NEAR if step.whose == "group" and _only_groups(event) else 0
            if order[event.point.run_id] - at <= near:
                found[number] = _Event(event.point, (*event.steps, (course, step)))
                break
        else:
            found.append(_Event(point, ((course, step),)))
    return found


def _only_groups(event: _Event) -> bool:
    return all(step.whose == "group" for _, step in event.steps)


def when(point: Point) -> str:
    """Return the date and time of a point."""
    return clean(point.started_at.replace("T", " ")[:16])


def where(point: Point) -> str:
    """Return the run of a point and its revision: "20261103-140000-000-0028, main 91032ad*"."""
    if point.revision is None:
        return clean(point.run_id)
    revision = f"{point.branch or ''} {point.revision[:7]}{'*' if point.dirty else ''}"
    return clean(f"{point.run_id}, {revision}")


def _lines(event: _Event, threads: bool) -> Iterator[str]:
    """Yield a line per cell, one about those that moved together, and what differs there."""
    together: dict[tuple[str, str | None], list[tuple[Course, Step]]] = {}
    for course, step in event.steps:
        if step.whose == "group":
            together.setdefault((course.host, course.machine), []).append((course, step))
        else:
            yield f"{cell_name(course, threads=threads)}: {change_text(step)}{_doubt(step)}"
    yield from map(_of_group, together.values())
    facts = [fact for _, step in event.steps for fact in step.facts or ()]
    causes = [fact for fact in facts if fact.what not in _NO_CAUSE] or facts
    if facts:
        named = list(dict.fromkeys(map(_fact, causes)))
        yield f"differs from the run before: {figures.some(named, _FACTS)}"
    elif any(step.facts is not None for _, step in event.steps):
        yield "nothing that is recorded differs from the run before"


def _of_group(together: Sequence[tuple[Course, Step]]) -> str:
    """Return what to say of cells that moved together."""
    steps = [step for _, step in together]
    moved, of = max(step.moved for step in steps), max(step.of for step in steps)
    middle = sorted(step.change or 0.0 for step in steps)[len(steps) // 2]
    devices = figures.some(list(dict.fromkeys(clean(course.device) for course, _ in together)), 4)
    which = f"all {of}" if moved == of else f"{moved} of {of}"
    return f"{which} cells on the machine of {devices} moved together, by about {percent(middle)}"


def _doubt(step: Step) -> str:
    if step.kind == "status" or step.whose == "cell":
        return "" if step.relative is None else f"; relative to the others {percent(step.relative)}"
    if step.relative is None:
        return "; nothing else was measured that could tell whether it is the machine"
    return f"; but relative to the others {percent(step.relative)}: can't tell"


def _fact(fact: DifferingFact) -> str:
    what = fact.what.replace("_", " ")
    if fact.what == "file":
        return "another file"
    return clean(f"{what} {fact.base or 'not known'} → {fact.head or 'not known'}")


def _plain(value: float | str) -> str:
    return clean(value) if isinstance(value, str) else f"{value:.4g}"
