"""What is on a board before a run, and after it: each file once, whole, private, within bounds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from delegates.agent import bootstrap
from delegates.wire import ProbeRequest, Request
from harness.errors import DeviceError
from tests.device.conftest import other_pythons
from tests.ssh.conftest import Watching

PROGRAM = b"print('began')\n"
SOURCE = Path(bootstrap.__file__)


@pytest.mark.smoke
def test_a_second_run_uploads_nothing(transport_of, board, model):
    """Not a byte: the files there are the same ones (inodes), only marked as used."""
    counts, files = [], []
    for _ in range(2):
        with transport_of(board.profile()) as transport:
            transport.remote_path(model)
            list(transport.start(Request("probe")))
            counts.append(transport.uploaded_bytes)
            files.append({p.name: p.stat().st_ino for p in (board.workdir / "files").iterdir()})
    assert counts[0] > model.stat().st_size
    assert counts[1] == 0
    assert files[0] == files[1]
    assert set(files[0]) == {digest(p.read_bytes()) for p in (board.workdir / "files").iterdir()}
    assert digest(model.read_bytes()) in files[0]


def damage(path: Path) -> None:
    """Change two bytes in the middle of a file."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 0xFF
    data[middle + 1] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["model", "inputs", "bundle"])
def test_what_was_damaged_on_the_board_is_sent_again_and_said(measure, board, model, what):
    """Else it is measured for ever, or refused for ever with the model to blame."""
    measure(board.profile())
    files = list((board.workdir / "files").iterdir())
    zips = [path for path in files if path.read_bytes().startswith(b"PK")]
    found = {
        "model": [path for path in files if path.name == digest(model.read_bytes())],
        "bundle": [path for path in zips if b"__main__.py" in path.read_bytes()],
        "inputs": [path for path in zips if b".npy" in path.read_bytes()],
    }
    (path,) = found[what]
    damage(path)
    watching = Watching()
    document = measure(board.profile(), watching=watching).document
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    (note,) = watching.notes
    assert note.startswith("board: 1 file kept there no longer had the content that was sent, or could be")
    assert note.endswith("suspect its disk or SD card")
    assert digest(path.read_bytes()) == path.name
    watching = Watching()
    measure(board.profile(), watching=watching)
    assert watching.notes == []


def test_another_users_program_in_an_open_folder_is_not_run(measure, board):
    """As the account that everything runs as there."""
    measure(board.profile())
    files = board.workdir / "files"
    (bundle,) = [path for path in files.iterdir() if b"__main__.py" in path.read_bytes()]
    files.chmod(0o777)
    bundle.write_text(f"open({str(board.home / 'owned')!r}, 'w')")
    with pytest.raises(DeviceError, match="files can be written by others; chmod 700 it, or name a folder"):
        measure(board.profile())
    assert not (board.home / "owned").exists()


def test_files_are_private_to_the_user(transport_of, board, model):
    with transport_of(board.profile()) as transport:
        transport.remote_path(model)
        transport.lock_for("run", None)
        list(transport.start(Request("probe")))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in board.home.rglob("*")}
    assert len(modes) == 7  # .cache, qbench, board, files, lock, and two files
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_workdir_that_others_can_write_is_refused(transport_of, board, mode):
    """Whoever can put a program there could have it run as us."""
    (board.home / "open").mkdir()
    (board.home / "open").chmod(mode)
    with transport_of(board.profile(workdir="~/open")) as transport:
        connection = transport.start(Request("probe"))
        with pytest.raises(
            DeviceError, match="open can be written by others; chmod 700 it, or name a folder of your own"
        ):
            list(connection)
    assert board.is_clean()


def test_a_workdir_that_cannot_be_made(transport_of, board):
    (board.home / "file").touch()
    with (
        transport_of(board.profile(workdir="file/x")) as transport,
        pytest.raises(DeviceError, match="file/x cannot be used: Not a directory; name another folder with"),
    ):
        list(transport.start(Request("probe")))


