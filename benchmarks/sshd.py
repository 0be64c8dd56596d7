"""A board for benchmarks: an sshd on loopback, started here with keys of its own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
PACKAGES = {"openssh-client": shutil.which("ssh"), "openssh-server": SSHD}
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
PidFile none
AuthorizedKeysFile {keys}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv HOME={home}
"""
CLIENT = """\
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {keys}/user
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    StrictHostKeyChecking yes
"""


def make_keys(folder: Path) -> None:
    """The host's key and the user's: `host` and `user` in this folder."""
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True
        )


class Board:
    """An account on a board, with a home folder and a port of its own; the keys lie in `keys`."""

    def __init__(self, name: str, folder: Path, keys: Path) -> None:
        self.name, self.folder, self._keys = name, folder, keys
        self.workdir = folder / "home" / ".cache" / "qbench" / "board"
        self._sshd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen on a free port; returns when it does. Raises RuntimeError with what sshd said."""
        home = self.folder / "home"
        home.mkdir(parents=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on it when root starts it
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        values = {
            "name": self.name, "port": port, "keys": self._keys, "folder": self.folder, "home": home,
            "user": getpass.getuser(),
        }  # fmt: skip
        (self.folder / "sshd_config").write_text(SERVER.format(**values))
        (self.folder / "ssh_config").write_text(CLIENT.format(**values))
        key = " ".join((self._keys / "host.pub").read_text().split()[:2])
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
        log = self.folder / "sshd.log"
        with log.open("w") as said:
            self._sshd = subprocess.Popen(
                [str(SSHD), "-D", "-e", "-f", self.folder / "sshd_config"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 10
        while "Server listening" not in log.read_text():
            if time.monotonic() > until or self._sshd.poll() is not None:
                raise RuntimeError(f"sshd did not start: {log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Listen no longer; connections that are open end with their clients."""
        if self._sshd is not None:
            self._sshd.kill()
            self._sshd.wait()

    def profile(self, **keys: object) -> str:
        """Its table in devices.toml."""
        values = {
            "place": "ssh", "host": self.name, "ssh_options": ["-F", str(self.folder / "ssh_config")],
            "python": sys.executable, **keys,
        }  # fmt: skip
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        return "\n".join([f"[devices.{self.name}]", *lines, ""])
