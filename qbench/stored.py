"""The list of stored runs, as a notebook sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pandas as pd

    from harness.store.index import RunEntry


class Runs(tuple["RunEntry", ...]):
    """Stored runs, the newest first; `qbench.load(one.run_id)` loads one."""

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run; `git.revision` is a column, and each tag is one, `tags.NAME`."""
        import pandas as pd

        from harness.store.index import RunEntry

        columns = [name for name in RunEntry.__struct_fields__ if name not in ("git", "tags")]
        frame = pd.json_normalize([msgspec.to_builtins(run) for run in self])
        return frame.reindex(columns=[*columns, *(name for name in frame if name not in {*columns, "git"})])
