"""What the sandbox remembers: one SQLite database, in memory or in a file.

Everything is committed before an answer leaves, so a killed process leaves a true state behind.
Members of lists are rows of fixed width, one 32-byte digest per identifier column, kept as
appended parts: a batch costs what the batch is long, whatever the size of the list.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Document = dict[str, Any]
Rows = npt.NDArray[np.bytes_]
"""Sorted, distinct records: dtype S32, S64...; a column that is empty holds zero bytes."""
Verb = Literal["add", "remove", "replace"]

DIGEST = 32
COMPACT_AFTER = 64
"""Parts of one list after which they are written as one."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    platform TEXT, kind TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY (platform, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (
    platform TEXT, kind TEXT, value INTEGER NOT NULL, PRIMARY KEY (platform, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    part INTEGER PRIMARY KEY, platform TEXT, list_id INTEGER, verb TEXT, width INTEGER, rows BLOB
);
CREATE INDEX IF NOT EXISTS members_of_list ON members (platform, list_id, part);
CREATE TABLE IF NOT EXISTS marks (platform TEXT, name TEXT, at REAL, weight INTEGER);
CREATE INDEX IF NOT EXISTS marks_by_name ON marks (platform, name, at);
"""


class Database:
    """One connection, one lock; `transaction` nests and commits when the outermost one ends."""

    def __init__(self, path: Path | None) -> None:
        if path is not None and not path.exists():
            path.touch(mode=0o600)
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self._lock = threading.RLock()
        self._depth = 0
        self.folded: dict[tuple[str, int], tuple[int, Rows]] = {}
        if path is not None:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        with self._lock:
            return self._connection.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                    self.folded.clear()
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class Store:
    """One platform's share of the database."""

    def __init__(self, database: Database, platform: str) -> None:
        self._database = database
        self._platform = platform

    def get(self, kind: str, number: int) -> Document | None:
        row = self._database.execute(
            "SELECT body FROM documents WHERE platform = ? AND kind = ? AND id = ?",
            (self._platform, kind, number),
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, in the order of their ids."""
        found = self._database.execute(
            "SELECT body FROM documents WHERE platform = ? AND kind = ? ORDER BY id",
            (self._platform, kind),
        )
        return [dict(json.loads(body)) for (body,) in found.fetchall()]

    def put(self, kind: str, number: int, body: Document) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
            (self._platform, kind, number, json.dumps(body)),
        )

    def drop(self, kind: str, number: int) -> None:
        self._database.execute(
            "DELETE FROM documents WHERE platform = ? AND kind = ? AND id = ?",
            (self._platform, kind, number),
        )

    def next_id(self, kind: str, *, first: int) -> int:
        row = self._database.execute(
            "INSERT INTO counters VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
            (self._platform, kind, first),
        ).fetchone()
        return int(row[0])

    def mark(self, name: str, *, at: float, weight: int = 1, keep: float = 86400.0) -> None:
        """Remember that something countable happened; what is older than `keep` is forgotten."""
        self._database.execute(
            "DELETE FROM marks WHERE platform = ? AND name = ? AND at <= ?",
            (self._platform, name, at - keep),
        )
        self._database.execute(
            "INSERT INTO marks VALUES (?, ?, ?, ?)", (self._platform, name, at, weight)
        )

    def marked(self, name: str, *, since: float) -> int:
        """Summed weight of the marks after `since`."""
        row = self._database.execute(
            "SELECT coalesce(sum(weight), 0) FROM marks WHERE platform = ? AND name = ? AND at > ?",
            (self._platform, name, since),
        ).fetchone()
        return int(row[0])

    def change_members(self, list_id: int, verb: Verb, rows: Rows) -> None:
        """Add or replace whole rows; `remove` takes single digests (S32) and blanks them."""
        if verb == "replace":
            self.drop_members(list_id)
        self._append(list_id, "remove" if verb == "remove" else "add", rows)

    def members(self, list_id: int, *, width: int = DIGEST) -> Rows:
        """The rows of a list; an empty array of `width` bytes where there are none."""
        key = (self._platform, list_id)
        seen, rows = self._database.folded.get(key, (0, np.empty(0, dtype=f"S{width}")))
        fresh = self._database.execute(
            "SELECT part, verb, width, rows FROM members "
            "WHERE platform = ? AND list_id = ? AND part > ? ORDER BY part",
            (self._platform, list_id, seen),
        ).fetchall()
        for part, verb, part_width, blob in fresh:
            change = np.frombuffer(blob, dtype=f"S{part_width}")
            rows = np.union1d(rows, change) if verb == "add" else without(rows, change)
            seen = part
        self._database.folded[key] = (seen, rows)
        if len(fresh) > COMPACT_AFTER:
            self.drop_members(list_id)
            self._append(list_id, "add", rows)
        return rows

    def drop_members(self, list_id: int) -> None:
        self._database.folded.pop((self._platform, list_id), None)
        self._database.execute(
            "DELETE FROM members WHERE platform = ? AND list_id = ?", (self._platform, list_id)
        )

    def _append(self, list_id: int, verb: str, rows: Rows) -> None:
        self._database.execute(
            "INSERT INTO members (platform, list_id, verb, width, rows) VALUES (?, ?, ?, ?, ?)",
            (self._platform, list_id, verb, rows.dtype.itemsize, rows.tobytes()),
        )


def digests(rows: Rows) -> Rows:
    """The distinct digests in rows, columns laid under one another."""
    flat = np.ascontiguousarray(rows).view(f"S{DIGEST}")
    return np.unique(flat[flat != b""])


def without(rows: Rows, gone: Rows) -> Rows:
    """Rows with these digests blanked; a row with nothing left is no longer there."""
    if not len(rows):
        return rows
    flat = rows.copy().view(f"S{DIGEST}")
    flat[np.isin(flat, gone)] = b""
    left = flat.view(rows.dtype)
    return np.unique(left[left != b""])
