"""One command on another host over the user's ssh, with a connection of its own."""

from __future__ import annotations

import tempfile

from harness.config import SshTarget
from harness.devices.transports import ssh_command
from harness.errors import DeviceError
from harness.processes import Process


def run_once(
    target: SshTarget, script: str, stdin: bytes, *, timeout_s: float, limit_bytes: int
) -> tuple[bytes, str]:
    """Run a shell script on another host.

    script: a fixed text of ours; everything that others name comes on `stdin`.
    Returns at most `limit_bytes` of what it wrote to stdout, and ssh's complaints with what to do about
    them, which mean nothing if the script has answered. After `timeout_s` it is ended.
    Raises DeviceError if there is no ssh on this machine.
    """
    with tempfile.TemporaryFile() as given:  # it may not read it, and then a pipe would block
        given.write(stdin)
        given.seek(0)
        try:
            process = Process(ssh_command.once(target, script), folder=target.folder, stdin=given)
        except FileNotFoundError:
            raise DeviceError(ssh_command.NO_SSH) from None
        with process:
            with process.within(timeout_s):
                answer = process.stdout.read(limit_bytes)
            process.kill()
            process.wait()
            return answer, ssh_command.explain(target, process.errors().decode("utf-8", "replace"))
