"""What ssh is told, and what its complaints mean: real ones of OpenSSH 7 to 10."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.config import SshTarget
from harness.devices.transports import ssh_command

PI = SshTarget("pi4", user="pi", port=2222, ssh_options=("-F", "my lab.conf"), identity_file="/k/$(id)")
SOCKET = Path("/x/qbench-1")

CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:5oWgD5sSDWhRTkTkuZ6bZ0Cq3oZbUoSRnXEVFeWoMjg.
Add correct host key in /home/me/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/me/.ssh/known_hosts:7
  remove with:
  ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[pi4]:2222"
Host key for [pi4]:2222 has changed and you have requested strict checking.
Host key verification failed.
"""
UNPROTECTED = """\
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
Permissions 0644 for '/k/lab' are too open.
This private key will be ignored.
Load key "/k/lab": bad permissions
pi@pi4: Permission denied (publickey).
"""
SAID = {
    CHANGED: 'remove the old key with ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[pi4]:2222" and',
    "Host key for pi4 has changed and you have requested strict checking.": "with ssh-keygen -R pi4 and then",
    "No ED25519 host key is known for [pi4]:2222 and you have requested strict checking.\n"
    "Host key verification failed.": "its host key is not known here; connect once with ssh -F 'my lab.conf'",
    "pi@pi4: Permission denied (publickey,password).": "it accepts none of our keys",
    "Received disconnect from 10.0.0.4 port 22: Too many authentication failures": "accepts none of our keys",
    CHANGED.replace("\n", "\r\n"): 'with ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[pi4]:2222" and then',
    UNPROTECTED: "the key can be read by others, and is not used therefore; chmod 600 it",
    "ssh: Could not resolve hostname pi4: Name or service not known": "right, or missing in ~/.ssh/config?",
    "ssh: Could not resolve hostname pi4: Temporary failure in name resolution": "its name is not known",
    "ssh: connect to host pi4 port 22: Connection refused": "is sshd running there, and port right?",
    "ssh: connect to host pi4 port 22: Connection timed out": "is it switched on and in the network?",
    "ssh: connect to host pi4 port 22: No route to host": "is it switched on and in the network?",
    "ssh: connect to host pi4 port 22: Network is unreachable": "is it switched on and in the network?",
    "Connection timed out during banner exchange\nConnection to 10.0.0.4 port 22 timed out": "not answer",
    "command-line: line 0: Bad configuration option: nosuch": "look at ssh_options and ~/.ssh/config",
    "Can't open user config file lab.conf: No such file or directory": "look at ssh_options",
    "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.4 port 22":
        "it closed the connection; does ssh",
    "Connection closed by 10.0.0.4 port 22": "it closed the connection; does ssh",
    "Something that no one has seen": "Something that no one has seen; does ssh",
    "": "ssh gave no reason; does ssh",
}  # fmt: skip


@pytest.mark.parametrize("said", SAID, ids=range(len(SAID)))
def test_a_complaint_is_one_line_with_the_one_thing_to_do(said):
    line = ssh_command.explain(PI, said)
    assert SAID[said] in line
    assert line.isprintable()
    assert "\ufffd" not in line


def test_a_complaint_that_a_board_had_a_hand_in_is_printable():
    """What comes before authentication (a banner, a disconnect message) is anybody's text."""
    line = ssh_command.explain(PI, "Received disconnect: \x1b[2J\x1b]0;x\x07" + "long " * 1000)
    assert line.isprintable()
    assert len(line) < 500


def test_what_to_type_can_be_pasted():
    assert shlex.split(ssh_command.by_hand(PI)) == [
        "ssh", "-F", "my lab.conf", "-p", "2222", "-l", "pi", "-i", "/k/$(id)", "pi4",
    ]  # fmt: skip


def test_no_string_of_the_users_is_in_the_remote_command():
    one, other = (ssh_command.session(SshTarget(host), SOCKET)[-1] for host in ("a", "b"))
    assert one == other
    assert one.startswith("sh -c '") and one.endswith("'")
    assert not set(one[7:-1]) & set("'\\!\n")  # what some login shell reads in single quotes


@pytest.mark.parametrize("make", [ssh_command.master, ssh_command.session])
def test_what_the_user_may_not_loosen_comes_where_ssh_heeds_it(make):
    """Of an option given twice ssh takes the first, of flags the last (ssh_config(5), ssh(1))."""
    command = make(SshTarget("pi4", ssh_options=("-A", "-oStrictHostKeyChecking=no")), SOCKET)
    assert command.index("StrictHostKeyChecking=yes") < command.index("-oStrictHostKeyChecking=no")
    assert command.index("BatchMode=yes") < command.index("-oStrictHostKeyChecking=no")
    assert command.index("-A") < command.index("-a")
    assert command[command.index("--") + 1] == "pi4"
