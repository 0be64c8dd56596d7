"""What libraries write is kept and passed on, whatever happens to the process."""

from __future__ import annotations

import subprocess
import sys

import pytest


def heard(code: str) -> subprocess.CompletedProcess:
    """A process that listens, runs `code`, and writes what it heard to a third place."""
    program = f"import os, sys\nfrom delegates.agent.stderr_capture import Heard\nheard = Heard()\n{code}\n"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_both_streams_are_kept_and_go_to_stderr():
    done = heard(
        "os.write(1, b'one '); os.write(2, b'two')\n"
        "text = heard.stop(); os.write(2, b' after'); print(repr(text), file=sys.stderr)"
    )
    assert done.stdout == ""
    assert done.stderr == "one two after'one two'\n"


def test_more_than_a_pipe_holds_while_the_process_is_busy():
    done = heard("os.write(2, b'x' * 3_000_000)\nprint(len(heard.stop()), file=sys.stderr)")
    assert done.stderr.endswith("x1048576\n")
    assert done.stderr.count("x") == 3_000_000


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os.abort()", "os._exit(3)"])
def test_the_last_words_of_a_process_that_dies_arrive(end):
    assert heard(f"os.write(2, b'last words')\n{end}").stderr == "last words"


def test_something_that_keeps_the_stream_open_costs_two_seconds_at_most():
    done = heard(
        "import subprocess; p = subprocess.Popen(['sleep', '60'])\nprint(heard.stop() + '!')\np.kill()"
    )
    assert done.stderr == "!\n"
