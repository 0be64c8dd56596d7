"""One script on another host, over the user's ssh: for tools that a board has no part in."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading

from harness.config import SshTarget
from harness.devices.transports import ssh_command
from harness.errors import DeviceError

_KEPT_COMPLAINTS = 65536  # bytes of ssh's own words, from their end


def over_ssh(
    target: SshTarget, script: str, stdin: bytes, *, timeout_s: float, limit_bytes: int
) -> tuple[bytes, str]:
    """What the script wrote to stdout (at most so many bytes), and why ssh did not connect, in words.

    The words mean nothing if the script has answered. Raises DeviceError if there is no ssh here.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(
                ssh_command.once(target, script),
                stdin=given, stdout=subprocess.PIPE, stderr=complaints,
                cwd=target.folder, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise DeviceError("there is no ssh here; install the OpenSSH client") from None
        timer = threading.Timer(timeout_s, _end, [process])
        timer.start()
        try:
            assert process.stdout is not None
            answer = process.stdout.read(limit_bytes)
        finally:
            timer.cancel()
            _end(process)
            process.wait()
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - _KEPT_COMPLAINTS))
        return answer, ssh_command.explain(target, complaints.read().decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
