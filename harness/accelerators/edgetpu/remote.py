"""Run edgetpu_compiler, which exists for x86-64 Linux only, on another host over the user's ssh."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from delegates.wire import printable
from harness.accelerators.base import OverSsh
from harness.config import SshTarget
from harness.errors import DeviceError, ModelError

_LIMIT_BYTES = 256 << 20  # of text and compiled model together; an Edge TPU has 8 MiB for parameters
_CONNECT_S = 60.0
_NOT_FOUND, _TIMED_OUT = (126, 127), (124, 137)  # of timeout(1); 137 if it took SIGKILL

# One fixed script; everything else is data on stdin. Lines: a marker, the command, seconds, the number of
# arguments, the arguments; then the model. The answer follows the output of a login shell: a line with the
# marker, the exit status and two sizes; what the compiler wrote; the compiled model.
_SCRIPT = (
    'sh -c \'d=$(mktemp -d) && cd "$d" || exit 1; trap "rm -rf $d" EXIT;'
    ' trap "exit 1" HUP PIPE TERM INT;'  # else a shell killed by a signal leaves the model behind
    ' read -r m; IFS= read -r c; read -r t; read -r n; case $c in "~/"*) c=$HOME/${c#??};; esac;'
    ' set --; while [ "$n" -gt 0 ]; do IFS= read -r a; set -- "$@" "$a"; n=$((n - 1)); done;'
    ' cat > model.tflite; timeout -k 5 "$t" "$c" "$@" > text 2>&1 < /dev/null; s=$?;'
    " : >> model_edgetpu.tflite; echo; echo $m $s $(wc -c < text) $(wc -c < model_edgetpu.tflite);"
    " cat text model_edgetpu.tflite'"
)


@dataclass(frozen=True)
class Answer:
    """The result of a compiler on another host."""

    text: str  # what it wrote
    data: bytes  # the compiled model; empty if there is none
    status: int  # its exit status


@dataclass(frozen=True)
class Host:
    """A host with a compiler, and a way to run scripts there."""

    target: SshTarget
    over_ssh: OverSsh

    @property
    def name(self) -> str:
        """The name in the profile."""
        return self.target.host

    def call(self, command: str, arguments: Sequence[str], model: bytes, timeout_s: float) -> Answer | None:
        """Run the compiler on `model`, which lies in its working directory as model.tflite.

        Returns None if it took longer than `timeout_s`. Raises ModelError if the host can't be reached, or
        has no such command.
        """
        marker = secrets.token_hex(16)
        seconds = max(1, math.ceil(timeout_s))  # for timeout(1) 0 means no limit
        lines = [marker, command, str(seconds), str(len(arguments)), *arguments]
        answer, problem = self._run("\n".join(lines).encode() + b"\n" + model, timeout_s + _CONNECT_S)
        head, _, rest = answer.partition(f"\n{marker} ".encode())[2].partition(b"\n")
        try:
            status, text_bytes, _ = (int(word) for word in head.split())
        except ValueError:
            raise ModelError(f"no compiler: {self.name}: {problem}") from None
        if status in _NOT_FOUND:
            raise ModelError(f"no compiler: {command} is not on {self.name}, or may not be run there")
        if status in _TIMED_OUT:
            return None
        return Answer(printable(rest[:text_bytes].decode("utf-8", "replace")), rest[text_bytes:], status)

    def _run(self, stdin: bytes, timeout_s: float) -> tuple[bytes, str]:
        """Return the answer, after a line break, and what is wrong if there is none."""
        try:
            answer, problem = self.over_ssh(
                self.target, _SCRIPT, stdin, timeout_s=timeout_s, limit_bytes=_LIMIT_BYTES
            )
        except DeviceError as error:
            raise ModelError(f"no compiler: {error}") from None
        return b"\n" + answer, problem
