"""One command on another host over the user's ssh, with a connection of its own."""

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

_STDERR_BYTES = 65536


def run_once(
    target: SshTarget, script: str, stdin: bytes, *, timeout_s: float, limit_bytes: int
) -> tuple[bytes, str]:
    """Run a shell script on another host.

    script: a fixed text of ours; everything that others name comes on `stdin`.
    Returns at most `limit_bytes` of what it wrote to stdout, and ssh's complaints with what to do about
    them, which mean nothing if the script has answered. After `timeout_s` it is ended.
    Raises DeviceError if there is no ssh on this machine.
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
        complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - _STDERR_BYTES))
        return answer, ssh_command.explain(target, complaints.read().decode("utf-8", "replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
