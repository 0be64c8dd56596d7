"""The command lines of the user's OpenSSH client, and advice about its errors."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from delegates.wire import printable
from harness.config import SshTarget

if TYPE_CHECKING:
    from harness.devices.transports.connection import Connection

NO_SSH = "there is no ssh here; install the OpenSSH client"
_SSH = "ssh"
_LONGEST_ADVICE = 300  # characters of a command that ssh itself recommends
_PERSIST_S = 900  # of the link without a connection, as making variants may take minutes
_LONGEST_FOLDER = 60  # bytes: a socket's path may have about 100, and ssh adds 18 while it creates one

# Options that override the user's configuration: ssh asks no questions during a run, verifies host keys, and
# forwards nothing of this machine to the board.
_ALWAYS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "LogLevel=ERROR",
)
# Flags override options in any position: no agent, no Kerberos credentials, no X11, no terminal.
_NEVER = ("-a", "-k", "-x", "-T")
_DEFAULTS = ("ConnectTimeout=15", "ServerAliveInterval=5", "ServerAliveCountMax=3")

# The command that the board's login shell runs, whichever shell that is: no single quote, backslash or
# exclamation mark inside the single quotes. It answers a greeting and reads from stdin, as data, which Python
# to try first. That Python then reads its program from stdin, too; `read` does not consume a byte beyond its
# line. Empty lines are heartbeats.
_TOO_OLD, _NO_PYTHON, _NO_GREETING = 97, 98, 96
_BEGIN = (
    (
        'sh -c \'read -r h; case $h in "# qbench "*) ;; *) exit NO_GREETING;; esac; echo; echo "${h#* }";'
        ' p=; while [ -z "$p" ]; do read -r p || exit NO_GREETING; done; p=${p#=};'
        ' case $p in "~/"*) p=$HOME/${p#??};; esac;'
        ' for p in "$p" python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8'
        ' python3.7 python; do command -v "$p" >/dev/null 2>&1 || continue;'
        ' "$p" -I -c "import sys; sys.version_info < (3, 7) and sys.exit(TOO_OLD);'
        ' exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))";'
        " s=$?; [ $s = TOO_OLD ] || exit $s; done; exit NO_PYTHON'"
    )
    .replace("TOO_OLD", str(_TOO_OLD))
    .replace("NO_PYTHON", str(_NO_PYTHON))
    .replace("NO_GREETING", str(_NO_GREETING))
)

# What a login shell may do instead of running that command.
ECHOES = (
    "its login shell sends back what it gets instead of running the command it was given; look at what its"
    " start-up files exec"
)
_READS = (
    "its login shell, or what that starts, reads the input that is meant for qbench; look for read or cat in"
    " its start-up files"
)


def floods(size: int) -> str:
    """Return the error for a login shell that has printed `size` bytes without running the command."""
    much = f"its login shell printed more than {size >> 20} MiB before it ran anything"
    return f"{much}; look at its start-up files"


def hello(word: str) -> tuple[bytes, bytes]:
    """Return the greeting, which any shell takes for a comment, and the command's answer to it."""
    return b"# qbench %s\n" % word.encode(), b"qbench %s" % word.encode()


def choice(python: str | None) -> bytes:
    """Return the line that tells the command which Python to try first."""
    return b"=%s\n" % (python or "").encode()


# Patterns of ssh's errors (OpenSSH 7 to 10), and what to do. {ssh} is the command a person would type.
_ADVICE = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|[Hh]ost key .*has changed",
     "its host key is not the known one; if the board was set up anew, remove the old key with {forget} and"
     " then check the new one with {ssh}"),
    (r"Host key verification failed|No .* host key is known|authenticity of host",
     "its host key is not known here; connect once with {ssh}, compare the fingerprint, and accept it"),
    (r"UNPROTECTED PRIVATE KEY", "the key can be read by others, and is not used therefore; chmod 600 it"),
    (r"Permission denied|Too many authentication failures",
     "it accepts none of our keys; bring one there with ssh-copy-id, or name one with identity_file, and try"
     " {ssh} true"),
    (r"Could not resolve hostname", "its name is not known; is host right, or missing in ~/.ssh/config?"),
    (r"Connection refused", "nothing answers on that port; is sshd running there, and port right?"),
    (r"timed out|No route to host|Network is unreachable|Host is down",
     "it does not answer; is it switched on and in the network?"),
    (r"Bad configuration option|Can't open user config|no argument after|unknown option|illegal option"
     r"|garbage at end of line|Bad .* argument|usage: ssh|extra arguments|keyword .* extra",
     "ssh does not understand its settings; look at ssh_options and ~/.ssh/config"),
    (r"closed by|Connection reset|kex_exchange_identification",
     "it closed the connection; does {ssh} true work?"),
)  # fmt: skip
_DEFAULT_ADVICE = "does {ssh} true work?"


