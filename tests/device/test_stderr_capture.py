"""What libraries write is kept and let through, whatever happens to the process."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def captured(inside: str, after: str = "") -> subprocess.CompletedProcess:
    """A process that runs `inside` while stderr is captured, and then `after`."""
    program = (
        "import os, sys\n"
        "from delegates.agent.stderr_capture import StderrCapture\n"
        "with StderrCapture() as capture:\n"
        f"{textwrap.indent(inside, '    ')}\n"
        f"{after}\n"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_both_streams_are_kept_and_go_to_stderr():
    done = captured(
        "os.write(1, b'one '); os.write(2, b'two')",
        "os.write(2, b' after'); print(repr(capture.text), file=sys.stderr)",
    )
    assert done.stdout == ""
    assert done.stderr == "one two after'one two'\n"


def test_more_than_a_pipe_holds_while_the_process_is_busy():
    done = captured("os.write(2, b'x' * 3_000_000)", "print(len(capture.text), file=sys.stderr)")
    assert done.stderr.endswith("x1048576\n")
    assert done.stderr.count("x") == 3_000_000


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os.abort()", "os._exit(3)"])
def test_the_last_words_of_a_process_that_dies_arrive(end):
    assert captured(f"os.write(2, b'last words')\n{end}").stderr == "last words"


def test_what_was_written_before_an_error_is_kept():
    done = captured(
        "pass",
        """
try:
    with StderrCapture() as capture:
        os.write(2, b'why')
        raise ValueError
except ValueError:
    print(capture.text)
""",
    )
    assert done.stderr == "whywhy\n"


def test_something_that_keeps_the_stream_open_costs_two_seconds_at_most():
    done = captured(
        "import subprocess; p = subprocess.Popen(['sleep', '60'])", "print(capture.text + '!')\np.kill()"
    )
    assert done.stderr == "!\n"
