"""Getting to a board, and the one line that says why not."""

from __future__ import annotations

import os
import socket
import subprocess
import threading

import pytest

from harness.devices.transports.ssh import SshTransport
from harness.errors import DeviceError
from tests.cli.conftest import environment
from tests.ssh.board import free_port, wait_for


@pytest.fixture
def connect(transport_of):
    """Connect to the board of a profile, or do more with it."""

    def reach(profile: str, then=SshTransport.open_link) -> None:
        with transport_of(profile) as transport:
            then(transport)

    return reach


def refused(connect, profile: str) -> str:
    with pytest.raises(DeviceError) as caught:
        connect(profile)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.smoke
def test_a_name_from_an_ssh_config_is_enough(connect, board):
    connect(board.profile())


def test_every_key_of_a_profile(connect, board):
    """The address and the login as in a profile, where no ssh config says anything about the host."""
    known = ["-F", "none", "-o", f"UserKnownHostsFile={board.folder}/known_hosts", "-o", "IdentitiesOnly=yes"]
    keys = {"port": board.port, "identity_file": str(board.keys / "user"), "ssh_options": known}
    connect(board.profile(host="127.0.0.1", **keys))
    connect(board.profile(host="127.0.0.1", user=board.user, **keys))
    other = board.profile(host="127.0.0.1", user="nobody-here", **keys)
    assert "nobody-here@127.0.0.1: Permission denied" in refused(connect, other)


def test_relative_paths_in_options_are_those_of_devices_toml(connect, board, tmp_path):
    (tmp_path / "lab.conf").write_text((board.folder / "ssh_config").read_text())
    connect(board.profile(ssh_options=["-F", "lab.conf"]))


def test_one_line_and_exit_code_4_whatever_the_command(qbench, board, tmp_path, model):
    board.stop()
    (tmp_path / "devices.toml").write_text(board.profile())
    for command in (
        ["run", "--model", model, "--device", board.name, "--quiet"],
        ["devices", "--clean", board.name],
    ):
        done = qbench(*command)
        assert (done.returncode, done.stdout) == (4, "")
        (line,) = done.stderr.splitlines()
        assert "Connection refused; nothing answers on that port" in line
    assert not list(tmp_path.glob("results/*"))
    probed = qbench("devices", "--probe")
    assert probed.returncode == 4
    assert (
        f"\n{board.name}: ssh: connect to host 127.0.0.1 port {board.port}: Connection refused; "
        in probed.stdout
    )


@pytest.mark.smoke
def test_an_unknown_host_key(connect, board):
    (board.folder / "known_hosts").write_text("")
    loose = ["-o", "StrictHostKeyChecking=no", "-o", "BatchMode=no", "-F", str(board.folder / "ssh_config")]
    for options in (loose[4:], loose):
        said = refused(connect, board.profile(ssh_options=options))
        assert "its host key is not known here; connect once with ssh" in said
        assert f"-F {board.folder}/ssh_config {board.name}, compare the fingerprint, and accept it" in said
    assert (board.folder / "known_hosts").read_text() == ""


def test_a_changed_host_key(connect, board):
    other = (board.keys / "other.pub").read_text()
    (board.folder / "known_hosts").write_text(f"[127.0.0.1]:{board.port} {other}")
    said = refused(connect, board.profile())
    assert "its host key is not the known one" in said
    assert f'ssh-keygen -f "{board.folder}/known_hosts" -R "[127.0.0.1]:{board.port}"' in said


@pytest.mark.smoke
def test_no_accepted_key(connect, board):
    (board.folder / "authorized_keys").write_text("")
    said = refused(connect, board.profile())
    assert (
        "Permission denied (publickey); it accepts none of our keys; bring one there with ssh-copy-id" in said
    )


def test_an_identity_file_that_others_can_read(connect, board, tmp_path):
    key = tmp_path / "loose"
    key.write_bytes((board.keys / "user").read_bytes())
    key.chmod(0o644)
    options = [
        "-F",
        "none",
        "-o",
        f"UserKnownHostsFile={board.folder}/known_hosts",
        "-o",
        "IdentitiesOnly=yes",
    ]
    keys = {"host": "127.0.0.1", "port": board.port, "identity_file": "loose", "ssh_options": options}
    assert "read by others, and is not used therefore; chmod 600 it" in refused(
        connect, board.profile(**keys)
    )


def test_a_port_where_nothing_listens(connect, board):
    said = refused(connect, board.profile(port=free_port()))
    assert "Connection refused; nothing answers on that port; is sshd running there, and port right?" in said


def test_a_name_that_cannot_be_resolved(connect, board):
    said = refused(connect, board.profile(host="no-such-board.invalid"))
    assert "Could not resolve hostname no-such-board.invalid" in said
    assert "is host right, or missing in ~/.ssh/config?" in said


def test_options_that_ssh_does_not_know(connect, board):
    said = refused(connect, board.profile(ssh_options=["-o", "NoSuchOption=1"]))
    assert "ssh does not understand its settings; look at ssh_options" in said


def test_something_that_is_no_sshd(connect, board):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            link, _ = listener.accept()
            link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 1000)
            link.close()

        threading.Thread(target=answer, daemon=True).start()
        said = refused(connect, board.profile(port=listener.getsockname()[1]))
    assert f"does ssh -F {board.folder}/ssh_config" in said


def test_no_ssh_on_this_machine(qbench, board, tmp_path, cache, model):
    (tmp_path / "devices.toml").write_text(board.profile())
    (tmp_path / "empty").mkdir()
    env = {**environment(cache), "PATH": str(tmp_path / "empty")}
    done = qbench("run", "--model", model, "--device", board.name, "--quiet", env=env)
    assert done.returncode == 4
    assert done.stderr == "qbench: there is no ssh here; install the OpenSSH client\n"


@pytest.fixture
def agent(tmp_path, keys):
    """A real agent that holds a key."""
    env = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "agent")}
    process = subprocess.Popen(["ssh-agent", "-D", "-a", env["SSH_AUTH_SOCK"]], stdout=subprocess.DEVNULL)
    wait_for((tmp_path / "agent").exists, 10)
    subprocess.run(["ssh-add", "-q", keys / "other"], env=env, check=True)
    yield env
    process.kill()
    process.wait()


def test_the_agent_is_used_but_never_lent(connect, boards, agent, keys, monkeypatch):
    board = boards("board", 'ForceCommand env >> "$HOME/env"; exec sh -c "$SSH_ORIGINAL_COMMAND"')
    monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
    config = str(board.folder / "ssh_config")
    seen = board.home / "env"
    subprocess.run(["ssh", "-A", "-F", config, board.name, "true"], check=True)
    assert "SSH_AUTH_SOCK=" in seen.read_text()  # what would be seen on the board
    seen.unlink()
    for options in (["-A"], ["-o", "ForwardAgent=yes"], ["-oForwardAgent=yes", "-X", "-R", "0:localhost:1"]):
        connect(board.profile(ssh_options=[*options, "-F", config]), then=SshTransport.clean)
        assert "SSH_CONNECTION=" in seen.read_text()
        assert "SSH_AUTH_SOCK=" not in seen.read_text()
        assert "DISPLAY=" not in seen.read_text()
        seen.unlink()