def private_folder() -> Path:
    """Create a private folder for the socket of the shared link, with a path short enough for sockets."""
    long = len(tempfile.gettempdir()) > _LONGEST_FOLDER
    return Path(tempfile.mkdtemp(prefix="qbench-", dir="/tmp" if long else None))  # noqa: S108


def socket(folder: Path) -> Path:
    """Return the path of the socket through which connections share a link."""
    return folder / "s"


def master(target: SshTarget, folder: Path) -> list[str]:
    """Return the command that opens the shared link, which stays up in the background for a while."""
    return _line(target, folder, ["-f", "-N", "-M", "-o", f"ControlPersist={_PERSIST_S}"])


def control(target: SshTarget, folder: Path, what: str) -> list[str]:
    """Return the command that sends the shared link a control word: "check" or "exit"."""
    return _line(target, folder, ["-O", what])


def session(target: SshTarget, folder: Path) -> list[str]:
    """Return the command that starts an agent over the shared link."""
    return [*_line(target, folder, ["-o", "ControlMaster=no"]), _BEGIN]


def once(target: SshTarget, command: str) -> list[str]:
    """Return the command that runs one remote command without a shared link. command: a constant."""
    options = [word for option in (*_ALWAYS, *_DEFAULTS) for word in ("-o", option)]
    return [_SSH, *options, *_whereto(target), *_NEVER, "--", target.host, command]


def by_hand(target: SshTarget) -> str:
    """Return the ssh command that a person would type, quoted for a shell."""
    return shlex.join([_SSH, *_whereto(target), target.host])


def explain(target: SshTarget, log: str) -> str:
    """Return the last line that ssh wrote, and advice, on one line."""
    log = "\n".join(log.splitlines())  # ssh ends its lines with \r\n
    lines = [line for line in map(printable, log.splitlines()) if line.strip()]
    advice = next((text for pattern, text in _ADVICE if re.search(pattern, log)), _DEFAULT_ADVICE)
    last = " ".join(lines[-1].split())[:200] if lines else "ssh gave no reason"
    recommended = re.search(r"^\s*(ssh-keygen .*-R .*)$", log, re.M)  # it names the right file
    remove = recommended[1].strip() if recommended else f"ssh-keygen -R {shlex.quote(target.host)}"
    forget = printable(remove)[:_LONGEST_ADVICE]
    return f"{last.rstrip('.')}; {advice.format(ssh=by_hand(target), forget=forget)}"


def explain_end(target: SshTarget, connection: Connection) -> str:
    """Return why a connection ended before the device answered."""
    status, log, late = connection.status, connection.stderr(), connection.late
    if late is not None:
        return f"it {late}; does {by_hand(target)} true work, and come to an end?"
    if status == _NO_GREETING:
        return _READS
    if status == _NO_PYTHON:
        return "it has no Python 3.7 or newer on its PATH; name one with python"
    if status == 255 or (status is not None and status < 0 and not log):
        return explain(target, log or "the connection was lost")
    last = printable(" ".join(log.split())[-200:])
    return f"it ended with status {status} before qbench began" + (f" ({last})" if last else "")


def _line(target: SshTarget, folder: Path, how: list[str]) -> list[str]:
    options = [word for option in _ALWAYS for word in ("-o", option)]
    defaults = [word for option in _DEFAULTS for word in ("-o", option)]
    shared = ["-S", str(socket(folder))]
    return [_SSH, *options, *_whereto(target), *defaults, *how, *shared, *_NEVER, "--", target.host]


def _whereto(target: SshTarget) -> list[str]:
    words = list(target.ssh_options)
    if target.port is not None:
        words += ["-p", str(target.port)]
    if target.user is not None:
        words += ["-l", target.user]
    if target.identity_file is not None:
        words += ["-i", target.identity_file]
    return words
