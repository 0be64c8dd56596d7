"""What git says about the repository that a folder is in."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from harness import processes
from harness.record import Git

_TIMEOUT_S = 10.0
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


def in_order(revisions: Collection[str], folder: Path) -> list[str] | None:
    """Return commits in the order of history, the oldest first; None if git does not know all of them."""
    said = _ask(folder, "rev-list", "--topo-order", "--reverse", "--ignore-missing", *sorted(revisions), "--")
    found = [line for line in (said or "").splitlines() if line in revisions]
    return found if len(found) == len(revisions) else None


def _ask(folder: Path, *arguments: str) -> str | None:
    """Return what git answers; None if it can't be started, fails or takes too long.

    It takes no locks of the repository, and starts no file monitor that its settings name.
    """
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = processes.run(command, timeout_s=_TIMEOUT_S, folder=folder, kept_bytes=_KEPT_BYTES)
    except (OSError, ValueError):  # a name may hold a null byte
        return None
    return done.output.decode("utf-8", "replace") if done.exit.ok else None