def test_clean_empties_the_board(qbench, board, transport_of, model, tmp_path):
    (board.home / "mine").touch()
    with transport_of(board.profile()) as transport:
        transport.remote_path(model)
        list(transport.start(Request("probe")))
    (tmp_path / "devices.toml").write_text(board.profile())
    size = sum(p.stat().st_size for p in (board.workdir / "files").iterdir())
    done = qbench("devices", "--clean", board.name)
    assert done.returncode == 0, done.stderr
    assert f"{board.name}: removed 2 files, {size} bytes" in done.stderr
    assert list((board.workdir / "files").iterdir()) == []
    assert (board.home / "mine").exists()
    assert board.is_clean()


def test_cleaning_this_machine_or_one_that_is_not_known(qbench, tmp_path):
    (tmp_path / "devices.toml").write_text("[devices.cpu]\n")
    for name, said in (("cpu", "--clean cpu: this is the local machine"), ("pi", 'no device "pi"')):
        done = qbench("devices", "--clean", name)
        assert done.returncode == 2
        assert said in done.stderr


# Pythons


def script(path: Path, text: str) -> None:
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(0o755)


def bare_python(folder: Path) -> Path:
    """An environment that has only the standard library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python3"


def full_python(folder: Path) -> Path:
    """An environment with all that the tests' own has."""
    python = bare_python(folder)
    for packages in (folder / "lib").glob("python3*/site-packages"):
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def poor_board(boards, tmp_path):
    """A board whose python3 has only the standard library, and whose PATH has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh"))
    script(folder / "python3", f'exec {bare_python(tmp_path / "bare")} "$@"')
    return boards("poor", PATH=str(folder))


def test_another_python_is_found_where_the_default_one_has_nothing(measure, watching, poor_board):
    full = full_python(poor_board.home / "venv")
    outcome = measure(poor_board.profile(python=None), watching=watching)
    assert [cell["status"] for cell in outcome.document["cells"]] == ["ok"]
    assert watching.notes == [f"device poor: using {full}, because python3 there can't run models"]
    assert poor_board.is_clean()


def test_a_python_that_was_asked_for_is_not_replaced(measure, poor_board):
    """But what is there is named."""
    full = full_python(poor_board.home / "venv")
    outcome = measure(poor_board.profile(python="python3"))
    (cell,) = outcome.document["cells"]
    assert cell["status"] == "unavailable"
    assert "has no numpy that imports" in cell["reason"]
    assert f"also there: {full} (" in cell["reason"]
    assert "name another Python with python" in cell["reason"]


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs tests that run in a virtual environment")
def test_no_python_that_can_run_models_is_answered_with_the_one_command_that_helps(measure, poor_board):
    outcome = measure(poor_board.profile(python=None))
    (cell,) = outcome.document["cells"]
    assert cell["status"] == "unavailable"
    assert f"make one: ssh -F {poor_board.folder}/ssh_config poor '/" in cell["reason"]
    assert cell["reason"].endswith("/python3 -m venv ~/venv && ~/venv/bin/pip install ai-edge-litert'")


def test_no_python_at_all(transport_of, boards, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shutil.which("sh"))
    board = boards("board", PATH=str(tmp_path / "bin"))
    with (
        transport_of(board.profile(python=None)) as transport,
        pytest.raises(DeviceError, match=r"it has no Python 3\.7 or newer on its PATH; name one with python"),
    ):
        list(transport.start(Request("probe")))


def test_a_python_that_is_too_old_is_passed_over(transport_of, boards, tmp_path):
    """A stand-in that ends as an old Python would when asked for its version."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh"))
    script(folder / "python3", "exit 97")
    script(folder / "python3.9", f'exec {sys.executable} "$@"')
    board = boards("board", PATH=str(folder))
    with transport_of(board.profile(python=None)) as transport:
        (answer, _) = list(
            transport.start(Request("probe", questions=[ProbeRequest(sys.executable, "auto", [])]))
        )
    assert answer.error is None


