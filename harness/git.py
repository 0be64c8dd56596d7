"""What git says about the repository that a folder is in, and the files of its commits."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import processes
from harness.errors import ConfigError
from harness.record import Git
from harness.scratch import scratch_folder

_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_TIMEOUT_S = 10.0
_CHECKOUT_S = 1800.0  # of a large repository, whose files may have to be fetched
_KEPT_BYTES = 1 << 24  # one line per changed file
_HASH = re.compile(r"[0-9a-f]{40,64}")


def state(folder: Path) -> Git | None:
    """Return the revision of a folder's repository; None without git, a repository or a commit."""
    said = _ask(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = (said or "").splitlines()
    facts = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    revision, branch = facts.get("branch.oid", ""), facts.get("branch.head")
    if not _HASH.fullmatch(revision):  # "(initial)" before the first commit
        return None
    dirty = any(not line.startswith("#") for line in lines)
    return Git(revision, None if branch == "(detached)" else branch, dirty)


def commit(name: str, folder: Path) -> str | None:
    """Return the hash of the commit that a revision, branch or tag stands for; None if there is none."""
    said = _ask(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
    found = (said or "").strip()
    return found if _HASH.fullmatch(found) else None


def top(folder: Path) -> Path | None:
    """Return the top folder of the working tree that a folder is in; None if it is in none."""
    said = _ask(folder, "rev-parse", "--show-toplevel")
    return Path(said.removesuffix("\n")) if said else None


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """Yield a temporary folder with the files of a commit, as git checks them out, without submodules.

    It is no worktree that the repository knows of: nothing is written to the repository, no hook runs, and a
    kill leaves nothing but the temporary folder, which the next call removes. Raises ConfigError.
    """
    with scratch_folder("against") as temporary:
        tree = temporary.resolve() / "tree"
        tree.mkdir()
        command = [*_GIT, "-c", "core.sparseCheckout=false", f"--work-tree={tree}"]
        done = processes.run(
            [*command, "read-tree", "--reset", "-u", revision],
            timeout_s=_CHECKOUT_S,
            folder=folder,
            environment={**os.environ, "GIT_INDEX_FILE": str(tree.with_name("index"))},
        )
        if not done.exit.ok:
            said = done.errors.decode("utf-8", "replace").strip().splitlines()
            raise ConfigError(f"git can't check out {revision[:12]}: {said[-1] if said else done.exit}")
        yield tree


def in_order(revisions: Collection[str], folder: Path) -> list[str] | None:
    """Return commits in the order of history, the oldest first; None if git does not know all of them."""
    said = _ask(folder, "rev-list", "--topo-order", "--reverse", "--ignore-missing", *sorted(revisions), "--")
    found = [line for line in (said or "").splitlines() if line in revisions]
    return found if len(found) == len(revisions) else None


def _ask(folder: Path, *arguments: str) -> str | None:
    """Return what git answers; None if it can't be started, fails or takes too long.

    It takes no locks of the repository, and starts no file monitor that its settings name.
    """
    command = [*_GIT, *arguments]
    try:
        done = processes.run(command, timeout_s=_TIMEOUT_S, folder=folder, kept_bytes=_KEPT_BYTES)
    except (OSError, ValueError):  # a name may hold a null byte
        return None
    return done.output.decode("utf-8", "replace") if done.exit.ok else None
