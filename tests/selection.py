"""Which tests run, and which of them run alone: a pytest plugin, loaded by conftest.py.

Slow tests run with --all, or when their file is named on the command line: those marked `slow`, and whole
commands and boards (tests/cli, tests/plugin, tests/ssh), but for a few that are marked `smoke`. A test marked
`alone` (it compares times, or needs what a machine has once) waits until no other test of this session runs,
and none begins before it has ended: the workers of pytest-xdist keep to that with two file locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMMANDS_AND_BOARDS = {"cli", "plugin", "ssh"}
_FOLDER = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("qbench")
    group.addoption("--all", action="store_true", help="also run what takes long: the whole suite")
    group.addoption("--fuzz", type=int, metavar="N", help="so many inputs in each test of tests/fuzz")
    group.addoption("--seed", type=int, default=7, help="of the inputs in tests/fuzz (default: %(default)s)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out unless they are asked for; those that run alone come last."""
    if not config.getoption("--all"):
        named = {Path(argument.partition("::")[0]).resolve() for argument in config.args}
        left_out = [item for item in items if _is_slow(item) and item.path not in named]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    items.sort(key=lambda item: _is(item, "alone"))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_configure_node(node: Any) -> None:
    """Give all workers of this session one folder; it is removed when the session ends."""
    stash = node.config.stash
    if _FOLDER not in stash:
        folder = tempfile.TemporaryDirectory(prefix="qbench-tests-")
        node.config.add_cleanup(folder.cleanup)
        stash[_FOLDER] = folder.name
    node.workerinput["shared_folder"] = stash[_FOLDER]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    folder = _shared_folder(item.config)
    with contextlib.nullcontext() if folder is None else _turn(folder, alone=_is(item, "alone")):
        return (yield)


@pytest.fixture(scope="session")
def cache(tmp_path_factory, pytestconfig) -> Path:
    """A cache for models, variants and what is compiled; the workers of one session share it."""
    shared = _shared_folder(pytestconfig)
    return tmp_path_factory.mktemp("cache") if shared is None else shared / "cache"


def _shared_folder(config: pytest.Config) -> Path | None:
    """The folder that the workers of this session share; None where there are no workers."""
    shared = getattr(config, "workerinput", {}).get("shared_folder")
    return None if shared is None else Path(shared)


@contextlib.contextmanager
def _turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold the room, exclusively if `alone`. Whoever waits for it holds the door: nobody overtakes."""
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def _is_slow(item: pytest.Item) -> bool:
    whole = item.path.parent.name in COMMANDS_AND_BOARDS
    return _is(item, "slow") or (whole and not _is(item, "smoke"))


def _is(item: pytest.Item, mark: str) -> bool:
    return item.get_closest_marker(mark) is not None
