"""Child processes: what they write is kept up to a bound, and they end with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.processes import Exit, Process, run


def python(code: str, **more):
    return run([sys.executable, "-c", code], **{"timeout_s": 60.0, **more})


def is_gone(pid: int) -> bool:
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_what_it_reads_writes_and_ends_with(tmp_path):
    code = (
        "import os, sys; sys.stdout.write(sys.stdin.read().upper() + os.getcwd()); "
        "sys.stderr.write(os.environ['WORD']); sys.exit(3)"
    )
    done = python(code, stdin=b"in", folder=tmp_path, environment={**os.environ, "WORD": "hm"})
    assert (done.output, done.errors) == (b"IN" + bytes(tmp_path), b"hm")
    assert (done.exit, str(done.exit), done.exit.ok) == (Exit(3), "ended with exit status 3", False)
    assert python("pass").exit.ok


def test_both_outputs_in_their_order():
    assert python(
        "import os; os.write(1, b'a'); os.write(2, b'b'); os.write(1, b'c')", merged=True
    ).output == (b"abc")


def test_only_the_end_of_the_output_is_kept():
    code = "import os\nfor stream in (1, 2):\n for n in range(2000): os.write(stream, b'%09d\\n' % n)"
    done = python(code, kept_bytes=20)
    assert done.output == done.errors == b"000001998\n000001999\n"


def test_input_that_nobody_reads_is_no_reason_to_wait():
    assert python("print(1)", stdin=bytes(1 << 20)).output == b"1\n"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("time.sleep(60)", "took longer than"),
    ],
)
def test_how_it_ended_in_words(how, said):
    done = python(f"import os, signal, time; os.write(1, b'x'); {how}", timeout_s=2.0)
    assert said in str(done.exit) and not done.exit.ok and done.output in (b"x", b"")


def test_a_signal_without_a_name():
    assert str(Exit(-64 - 1)) == "was killed by signal 65"


def test_what_it_started_ends_with_it():
    """A grandchild holds the pipe open, and would run on."""
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    done = python(code)
    assert done.exit.ok and is_gone(int(done.output))


def test_one_that_does_not_exist():
    with pytest.raises(OSError, match="nowhere"):
        run(["/nowhere"], timeout_s=1.0)


def test_a_conversation():
    with Process(
        [sys.executable, "-c", "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"]
    ) as child:
        child.stdin.write(b"one\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"one\n" and child.alive
        child.stdin.close()
        assert child.wait(60.0).ok
    assert not child.alive


def test_one_that_does_not_answer_in_time_is_killed():
    with Process(["sleep", "600"]) as child:
        with child.within(0.1):
            assert child.stdout.readline() == b""
        assert (child.wait().late_s, child.alive) == (0.1, False)


def test_an_answer_in_time_is_no_reason_to_kill():
    with Process(["sh", "-c", "echo x; cat"]) as child:
        with child.within(60.0):
            assert child.stdout.readline() == b"x\n"
        child.stdin.close()
        assert child.wait(60.0) == Exit(0)


def test_ctrl_c_ends_it(tmp_path):
    """Ours alone gets the signal, and the child does not outlive it.

    A shell starts background jobs with SIGINT ignored, which ours would inherit.
    """
    code = (
        "from harness.processes import run; import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "run(['sh', '-c', f'echo $$ > {sys.argv[1]}.new; mv {sys.argv[1]}.new {sys.argv[1]}; sleep 600'],"
        " timeout_s=600.0)"
    )
    told = tmp_path / "pid"
    ours = subprocess.Popen([sys.executable, "-c", code, told], stderr=subprocess.PIPE)
    while not told.exists():
        time.sleep(0.01)
    ours.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in ours.communicate()[1]
    assert is_gone(int(told.read_text()))
