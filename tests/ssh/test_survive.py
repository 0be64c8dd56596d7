"""What can go wrong on the way and on the board, done for real: links cut and frozen, processes killed,
disks full, shells that talk. Afterwards everything that was measured is kept, nothing runs on the board any
more, and its lock is free."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from delegates.wire import ProbeRequest, Request
from harness.errors import DeviceError
from harness.record.plain import plain_struct
from harness.session.stored import open_runs
from tests.cli.conftest import COMMAND, environment
from tests.cli.test_hostile import heed_signals
from tests.models import dense_model
from tests.ssh.board import send, wait_for, with_environment
from tests.ssh.conftest import TIMEOUTS, Watching, exit_code

GONE_S = 5  # after a run, whatever happened to it, as long as the board could hear of it
LOST_S = TIMEOUTS.quiet_s + 15  # where it could not: it waits for a sound, then takes 2 s and at most 10 more
IMPATIENT = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-o", "ConnectTimeout=2"]


def is_quiet(board, seconds=GONE_S):
    return board.is_clean(seconds) and board.is_free()


def impatient(board, **keys):
    return board.profile(ssh_options=[*IMPATIENT, "-F", str(board.folder / "ssh_config")], **keys)


@pytest.fixture
def slow_model(model):
    """Long enough to be in the middle of it."""
    model.write_bytes(dense_model(seed=1, inputs=4096, outputs=4096))
    return model


def launches(document):
    return [0 if c["latency_ms"] is None else c["latency_ms"]["launches"] for c in document["cells"]]


def stored_launches(tmp_path):
    stored = tmp_path.glob("results/*/events.jsonl")
    lines = [line for path in stored for line in path.read_text().splitlines(keepends=True)]
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return sum(event["event"] == "launched" for event in events)


def after_launches(tmp_path, count, act):
    """A Watching that acts once so many launches are stored."""

    class After(Watching):
        def measured(self, machine, progress):
            if stored_launches(tmp_path) >= count:
                super().measured(machine, progress)

    return After(act)


@pytest.mark.smoke
@pytest.mark.slow
def test_a_link_that_is_cut_in_the_middle_is_resumed_once(measure, board, tmp_path, slow_model):
    watching = after_launches(tmp_path, 2, board.cut)
    document = measure(board.profile(), watching=watching, budget_s=0.5).document
    assert watching.notes == [
        f"the link to board was lost; trying again for {TIMEOUTS.retry_s:.0f} s",
        "board is there again; measuring what is missing",
    ]
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert launches(document)[0] >= 6 + 2
    assert document["devices"][0]["problem"] is None
    assert exit_code(document) == 0
    assert is_quiet(board)


@pytest.mark.slow
def test_models_that_were_whole_are_not_measured_again(measure, board, tmp_path):
    """Of two models the first is finished when the link is cut."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name, seed in (("first", 1), ("second", 2)):
        (folder / f"{name}.tflite").write_bytes(dense_model(seed))
    paths = [str(folder / f"{name}.tflite") for name in ("first", "second")]
    watching = after_launches(tmp_path, 6, board.cut)
    document = measure(board.profile(), watching=watching, models=paths, budget_s=0.3).document
    first, second = document["cells"]
    assert len(watching.notes) == 2
    assert (first["status"], second["status"]) == ("ok", "ok")
    assert first["latency_ms"]["launches"] == 6
    assert second["latency_ms"]["launches"] >= 6


def test_a_link_that_stays_away_keeps_what_was_measured(measure, board, tmp_path, slow_model):
    watching = after_launches(tmp_path, 2, board.stop)
    started = time.monotonic()
    timeouts = type(TIMEOUTS)(**{**vars(TIMEOUTS), "retry_s": 1})
    document = measure(board.profile(), watching=watching, budget_s=4, timeouts=timeouts).document
    assert time.monotonic() - started < 30
    (cell,) = document["cells"]
    assert cell["latency_ms"]["launches"] >= 2
    assert cell["status"] == "unavailable"
    assert "the link to board was lost" in cell["reason"]
    assert f"the figures are those of the {launches(document)[0]} launches before" in cell["reason"]
    assert document["devices"][0]["problem"] in cell["reason"]
    assert exit_code(document) == 4
    assert is_quiet(board)


@pytest.mark.slow
def test_a_board_that_restarts_in_the_middle(measure, board, tmp_path, slow_model):
    """Everything there is gone, and a while later it answers again."""
    later = threading.Timer(1.5, board.start)

    def restart():
        board.stop()
        send(signal.SIGKILL, list(board.processes()))
        later.start()

    watching = after_launches(tmp_path, 2, restart)
    document = measure(board.profile(), watching=watching, budget_s=3).document
    later.join()
    assert "is there again" in watching.notes[-1]
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert is_quiet(board)


THROTTLE = """
import os, select, socket, sys, time
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
pairs = {0: link.fileno(), link.fileno(): 1}
while True:
    for end in select.select(list(pairs), [], [])[0]:
        data = os.read(end, 2000)
        if not data:
            sys.exit()
        os.write(pairs[end], data)
        time.sleep(len(data) / 40_000)
"""


@pytest.mark.alone
@pytest.mark.slow
def test_a_link_of_40_kB_a_second(measure, board, tmp_path):
    """It carries no timing: what is measured does not change, it only takes longer to get there."""
    (tmp_path / "throttle.py").write_text(THROTTLE)
    proxy = f"ProxyCommand={sys.executable} {tmp_path}/throttle.py {board.port}"
    options = ["-o", proxy, "-F", str(board.folder / "ssh_config")]
    document = measure(board.profile(ssh_options=options)).document
    (cell,) = document["cells"]
    assert cell["status"] == "ok"
    assert cell["latency_ms"]["median"] < 0.1
    assert is_quiet(board)


@pytest.mark.slow
def test_a_frozen_link(measure, board, tmp_path, slow_model):
    """Nobody says goodbye on either side: home notices by itself, and so does the board."""
    frozen = []
    watching = after_launches(tmp_path, 2, lambda: frozen.extend(board.freeze()))
    # No timeouts with others, but the lock is still our own first conductor's.
    document = measure(impatient(board), watching=watching, budget_s=0.5, wait_s=0.0).document
    assert frozen
    assert "is there again" in watching.notes[-1] or "in use by" in watching.notes[-1]
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert is_quiet(board)


@pytest.mark.slow
def test_a_frozen_link_that_stays_so(measure, board, tmp_path, slow_model):
    def freeze_for_good():
        board.freeze()
        board.freeze_listener()

    watching = after_launches(tmp_path, 2, freeze_for_good)
    timeouts = type(TIMEOUTS)(**{**vars(TIMEOUTS), "retry_s": 1})
    document = measure(impatient(board), watching=watching, budget_s=0.5, timeouts=timeouts).document
    assert "the link to board was lost" in document["cells"][0]["reason"]
    assert exit_code(document) == 4
    assert is_quiet(board, LOST_S)


def test_a_conductor_that_is_killed(measure, board, tmp_path, slow_model):
    """The link is there: that is no reason to try again, and no board that can't be reached."""

    def kill():
        (conductor,) = [p for p in board.find("-I", "sys.version_info") if "python" in exe(p)]
        os.kill(conductor, signal.SIGKILL)

    watching = after_launches(tmp_path, 2, kill)
    document = measure(board.profile(), watching=watching, budget_s=0.5).document
    (cell,) = document["cells"]
    assert cell["status"] == "crashed"
    assert "the conductor ended with exit status 137" in cell["reason"]
    assert launches(document)[0] >= 2
    assert document["devices"][0]["problem"] is None
    assert exit_code(document) == 3
    assert is_quiet(board)


def exe(pid):
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


@pytest.mark.slow
def test_a_conductor_that_hangs(measure, board, tmp_path, slow_model):
    """Its link is alive, but it says nothing any more."""
    stopped = []

    def stop():
        stopped.extend(board.processes())
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    watching = after_launches(tmp_path, 2, stop)
    timeouts = type(TIMEOUTS)(**{**vars(TIMEOUTS), "answer_s": 3})
    document = measure(board.profile(), watching=watching, budget_s=4, timeouts=timeouts).document
    (cell,) = document["cells"]
    assert cell["status"] == "crashed" and launches(document)[0] >= 2
    assert "the device said nothing for 3 s" in cell["reason"]
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert is_quiet(board)


# Boards that are not as they should be

TALKATIVE = 'echo "Welcome to $(uname)!"; printf "no line end"; echo more >&2; cd /; '


@pytest.fixture
def probes(transport_of):
    """Whether a conductor arrives on the board and has another Python answer from the bundle there."""

    def probe(profile: str) -> bool:
        question = ProbeRequest(sys.executable, "auto", ["cpu"])
        with transport_of(profile) as transport:
            transport.lock_for("run", None)
            answer, _ = transport.start(Request("probe", questions=[question]))
        return answer.error is None

    return probe


@pytest.mark.parametrize("banner", [TALKATIVE, "head -c 300000 /dev/zero | tr '\\0' x; "])
def test_a_login_that_talks_and_goes_elsewhere(probes, boards, banner):
    board = boards("board", f'ForceCommand {banner} exec sh -c "$SSH_ORIGINAL_COMMAND"')
    assert probes(board.profile(workdir="bench/here"))
    assert (board.home / "bench" / "here" / "files").is_dir()
    assert board.is_clean(GONE_S)


def test_a_bashrc_that_talks_and_goes_elsewhere(measure, boards):
    """bash reads it for commands over ssh, too."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    board = boards("board", f'ForceCommand exec {bash} -c ". ~/.bashrc; $SSH_ORIGINAL_COMMAND"')
    (board.home / ".bashrc").write_text("echo 'Good morning'\necho >&2 beep\ncd /tmp\nset -o noclobber\n")
    document = measure(board.profile()).document
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert is_quiet(board)


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "ksh", "mksh", "tcsh", "csh", "fish", "busybox"])
def test_whatever_the_login_shell(transport_of, boards, shell):
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"needs {shell}")
    path = f"{path} sh" if shell == "busybox" else path
    board = boards("board", f'ForceCommand exec {path} -c "$SSH_ORIGINAL_COMMAND"')
    with transport_of(board.profile()) as transport:
        (facts,) = transport.start(Request("probe"))
    assert facts.machine["cores"] == os.cpu_count()


def test_a_login_that_ends_at_once(transport_of, boards):
    board = boards("board", "ForceCommand echo This account is for rsync only; exit 3")
    message = r"^board: it ended with status 3 before qbench began"
    with transport_of(board.profile()) as transport, pytest.raises(DeviceError, match=message):
        list(transport.start(Request("probe")))


# Shells that never come to the command they were given

THEN = 'exec sh -c "$SSH_ORIGINAL_COMMAND"'
READS = "board: its login shell, or what that starts, reads the input that is meant for qbench; look for read"
LOST_SHELLS = {
    "exec cat": "board: its login shell sends back what it gets instead of running the command it was given",
    f"head -c 20 >/dev/null; {THEN}": READS,
    f"read -r x; {THEN}": READS,
    f"cat > /dev/null; {THEN}": "board: it said nothing for 3 s; does ssh -F ",
    "while :; do echo hello; sleep 0.2; done": "board: it printed things for 3 s and did not begin; does ssh",
    "yes": "board: its login shell printed more than 1 MiB before it ran anything; look at its start-up",
}


@pytest.mark.alone
@pytest.mark.parametrize("shell", LOST_SHELLS)
def test_a_login_shell_that_does_something_else(transport_of, boards, shell):
    """Said in time, in one line, and with what to look for."""
    board = boards("board", f"ForceCommand {shell}")
    timeouts = type(TIMEOUTS)(**{**vars(TIMEOUTS), "answer_s": 3})
    with transport_of(board.profile(), timeouts) as transport:
        started = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            list(transport.start(Request("probe")))
        assert time.monotonic() - started < 30  # a limit, no measure: it was minutes
    assert str(caught.value).startswith(LOST_SHELLS[shell])
    assert "\n" not in str(caught.value)
    board.end_all()


def test_a_shell_that_was_started_instead_gets_no_program_of_ours_to_run(transport_of, boards, tmp_path):
    """Its words are commands there: ImageMagick's is called `import`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("import", "from"):
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/ran\n')
        (folder / name).chmod(0o755)
    board = boards("board", "ForceCommand exec sh", PATH=f"{folder}:{os.environ['PATH']}")
    timeouts = type(TIMEOUTS)(**{**vars(TIMEOUTS), "answer_s": 2})
    message = "board: it said nothing for 2 s; does ssh .* true work, and come to an end"
    with transport_of(board.profile(), timeouts) as transport, pytest.raises(DeviceError, match=message):
        list(transport.start(Request("probe")))
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def disk(board):
    """Mount a small disk as the board's workdir, where that is allowed."""
    folder = board.home / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("needs the right to mount a tmpfs (root)")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_too_small(measure, board, disk):
    """Said with what there is and what is needed, and nothing half-done stays there."""
    folder = disk("size=32k,mode=700")
    document = measure('[devices.here]\ndelegates = ["cpu"]\n', board.profile(workdir="~/disk")).document
    here, there = document["cells"]
    assert here["status"] == "ok"
    assert there["status"] == "unavailable"
    assert "No space left on device" in there["reason"] or "bytes free" in there["reason"]
    assert exit_code(document) == 4
    assert board.is_clean(GONE_S)
    assert not list(folder.glob("files/*"))


def test_a_disk_that_fills_up_between_the_looks_at_it(transport_of, board, disk, model):
    """There is room for what a probe brings, not for the run's models."""
    disk("size=96k,mode=700")
    with transport_of(board.profile(workdir="~/disk")) as transport:
        assert len(list(transport.start(Request("probe")))) == 1
    model.write_bytes(dense_model(seed=1, inputs=256, outputs=256))
    with transport_of(board.profile(workdir="~/disk")) as transport:
        transport.remote_path(model)
        transport.lock_for("run", None)
        message = r"^board: .*/disk has \d+ bytes free, \d+ are needed; make room or name another folder"
        with pytest.raises(DeviceError, match=message):
            list(transport.start(Request("probe")))
    assert board.is_clean(GONE_S)


def test_old_files_make_room_on_a_small_disk(transport_of, board, disk, model):
    folder = disk("size=300k,mode=700")
    for seed in (1, 2, 3):
        model.write_bytes(dense_model(seed, inputs=200, outputs=200))
        with transport_of(board.profile(workdir="~/disk")) as transport:
            transport.remote_path(model)
            transport.lock_for("run", None)
            assert len(list(transport.start(Request("probe")))) == 1
    assert len(list(folder.glob("files/*"))) == 2


def test_a_disk_from_which_nothing_may_be_run(probes, board, disk):
    disk("size=4m,mode=700,noexec,nosuid,nodev")
    assert probes(board.profile(workdir="~/disk"))


def test_a_disk_that_cannot_be_written(transport_of, board, disk):
    disk("size=1m,mode=700,ro")
    with (
        transport_of(board.profile(workdir="~/disk")) as transport,
        pytest.raises(DeviceError, match="disk cannot be used: Read-only file system; name another folder"),
    ):
        list(transport.start(Request("probe")))


# Home goes


def start(board, tmp_path, cache, model, *options):
    (tmp_path / "devices.toml").write_text(board.profile())
    return subprocess.Popen(
        [*COMMAND, "run", "--model", str(model), "--device", board.name, "--budget", "6", *options],
        preexec_fn=heed_signals,  # noqa: PLW1509  (no thread of the tests holds a lock)
        cwd=tmp_path, env=environment(cache), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_keeps_what_was_measured_and_leaves_nothing_on_the_board(
    board, tmp_path, cache, slow_model, number
):
    process = start(board, tmp_path, cache, slow_model)
    wait_for(lambda: stored_launches(tmp_path) >= 1, 30)
    os.killpg(process.pid, number)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "net on board" in out
    (stored,) = tmp_path.glob("results/*/run.json")
    document = json.loads(stored.read_text())
    assert document["interrupted"] is True
    assert launches(document)[0] >= 1
    assert is_quiet(board)


def test_ctrl_c_while_a_board_does_not_answer(boards, tmp_path, cache, model):
    """It has taken the connection and hangs: there is nothing to wait for."""
    board = boards("board", "ForceCommand exec sleep 600")
    process = start(board, tmp_path, cache, model)
    wait_for(lambda: board.find("sleep 600"), 30)
    os.killpg(process.pid, signal.SIGINT)
    started = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "qbench: interrupted"
    assert not list(tmp_path.glob("results/*"))
    board.end_all()  # `sleep` reads nothing, so it can't know that we are gone


def test_ctrl_c_while_waiting_for_the_lock(board, tmp_path, cache, model, transport_of):
    with transport_of(board.profile()) as transport:
        transport.lock_for("run-1", None)
        transport.open_link()
        owner = transport._new_connection(Request("probe"))
        transport._bootstrap(owner)
        process = start(board, tmp_path, cache, model)
        wait_for(lambda: len(board.find("-I", "sys.version_info")) >= 4, 30)
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        owner.close()
    assert is_quiet(board)


HOME = """
import sys
from pathlib import Path
from harness.session.options import Options
from harness.config import load_config
from harness.session.run import run
from tests.ssh.conftest import TIMEOUTS, Watching

config = load_config(Path("devices.toml"))
options = Options(models=[sys.argv[1]], devices=["board"], budget_s=float(sys.argv[2]), timeouts=TIMEOUTS)
run(options, config, Watching())
"""


@pytest.mark.slow
def test_a_home_that_is_frozen_is_not_waited_for(board, tmp_path, cache, slow_model, scratch):
    """A laptop that went to sleep: the connection is there, and nobody at the other end."""
    (tmp_path / "devices.toml").write_text(board.profile())
    env = {**environment(cache), "QBENCH_TEST_HOME": str(tmp_path), "TMPDIR": scratch}
    process = subprocess.Popen([sys.executable, "-c", HOME, slow_model, "60"], cwd=tmp_path, env=env)
    wait_for(lambda: board.find(" launch "), 30)
    home = with_environment(f"QBENCH_TEST_HOME={tmp_path}")
    assert len(home) >= 3  # qbench, its connection, and the connection in the background
    send(signal.SIGSTOP, home)
    try:
        assert is_quiet(board, LOST_S)
    finally:
        send(signal.SIGKILL, home)
        process.wait()


@pytest.mark.slow
def test_a_home_that_slept_has_the_rest_measured(board, tmp_path, cache, slow_model):
    """The board has given it up in the meantime, and says so; half a measurement is not the end of it."""
    (tmp_path / "devices.toml").write_text(board.profile())
    env = {**environment(cache), "QBENCH_TEST_HOME": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", HOME, slow_model, "1"], cwd=tmp_path, env=env)
    wait_for(lambda: stored_launches(tmp_path) >= 1, 30)
    home = with_environment(f"QBENCH_TEST_HOME={tmp_path}")
    send(signal.SIGSTOP, home)
    try:
        assert is_quiet(board, LOST_S)
    finally:
        send(signal.SIGCONT, home)
    assert process.wait(60) == 0
    document = plain_struct(open_runs([], tmp_path / "results").document)
    assert [cell["status"] for cell in document["cells"]] == ["ok"]
    assert launches(document)[0] >= 6
    assert is_quiet(board)


def test_a_connection_that_was_killed_is_made_anew(transport_of, board, tmp_path):
    """Its socket stays, and ssh would take it for one that lives."""
    with transport_of(board.profile()) as transport:
        transport.open_link()
        pattern = f"-S {transport._folder}/s".encode()
        masters = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if pattern in path.read_bytes().replace(b"\0", b" ")
        ]
        assert masters
        send(signal.SIGKILL, masters)
        wait_for(lambda: not transport.link_is_up(), 5)
        transport.open_link()
        assert transport.link_is_up()


def test_a_second_ctrl_c_ends_at_once_with_what_there_is(board, tmp_path, cache, slow_model):
    """The board can't answer any more; what was measured is stored all the same."""
    process = start(board, tmp_path, cache, slow_model)
    wait_for(lambda: stored_launches(tmp_path) >= 1, 30)
    board.freeze()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "net on board" in out
    (stored,) = tmp_path.glob("results/*/run.json")
    assert launches(json.loads(stored.read_text()))[0] >= 1
    board.stop()


@pytest.mark.slow
def test_a_run_that_lost_its_board_is_resumed_when_that_is_back(measure, board, tmp_path, model, qbench):
    """Also `--dry-run` first fails to reach the board, and then tells what is left."""
    model.write_bytes(dense_model(seed=1, inputs=4096, outputs=4096))
    lost = measure(
        impatient(board), budget_s=0.2, watching=after_launches(tmp_path, 2, board.stop),
        timeouts=dataclasses.replace(TIMEOUTS, retry_s=1),
    )  # fmt: skip
    assert lost.document["devices"][0]["problem"]
    name = lost.folder.name
    away = qbench("run", "--resume", name, "--dry-run")
    assert (away.returncode, away.stdout) == (4, "")

    board.start()
    expected = json.loads(qbench("run", "--resume", name, "--dry-run", "--json", "-").stdout)
    assert expected["resumes"] == name
    assert [(cell["device"], cell["plan"]) for cell in expected["cells"]] == [("board", "measure")]
    done = qbench("run", "--resume", name, "--json", "-")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["run_id"].startswith(f"{name} + ") and document["devices"][0]["problem"] is None
    assert launches(document)[0] > launches(lost.document)[0]
    assert document["cells"][0]["status"] == "ok"
