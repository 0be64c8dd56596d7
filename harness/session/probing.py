"""Find out what the devices have, while the variants are made, which seldom need to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from delegates.wire import ProbeResult
from harness.config import DeviceProfile
from harness.devices import machines
from harness.devices.machines import Machine, Note
from harness.errors import DeviceError
from harness.session.options import Options
from harness.session.usable import usable, why_not
from harness.versions import oldest_limiting

OldestRuntime = Future[tuple[int, int] | None]


@contextmanager
def probing(opened: Sequence[Machine], options: Options, note: Note) -> Iterator[OldestRuntime]:
    """Probe the machines in a thread while the body runs; it is over when the body is, or has failed.

    Yields the major and minor version of the oldest runtime that has to load the variants. Its error is a
    DeviceError if no machine can be reached, a ConfigError if none of the profiles can run.
    """
    failed = Event()

    def lost(problem: str) -> None:
        is_the_error = all(machine.problem is not None for machine in opened)
        if not is_the_error and not failed.is_set():
            note(problem)

    thread = ThreadPoolExecutor(max_workers=1)
    try:
        yield thread.submit(_probe, opened, options, note, lost)
    except BaseException:  # also Ctrl-C
        failed.set()
        for machine in opened:
            machine.transport.close()  # ends what the thread waits for
        raise
    finally:
        thread.shutdown()


def used_profiles(opened: Sequence[Machine], options: Options) -> list[DeviceProfile]:
    """Return the profiles that were asked for, or else those that can run. Raises ConfigError if none can.

    A profile that is used for HEAD is used for BASE, too.
    """
    profiles = [profile for machine in opened for profile in machine.profiles]
    if options.devices:
        return profiles
    names = {one.name for one in usable([one for one in profiles if one.side != "base"], _answers(opened))}
    return [profile for profile in profiles if profile.name in names]


def note_left_out(opened: Sequence[Machine], used: Sequence[DeviceProfile], note: Note) -> None:
    """Note for each profile that is not used why it can't run."""
    answers = _answers(opened)
    for profile in (profile for machine in opened for profile in machine.profiles):
        if profile not in used and profile.side != "base":
            note(f"device {profile.name} left out: {why_not(profile, answers[profile.key])}")


def _probe(opened: Sequence[Machine], options: Options, note: Note, lost: Note) -> tuple[int, int] | None:
    machines.probe_all(opened, note=note, lost=lost)
    problems = [machine.problem for machine in opened if machine.problem is not None]
    if len(problems) == len(opened):
        raise DeviceError("; ".join(problems))
    answers = _answers(opened)
    return oldest_limiting(answers[profile.key].runtime for profile in used_profiles(opened, options))


def _answers(opened: Sequence[Machine]) -> dict[str, ProbeResult]:
    """Return what each profile's Python offers, by profile key."""
    return {name: answer for machine in opened for name, answer in machine.answers.items()}
