"""The tables of the index, and the questions that they answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from harness.store.index.entries import CellEntry, RunEntry
from harness.store.index.filters import KEY, CellFilter, RunFilter, cell_condition, marks, run_condition

_FIGURES = CellEntry.__struct_fields__[10:]  # what follows folder, id and key
_VERSION = 3

_TABLES = f"""
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    run_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    state TEXT NOT NULL,
    models TEXT NOT NULL,
    devices TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision TEXT,
    branch TEXT,
    entry BLOB NOT NULL,
    estimator INTEGER
);
CREATE INDEX runs_by_id ON runs (run_id, folder);
CREATE INDEX runs_by_revision ON runs (revision);
CREATE TABLE cells (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    {", ".join(KEY)}
);
CREATE TABLE figures (
    run INTEGER NOT NULL,
    cell INTEGER NOT NULL,
    position INTEGER NOT NULL,
    {", ".join(_FIGURES)},
    PRIMARY KEY (cell, run)
) WITHOUT ROWID;
CREATE INDEX figures_by_run ON figures (run, position);
PRAGMA user_version = {_VERSION};
"""


class Index:
    """An open index. Every method raises sqlite3.DatabaseError, or MsgspecError if the index is damaged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Create the tables if there are none."""
        self._sql = connection
        if self._version() != _VERSION:
            with self._writing():
                if self._version() != _VERSION:  # nobody else has been quicker
                    for statement in _TABLES.split(";\n"):
                        self._sql.execute(statement)

    def known(self, folder: str | None = None) -> Mapping[str, str]:
        """Return the fingerprint of every run (or of one) by folder; "" while it was being measured."""
        rows = self._sql.execute(
            "SELECT folder, CASE state WHEN 'running' THEN '' ELSE fingerprint END FROM runs"
            " WHERE folder = ifnull(?, folder)",
            (folder,),
        )
        return dict(rows.fetchall())

    def runs(self, wanted: RunFilter, limit: int | None = None) -> list[RunEntry]:
        """Return the runs asked for, the newest first, at most `limit` of them."""
        condition, values = run_condition(wanted)
        rows = self._sql.execute(
            f"SELECT entry FROM runs WHERE {condition} ORDER BY run_id DESC, folder DESC LIMIT ?",
            (*values, -1 if limit is None else limit),
        )
        return [msgspec.json.decode(entry, type=RunEntry) for (entry,) in rows]

    def count(self, wanted: RunFilter) -> int:
        """Return how many runs there are of those asked for."""
        condition, values = run_condition(wanted)
        ((count,),) = self._sql.execute(f"SELECT count(*) FROM runs WHERE {condition}", values)
        return int(count)

    def cells(self, runs: RunFilter, cells: CellFilter, limit: int | None = None) -> list[CellEntry]:
        """Return the cells asked for of the runs asked for, the newest run first, as its table has them.

        limit: of the newest runs only.
        """
        of_runs, run_values = run_condition(runs)
        of_cells, cell_values = cell_condition(cells)
        newest = ""
        if limit is not None:
            newest = (
                " AND runs.number IN (SELECT number FROM runs"
                f" WHERE {of_runs} ORDER BY run_id DESC, folder DESC LIMIT {int(limit)})"
            )
        few_runs = runs.folders or newest or cells == CellFilter()
        tables = ("runs", "figures", "cells") if few_runs else ("cells", "figures", "runs")
        rows = self._sql.execute(
            f"SELECT runs.folder, cells.id, {', '.join((*KEY, *_FIGURES))} FROM {' CROSS JOIN '.join(tables)}"
            " WHERE figures.run = runs.number AND figures.cell = cells.number"
            f" AND {of_runs} AND {of_cells}{newest} ORDER BY runs.run_id DESC, runs.folder DESC, position",
            (*run_values, *cell_values, *(run_values if newest else ())),
        )
        return [CellEntry(*row) for row in rows]

    def lacking(self, folders: Collection[str], estimator: int) -> list[str]:
        """Return those of some runs whose figures are missing, or were derived by another estimator.

        A run that is being measured has no figures, and lacks none.
        """
        rows = self._sql.execute(
            "SELECT folder FROM runs WHERE state != 'running' AND estimator IS NOT ?", (estimator,)
        )
        lacking = {folder for (folder,) in rows}
        return [folder for folder in folders if folder in lacking]

    def put_runs(self, runs: Iterable[tuple[str, RunEntry]]) -> None:
        """Add runs, each with its fingerprint, or replace them; their figures are then missing."""
        with self._writing():
            for fingerprint, entry in runs:
                self._forget(entry.folder)
                git = entry.git
                self._sql.execute(
                    "INSERT INTO runs (folder, fingerprint, run_id, started_at, state, models, devices, tags,"
                    " revision, branch, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        entry.folder,
                        fingerprint,
                        entry.run_id,
                        entry.started_at,
                        entry.state,
                        _json(entry.models),
                        _json(entry.devices),
                        _json(entry.tags),
                        None if git is None else git.revision,
                        None if git is None else git.branch,
                        msgspec.json.encode(entry),
                    ),
                )

    def put_figures(self, runs: Iterable[tuple[str, Sequence[CellEntry]]], estimator: int) -> None:
        """Add the figures of runs that the index knows, by folder; others are left out."""
        with self._writing():
            for folder, cells in runs:
                found = self._sql.execute("SELECT number FROM runs WHERE folder = ?", (folder,)).fetchone()
                if found is None:
                    continue
                self._sql.execute("DELETE FROM figures WHERE run = ?", found)
                self._sql.execute("UPDATE runs SET estimator = ? WHERE number = ?", (estimator, *found))
                self._sql.executemany(
                    f"INSERT INTO figures VALUES (?, ?, ?, {marks(_FIGURES)})",
                    [
                        (*found, self._cell(cell), position, *(getattr(cell, name) for name in _FIGURES))
                        for position, cell in enumerate(cells)
                    ],
                )

    def forget(self, folders: Iterable[str]) -> None:
        """Remove runs."""
        with self._writing():
            for folder in folders:
                self._forget(folder)

    def is_sound(self) -> bool:
        """Return whether all of the file can be read. Takes long."""
        (said,) = self._sql.execute("PRAGMA integrity_check(1)").fetchone()
        tables = self._sql.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
        try:
            self.runs(RunFilter())
        except msgspec.MsgspecError:
            return False
        return bool(said == "ok" and tables == (_TABLES.count("CREATE TABLE"),))

    def _cell(self, cell: CellEntry) -> int:
        """Return the number of a cell, and add it if it is new."""
        key = "SELECT number FROM cells WHERE id = ?"
        found = self._sql.execute(key, (cell.id,)).fetchone()
        if found is None:
            columns = ("id", *KEY)
            added = self._sql.execute(
                f"INSERT INTO cells ({', '.join(columns)}) VALUES ({marks(columns)})",
                [getattr(cell, name) for name in columns],
            )
            return int(added.lastrowid or 0)
        return int(found[0])

    def _forget(self, folder: str) -> None:
        which = "(SELECT number FROM runs WHERE folder = ?)"
        self._sql.execute(f"DELETE FROM figures WHERE run = {which}", (folder,))
        self._sql.execute("DELETE FROM runs WHERE folder = ?", (folder,))

    def _version(self) -> int:
        return int(self._sql.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write all or nothing."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sql.execute("COMMIT")
        except BaseException:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")
            raise


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
