"""A board: a real sshd on loopback, an ordinary process of the user who runs the tests."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
PACKAGES = {"openssh-client": shutil.which("ssh"), "openssh-server": SSHD}
_PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd insists on it when root starts it
_MARK = "QBENCH_TEST_BOARD"  # in the environment of everything that sshd starts


def needs_ssh() -> None:
    missing = [package for package, found in PACKAGES.items() if found is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}; as root, tests/install.sh installs that")


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path


class Board:
    """An account on a board, with a home folder and an address of its own.

    `lines` are added to sshd's configuration, which offers neither sftp nor scp. What runs there has HOME
    (`home`) and a mark in its environment, so that it is told apart from everything else on this machine.
    """

    def __init__(self, name: str, folder: Path, keys: Path, *lines: str) -> None:
        self.name, self.folder, self.keys = name, folder, keys
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.workdir = self.home / ".cache" / "qbench" / "board"
        self.user = getpass.getuser()
        self.lines = lines
        self.env = {"HOME": str(self.home), _MARK: str(folder)}
        self.host_key = keys / "host"
        self.authorized = (keys / "user.pub").read_text()
        self.port = 0
        self._sshd: subprocess.Popen | None = None

    def start(self) -> None:
        """Start sshd. Started again, it has the same port and keys, like a board that restarts."""
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
        self.port = self.port or free_port()
        self._write()
        with (self.folder / "sshd.log").open("a") as log:
            self._sshd = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", self.folder / "sshd_config"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for(self._answers, 10, f"sshd did not start: {(self.folder / 'sshd.log').read_text()}")

    def stop(self) -> None:
        """Stop sshd and end all connections, as if the board were switched off."""
        if self._sshd is not None:
            sessions = self._sessions()
            self._sshd.kill()
            self._sshd.wait()
            self._sshd = None
            send(signal.SIGKILL, sessions)

    def cut(self) -> None:
        """End all connections, from the board's side and without a word."""
        send(signal.SIGKILL, self._sessions())

    def freeze(self) -> list[int]:
        """Connections stay, but nothing goes through them any more."""
        frozen = self._sessions()
        send(signal.SIGSTOP, frozen)
        return frozen

    def freeze_listener(self) -> None:
        """From now on connections are taken, by the kernel, but nobody answers."""
        assert self._sshd is not None
        self._sshd.send_signal(signal.SIGSTOP)

    def _sessions(self) -> list[int]:
        """The processes of sshd that serve connections: its children and, where it has them, theirs."""
        assert self._sshd is not None
        found, grown = {self._sshd.pid}, True
        processes = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
        while grown:
            new = {p for p, (name, parent) in processes.items() if parent in found and "sshd" in name} - found
            found, grown = found | new, bool(new)
        return sorted(found - {self._sshd.pid})

    def processes(self) -> dict[int, str]:
        """What was started on the board and is still there: command lines by process id."""
        ours = with_environment(f"{_MARK}={self.folder}")
        return {pid: _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace") for pid in ours}

    def find(self, *words: str) -> list[int]:
        """Processes on the board whose command line has all the words."""
        return [pid for pid, line in self.processes().items() if all(word in line for word in words)]

    def is_clean(self, seconds: float = 5) -> bool:
        """Whether everything that was started on the board is gone within so long."""
        until = time.monotonic() + seconds
        while self.processes() and time.monotonic() < until:
            time.sleep(0.05)
        return not self.processes()

    def end_all(self) -> None:
        """Kill all processes of a board that does not end them itself."""
        send(signal.SIGKILL, list(self.processes()))

    def is_free(self) -> bool:
        """Whether nobody holds the lock: asked of the kernel."""
        with (self.workdir / "lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def profile(self, **keys: object) -> str:
        """Its table in devices.toml."""
        values = {
            "place": "ssh", "host": self.name, "ssh_options": ["-F", str(self.folder / "ssh_config")],
            "python": sys.executable, "delegates": ["cpu"], **keys,
        }  # fmt: skip
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
        return "\n".join([f"[devices.{self.name}]", *lines, ""])

    def _write(self) -> None:
        (self.folder / "authorized_keys").write_text(self.authorized)
        setenv = " ".join(f'"{key}={value}"' for key, value in self.env.items())
        lines = (
            *self.lines,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            "PidFile none",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            f"SetEnv {setenv}",
        )
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")
        public = self.host_key.with_suffix(".pub").read_text()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")
        lines = (
            f"Host {self.name}",
            "HostName 127.0.0.1",
            f"Port {self.port}",
            f"IdentityFile {self.keys}/user",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.folder}/known_hosts",
            "GlobalKnownHostsFile none",
        )
        (self.folder / "ssh_config").write_text("\n".join(lines) + "\n")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(holds, seconds: float, otherwise: str = "it did not happen") -> float:
    """Until `holds()`; returns how many seconds that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds, otherwise
        time.sleep(0.02)
    return time.monotonic() - started


def with_environment(setting: str) -> list[int]:
    """The processes that were started with this NAME=VALUE."""
    return [pid for pid in _pids() if setting.encode() in _read(pid, "environ").split(b"\0")]


def send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""


def _stat(pid: int) -> tuple[str, int] | None:
    """Name and parent of a process that has not ended (proc(5))."""
    head, _, rest = _read(pid, "stat").decode("utf-8", "replace").rpartition(")")
    fields = rest.split()
    return (head.partition("(")[2], int(fields[1])) if fields and fields[0] != "Z" else None