# bootstrap.py itself, as a board's Python runs it


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Arriving:
    """bootstrap.py as a process that we are home to."""

    def __init__(
        self, workdir: Path, *files: bytes, python: str = sys.executable, busy_s: float = 2.0, **order: object
    ) -> None:
        self.workdir, self.contents = workdir, {digest(data): data for data in (PROGRAM, *files)}
        source = SOURCE.read_text().replace("\n_BUSY_S = 2.0", f"\n_BUSY_S = {busy_s}")
        self.process = subprocess.Popen(
            [python, "-I", "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.send({
            "do": "run", "marker": "MARK", "workdir": str(workdir), "wait_s": None, "keep_bytes": 1 << 30,
            "named_by": "workdir", "quiet_s": 60, "stay": False,
            "owner": {"who": "me@here", "run": "r1"}, "bundle": digest(PROGRAM),
            "files": [{"sha256": key, "size": len(data)} for key, data in self.contents.items()], **order,
        })  # fmt: skip
        assert self.process.stdout.readline() == b"\n"
        assert self.process.stdout.readline() == b"MARK\n"

    def send(self, message: dict, data: bytes = b"") -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n" + data)
        self.process.stdin.flush()

    def answer(self) -> dict:
        """The next one; empty lines only say that a piece of a file is stored, or checked."""
        line, self.empty_lines = b"\n", -1
        while line == b"\n":
            line = self.process.stdout.readline()
            self.empty_lines += 1
        return json.loads(line)

    def bring(self) -> list[str]:
        """Send what is missing; the process ends, having run the program."""
        missing = self.answer()["missing"]
        for key in missing:
            self.send({"sha256": key}, self.contents[key])
        assert self.answer() == {"ready": True, "lock": None}
        assert self.process.stdout.read() == b"began\n"
        assert self.process.wait(10) == 0
        return missing

    def path(self, data: bytes) -> Path:
        return self.workdir / "files" / digest(data)

    def stored(self) -> set[str]:
        return {path.name for path in (self.workdir / "files").iterdir()}

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        assert self.process.stdout.read().strip() == b""


@pytest.fixture
def arriving(tmp_path):
    made = []

    def start(*files: bytes, **order: object) -> Arriving:
        made.append(Arriving(tmp_path / "work", *files, **order))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def test_what_is_there_is_not_asked_for(arriving):
    assert arriving(b"model").bring() == [digest(PROGRAM), digest(b"model")]
    assert arriving(b"model").bring() == []
    assert arriving(b"other").bring() == [digest(b"other")]


@pytest.mark.smoke
def test_a_damaged_upload_is_not_accepted(arriving):
    one = arriving(b"model")
    one.answer()
    one.send({"sha256": digest(PROGRAM)}, PROGRAM)
    one.send({"sha256": digest(b"model")}, b"modem")
    assert one.answer() == {"error": "a file was damaged on its way here"}
    one.end()
    assert one.stored() == {digest(PROGRAM)}
    assert arriving(b"model").bring() == [digest(b"model")]


def test_an_upload_that_breaks_off_leaves_nothing(arriving):
    one = arriving(b"model" * 100)
    one.answer()
    one.send({"sha256": digest(PROGRAM)}, PROGRAM)
    one.send({"sha256": digest(b"model" * 100)}, b"model" * 99)
    one.end()
    assert one.stored() == {digest(PROGRAM)}


def test_a_file_that_was_cut_on_the_disk_is_asked_for_again(arriving):
    one = arriving(b"model")
    one.bring()
    (one.workdir / "files" / digest(b"model")).write_bytes(b"mod")
    assert arriving(b"model").bring() == [digest(b"model")]


@pytest.mark.parametrize("data", [b"model", PROGRAM])
def test_a_file_that_was_changed_on_the_disk_is_asked_for_again(arriving, data):
    """Of the same size: a card that fails, a program that went wrong."""
    one = arriving(b"model")
    one.bring()
    one.path(data).write_bytes(data[:-2] + b"??")
    again = arriving(b"model")
    assert again.answer() == {"missing": [digest(data)], "damaged": 1}
    again.send({"sha256": digest(data)}, data)
    assert again.answer() == {"ready": True, "lock": None}
    assert again.process.stdout.read() == b"began\n"
    assert one.path(data).read_bytes() == data
    assert arriving(b"model").bring() == []


@pytest.mark.parametrize(
    "python", other_pythons() or [pytest.param("", marks=pytest.mark.skip("no other Python here"))]
)
def test_what_is_kept_is_checked_by_every_python_from_3_7_on(arriving, python):
    one = arriving(b"model", python=python)
    one.bring()
    assert arriving(b"model", python=python).bring() == []
    one.path(b"model").write_bytes(b"modem")
    assert arriving(b"model", python=python).bring() == [digest(b"model")]


