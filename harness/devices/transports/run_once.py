"""Run one command on another host over the user's ssh, with a connection of its own."""

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

    script: a constant; everything variable has to go through `stdin`.
    Returns at most `limit_bytes` of its stdout, and ssh's error with advice, which is meaningless if the
    script has answered. The command is killed after `timeout_s`.
    Raises DeviceError if this machine has no ssh.
    """
    with tempfile.TemporaryFile() as file:  # a pipe would block if the script does not read it
        file.write(stdin)
        file.seek(0)
        try:
            process = Process(ssh_command.once(target, script), folder=target.folder, stdin=file)
        except FileNotFoundError:
            raise DeviceError(ssh_command.NO_SSH) from None
        with process:
            with process.within(timeout_s):
                answer = process.stdout.read(limit_bytes)
            process.kill()
            process.wait()
            return answer, ssh_command.explain(target, process.errors().decode("utf-8", "replace"))
