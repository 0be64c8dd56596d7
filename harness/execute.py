"""Walk the plan on a machine: ask, take each answer into the run, keep what came when it ends early."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from delegates.wire import Facts, Job, Measurement, Progress, PythonFacts, Question, Refusal, Request
from harness.config import DeviceProfile
from harness.errors import DeviceError
from harness.results import Run
from harness.runners.local import Conversation, LocalRunner


def probe(runner: LocalRunner, profiles: Sequence[DeviceProfile]) -> tuple[Facts, dict[str, PythonFacts]]:
    """What the machine is, and what each profile's Python offers, by profile name."""
    questions = [
        Question(
            runner.python(p.python),
            p.runtime,
            [d.name for d in p.delegates],
            {d.name: dict(d.options) for d in p.delegates},
            dict(p.env),
        )
        for p in profiles
    ]
    conversation = runner.ask(Request("probe", questions=questions))
    try:
        messages = list(conversation)
    finally:
        ended = conversation.close()
    answers = [m for m in messages if isinstance(m, PythonFacts)]
    facts = [m for m in messages if isinstance(m, Facts)]
    if len(answers) != len(profiles) or not facts:
        raise DeviceError(f"probing this machine failed: {ended or 'answers are missing'}")
    return facts[0], {profile.name: answer for profile, answer in zip(profiles, answers, strict=True)}


def measure(
    run: Run,
    runner: LocalRunner,
    request: Request,
    changed: Callable[[], None],
    progress: Callable[[Progress], None],
) -> None:
    """Have the request's jobs measured; `changed` is called whenever the run knows more.

    Ctrl-C (or SIGTERM) asks the device to stop: what it has measured so far still comes, and
    `run.interrupted` is set. A second one raises KeyboardInterrupt.
    """
    conversation = runner.ask(request)
    try:
        with _interruptible(run, conversation):
            _take_all(run, conversation, changed, progress)
    finally:
        ended = conversation.close()
    if ended is not None:
        _lose_rest(run, request.jobs, ended)
    changed()


def _take_all(
    run: Run,
    conversation: Conversation,
    changed: Callable[[], None],
    progress: Callable[[Progress], None],
) -> None:
    cells = {cell.id: cell for cell in run.cells}
    for message in conversation:
        if isinstance(message, Progress):
            progress(message)
        elif isinstance(message, Measurement) and message.job in cells:
            cells[message.job].measurements.append(message)
            changed()
        elif isinstance(message, Refusal) and message.job in cells:
            cells[message.job].refusal = message
            changed()
        elif isinstance(message, Facts):
            _take_facts(run, message)


def _take_facts(run: Run, facts: Facts) -> None:
    for device in run.devices:
        changing = dict(facts.changing)
        if device.profile.place == "local":  # what we ourselves use there is no neighbour's
            changing["home_cpu_s"] = sum(os.times()[:2])
        if facts.when == "before":
            device.machine, device.facts_before = facts.machine, changing
        else:
            device.facts_after = changing


def _lose_rest(run: Run, jobs: Sequence[Job], ended: str) -> None:
    """The conductor ended as it should not: jobs without an answer were lost with it."""
    asked = {job.id for job in jobs}
    for cell in run.cells:
        if cell.id in asked and not cell.measurements and cell.refusal is None:
            cell.refusal = Refusal(cell.id, 0, "crash", ended)


@contextmanager
def _interruptible(run: Run, conversation: Conversation) -> Iterator[None]:
    """For a while, the first Ctrl-C or SIGTERM stops the conversation instead of raising."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True
        conversation.stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
