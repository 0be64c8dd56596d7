"""Workers that answer what no worker of ours would: one lost cell, a clear reason, no process left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from delegates.agent.link import WorkerLink, WorkerLost
from delegates.agent.messages import Blocks, Open, Ready, TimeBlocks, encode
from delegates.agent.workers import Workers
from delegates.processes import BadAnswer, CannotStart, Exited, NoAnswer, start
from delegates.wire import Job

STAGE = '{"kind": "Stage", "name": "load"}'


def worker(tmp_path, *lines: str) -> WorkerLink:
    """A link to a program that prints these lines and then waits for its end."""
    program = tmp_path / "worker.py"
    program.write_text("import sys\n" + "".join(f"print({line!r})\n" for line in lines))
    with program.open("a") as file:
        file.write("sys.stdout.flush()\nsys.stdin.read()\n")
    job = Job("j", "g", "m", None, "cpu", "auto", sys.executable)
    return WorkerLink(job, Workers([str(program)]))


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        '{"kind": "Ready"}',
        '{"kind": "Launch"}',
        '{"kind": "WarmedUp", "inferences": 1}',  # of another command
        '{"kind": "Memory", "peak_bytes": NaN}',
        "Blocks",
        "Blocks 00, ",  # not the 8 bytes of a time
        "Blocks no, hexadecimal,",
        '{"kind": "Stage", "name": "crash"}',  # of none that a worker enters
        "é",
    ],
)
def test_nonsense_is_a_crash_where_it_came(tmp_path, line):
    link = worker(tmp_path, STAGE, line)
    with pytest.raises(WorkerLost) as raised:
        link.ask(Open(), Ready, 30)
    assert raised.value.stage == "crash"
    assert raised.value.reason == "the worker sent something that is no answer while loading the model"


def test_stages_lead_to_the_answer_and_an_error_of_the_worker_is_its_reason(tmp_path):
    blocks = encode(Blocks([[3, 1 << 40], [5]], []))[:-1]
    link = worker(tmp_path, STAGE, blocks, '{"kind": "Failed", "stage": "invoke", "reason": "no"}')
    assert link.ask(TimeBlocks(2, 1), Blocks, 30) == Blocks([[3, 1 << 40], [5]], [])
    with pytest.raises(WorkerLost, match=r"^no$") as raised:
        link.ask(TimeBlocks(2, 1), Blocks, 30)
    assert raised.value.stage == "invoke"
    link.close()


def test_how_a_child_ends_is_told():
    def ends(code: str, timeout_s: float = 30, most_bytes: int = 100):
        with pytest.raises((BadAnswer, Exited, NoAnswer)) as raised:
            start([sys.executable, "-c", code]).read_line(timeout_s, most_bytes)
        return raised.value.sentence("it", "doing that")

    assert ends("import sys; sys.exit('why')") == "it ended with exit status 1 while doing that: why"
    assert ends("import os; os.kill(os.getpid(), 11)") == "it was killed by SIGSEGV while doing that"
    assert ends("import time; time.sleep(60)", 0.5) == "no answer for 0.5 s while doing that"
    assert ends("print('x' * 1000)") == "it sent something that is no answer while doing that"
    with pytest.raises(CannotStart) as raised:
        start(["/nonexistent/python"])
    assert (
        raised.value.sentence("it", "doing that")
        == "cannot start /nonexistent/python: No such file or directory"
    )


def test_a_child_is_ended_with_what_it_has_started():
    code = "import subprocess; subprocess.Popen(['sleep', '60']); print('started', flush=True); input()"
    child = start([sys.executable, "-c", code])
    assert child.read_line(30, 100) == "started"
    child.kill()
    with pytest.raises(Exited) as raised:  # at the end of the stream that both have: both have ended
        child.read_line(30, 100)
    assert raised.value.signal_name == "SIGKILL"


def test_what_a_worker_had_started_is_no_zombie_of_the_conductor():
    """The conductor adopts it when the worker has ended, as it adopts forked workers."""
    code = (
        "import os\n"
        "from delegates.probe.machine import adopt_orphans\n"
        "from delegates.processes import start\n"
        "adopt_orphans()\n"
        "child = start(['sh', '-c', 'sleep 600 > /dev/null 2>&1 & echo started'])\n"
        "child.read_line(60, 100)\n"
        "child.close()\n"
        "try:\n"
        "    print(os.waitpid(-1, os.WNOHANG))\n"
        "except ChildProcessError:\n"
        "    print('none left')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "none left\n"
