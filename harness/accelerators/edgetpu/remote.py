"""edgetpu_compiler on another host, over the user's ssh: it exists for x86-64 Linux only."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from delegates.wire import printable
from harness.config import SshTarget
from harness.devices.transports import ssh_command
from harness.errors import ModelError

_MOST_BYTES = 256 << 20  # of text and compiled model together; an Edge TPU has 8 MiB for parameters
_CONNECT_S = 60.0
_NOT_FOUND, _TIMED_OUT = (126, 127), (124, 137)  # timeout(1); 137 where only SIGKILL ended it

# As when a board is reached: one fixed text, everything else is data on stdin. Lines: a marker, the
# command, seconds, how many arguments, the arguments; then the model. Answer, behind whatever a login shell
# prints: the marker, exit status and two sizes on a line, what the compiler wrote, the compiled model.
_SCRIPT = (
    'sh -c \'d=$(mktemp -d) && cd "$d" || exit 1; trap "rm -rf $d" EXIT;'
    ' trap "exit 1" HUP PIPE TERM INT;'  # a shell killed by a signal would leave the model there
    ' read -r m; IFS= read -r c; read -r t; read -r n; case $c in "~/"*) c=$HOME/${c#??};; esac;'
    ' set --; while [ "$n" -gt 0 ]; do IFS= read -r a; set -- "$@" "$a"; n=$((n - 1)); done;'
    ' cat > model.tflite; timeout -k 5 "$t" "$c" "$@" > text 2>&1 < /dev/null; s=$?;'
    " : >> model_edgetpu.tflite; echo; echo $m $s $(wc -c < text) $(wc -c < model_edgetpu.tflite);"
    " cat text model_edgetpu.tflite'"
)


@dataclass(frozen=True)
class Answer:
    """What a compiler on another host came to: its words, its file (empty without one), how it ended."""

    text: str
    data: bytes
    status: int


def call(
    host: SshTarget, command: str, arguments: Sequence[str], model: bytes, timeout_s: float
) -> Answer | None:
    """Run it there on `model`, which lies in its working directory as model.tflite.

    None where it took longer than `timeout_s`. Raises ModelError where the host can't be reached, or has
    no such command.
    """
    marker = secrets.token_hex(16)
    seconds = max(1, math.ceil(timeout_s))  # for timeout(1) 0 means no limit
    lines = [marker, command, str(seconds), str(len(arguments)), *arguments]
    said, problem = _over_ssh(host, "\n".join(lines).encode() + b"\n" + model, timeout_s + _CONNECT_S)
    head, _, rest = said.partition(f"\n{marker} ".encode())[2].partition(b"\n")
    try:
        status, text_bytes, _ = (int(word) for word in head.split())
    except ValueError:
        raise ModelError(f"no compiler: {host.host}: {ssh_command.explain(host, problem)}") from None
    if status in _NOT_FOUND:
        raise ModelError(f"no compiler: {command} is not on {host.host}, or may not be run there")
    if status in _TIMED_OUT:
        return None
    return Answer(printable(rest[:text_bytes].decode("utf-8", "replace")), rest[text_bytes:], status)


def _over_ssh(host: SshTarget, stdin: bytes, timeout_s: float) -> tuple[bytes, str]:
    """What came back, at most so much, and what ssh complained of."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                ssh_command.once(host, _SCRIPT),
                stdin=given, stdout=subprocess.PIPE, stderr=complaints,
                cwd=host.folder, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise ModelError("no compiler: there is no ssh here; install the OpenSSH client") from None
        timer = threading.Timer(timeout_s, _end, [process])
        timer.start()
        try:
            assert process.stdout is not None
            said = process.stdout.read(_MOST_BYTES)
        finally:
            timer.cancel()
            _end(process)
            process.wait()
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 65536))
        return b"\n" + said, complaints.read().decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