def swap_for_a_link(path: Path) -> None:
    """Replace a file by a link to a copy of it."""
    path.rename(path.parents[2] / "elsewhere")
    path.symlink_to(path.parents[2] / "elsewhere")


def give_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(path, 65534, -1)


CHANGES = [lambda path: path.chmod(0o620), lambda path: path.chmod(0o602), swap_for_a_link, give_away]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_others_can_change_is_sent_again(arriving, change):
    """It may be whole now, and not when it is run."""
    one = arriving(b"model")
    one.bring()
    change(one.path(PROGRAM))
    assert arriving(b"model").bring() == [digest(PROGRAM)]
    found = one.path(PROGRAM).lstat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.geteuid())
    assert stat.S_ISREG(found.st_mode)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.chmod(0o777), "can be written by others; chmod 700 it, or name a folder of your"),
        (lambda path: path.chmod(0o720), "can be written by others; chmod 700 it, or name a folder of your"),
        (swap_for_a_link, "is not a folder of your own; name one with workdir"),
        (give_away, "is not a folder of your own; name one with workdir"),
    ],
)
def test_a_folder_of_files_that_others_can_change_is_refused(arriving, change, said):
    """Nothing in it is run."""
    one = arriving(b"model")
    one.bring()
    change(one.workdir / "files")
    other = arriving(b"model")
    assert other.answer()["error"].startswith(f"{one.workdir}/files {said}")
    other.end()


def test_a_lock_that_is_a_link_is_refused(arriving, tmp_path):
    """Taking it would write into what it points to."""
    one = arriving()
    one.bring()
    (tmp_path / "precious").write_text("content")
    (one.workdir / "lock").unlink()
    (one.workdir / "lock").symlink_to(tmp_path / "precious")
    other = arriving()
    assert "lock is a link, or can be changed by others; remove it" in other.answer()["error"]
    other.end()
    assert (tmp_path / "precious").read_text() == "content"


def test_home_hears_of_a_check_that_takes_long(arriving):
    """As on a slow card; what it says must not be taken for what it was asked."""
    large = b"x" * 5_000_000
    one = arriving(large)
    one.bring()
    again = arriving(large, busy_s=0.0)
    assert again.answer() == {"missing": [], "damaged": 0}
    assert again.empty_lines >= 9


def test_only_what_was_asked_for_is_taken(arriving):
    one = arriving(b"model")
    one.answer()
    one.send({"sha256": "../../evil"}, PROGRAM)
    assert one.answer() == {"error": "home did not send what was asked for"}
    one.end()
    assert one.stored() == set()


def test_what_was_not_used_for_longest_goes_first(arriving):
    old, used, new = (letter * 1000 for letter in (b"o", b"u", b"n"))
    one = arriving(old, used)
    one.bring()
    for days, data in ((9, PROGRAM), (8, old), (7, used)):
        path = one.workdir / "files" / digest(data)
        os.utime(path, (time.time() - days * 86400,) * 2)
    assert arriving(used, keep_bytes=2500).bring() == []  # PROGRAM and `used` count as used now
    one = arriving(new, keep_bytes=2500)
    one.bring()
    assert one.stored() == {digest(PROGRAM), digest(used), digest(new)}


def test_what_a_run_needs_is_kept_whatever_the_limit(arriving):
    one = arriving(b"a" * 1000, b"b" * 1000, keep_bytes=10)
    one.bring()
    assert one.stored() == {digest(PROGRAM), digest(b"a" * 1000), digest(b"b" * 1000)}
    arriving(keep_bytes=10).bring()
    assert one.stored() == {digest(PROGRAM)}


def test_halves_that_were_left_behind_are_removed_but_not_those_under_way(arriving):
    """A look at the board (`--probe`) takes no lock: it may be uploading while a run begins."""
    one = arriving(b"model")
    one.bring()
    dead = free_pid()
    left = one.workdir / "files" / f"{'0' * 64}.{dead}.part"
    under_way = one.workdir / "files" / f"{'1' * 64}.{os.getpid()}.part"
    left.touch()
    under_way.touch()
    arriving(b"model").bring()
    assert not left.exists()
    assert under_way.exists()


def free_pid() -> int:
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid
