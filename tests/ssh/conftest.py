"""Boards to measure on: each a real sshd, with the tests' Python as the board's."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from harness import analysis
from harness.config import load_config
from harness.devices.machines import open_all
from harness.devices.timeouts import Timeouts
from harness.record import Document
from harness.record.plain import plain_struct
from harness.session.options import Options
from harness.session.run import run as run_job
from tests.cli.conftest import qbench  # noqa: F401  (a fixture)
from tests.models import dense_model
from tests.ssh.board import Board, make_key, needs_ssh

# As with real boards, but in a hurry.
TIMEOUTS = Timeouts(connect_s=20, answer_s=10, beat_s=0.5, quiet_s=3, retry_s=20)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """The host key of every board, the user's key, and one that no board knows."""
    needs_ssh()
    folder = tmp_path_factory.mktemp("keys")
    for name in ("host", "user", "other"):
        make_key(folder / name)
    return folder


@pytest.fixture
def boards(tmp_path, keys):
    """Make boards that are reachable; all are switched off at the end, and have to be clean by then."""
    made = []

    def make(name: str = "board", *lines: str, **env: str) -> Board:
        board = Board(name, tmp_path / name, keys, *lines)
        board.env.update(env)
        made.append(board)
        board.start()
        return board

    yield make
    for board in made:
        board.stop()
    left = [line for board in made if not board.is_clean() for line in board.processes().values()]
    assert not left


@pytest.fixture
def board(boards):
    return boards()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(dense_model(seed=1))
    return path


class Watching:
    """Remembers what a run says; `on_measuring` is called once, when a machine is in the middle of it."""

    def __init__(self, on_measuring=None) -> None:
        self.notes, self._on_measuring = [], on_measuring

    def step(self, text): ...
    def converted(self, variant, done, total): ...
    def planned(self, machine, groups): ...

    def note(self, text):
        self.notes.append(text)

    def measured(self, machine, progress):
        act, self._on_measuring = self._on_measuring, None
        if act is not None:
            act()


@pytest.fixture
def watching():
    return Watching()


@pytest.fixture
def scratch():
    """TMPDIR for a home that will be killed and cannot tidy up; its path is short, for ssh's socket."""
    with tempfile.TemporaryDirectory(prefix="qbt-") as folder:
        yield folder


@pytest.fixture
def transport_of(tmp_path, cache, monkeypatch):
    """The transport of a profile (a text of devices.toml), closed at the end."""
    monkeypatch.setenv("QBENCH_CACHE", str(cache))

    @contextlib.contextmanager
    def transport(profile: str, timeouts: Timeouts = TIMEOUTS):
        path = tmp_path / "devices.toml"
        path.write_text(profile)
        with open_all(list(load_config(path).devices.values()), lambda text: None, timeouts) as (machine,):
            yield machine.transport

    return transport


class Measured(NamedTuple):
    """A run's document as --json writes it, and its folder."""

    document: dict[str, Any]
    folder: Path


def exit_code(document: dict[str, Any]) -> int:
    """What `qbench run` would end with."""
    return analysis.exit_code(msgspec.convert(document, Document))


@pytest.fixture
def measure(tmp_path, model, cache, monkeypatch):
    """`qbench run` on profiles (texts of devices.toml), without the command around it."""
    monkeypatch.setenv("QBENCH_CACHE", str(cache))

    def run(*profiles: str, watching: Watching | None = None, **options) -> Measured:
        path = tmp_path / "devices.toml"
        path.write_text("\n".join(profiles))
        config = load_config(path)
        values = {
            "models": [str(model)], "devices": list(config.devices), "budget_s": 0.02, "precision": 1.0,
            "results": tmp_path / "results", "timeouts": TIMEOUTS, **options,
        }  # fmt: skip
        outcome = run_job(Options(**values), config, watching or Watching())
        return Measured(plain_struct(outcome.document), outcome.folder)

    return run
