"""SQLite database of a cohort: connection, transactions, and errors that say what to do."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Database", "is_network_folder"]

_VERSION = 2
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, export TEXT NOT NULL, settings TEXT, "
    "host TEXT, pid INTEGER, start TEXT, since TEXT, beats INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS items (number INTEGER PRIMARY KEY, export TEXT NOT NULL, scan TEXT NOT NULL, "
    "state TEXT NOT NULL DEFAULT 'open', attempts INTEGER NOT NULL DEFAULT 0, job INTEGER, input_hash TEXT, "
    "settings_hash TEXT, seconds REAL, worker TEXT, error TEXT, cells TEXT, output_hash TEXT, UNIQUE (export, scan))",
    "CREATE INDEX IF NOT EXISTS items_of_job ON items (job) WHERE state = 'claimed'",
    "CREATE TABLE IF NOT EXISTS columns (number INTEGER PRIMARY KEY, export TEXT NOT NULL, name TEXT NOT NULL, "
    "UNIQUE (export, name))",
    f"PRAGMA user_version = {_VERSION}",
)
#: Statements that turn a database of version 1 into one of this version.
_FROM_1 = ("ALTER TABLE items ADD COLUMN output_hash TEXT", f"PRAGMA user_version = {_VERSION}")
#: Seconds to wait for the transactions of other jobs.
_PATIENCE = 60.0
#: Tries to set the journal's mode, and seconds between them.
_TRIES, _PAUSE = 50, 0.1
_MOUNTS = Path("/proc/self/mountinfo")
#: Types of local file systems. SQLite's write-ahead log needs memory that all jobs share, so one host.
_LOCAL = (
    *("apfs", "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "jfs", "ntfs", "ntfs3"),
    *("overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "vfat", "xfs", "zfs"),
)


def is_network_folder(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether a folder is on a file system that hosts may share.

    Args:
        folder: A folder that exists.
        mounts: Linux's list of mounts. Without it, folders count as local.

    Returns:
        True if the type of its file system is not known as local.

    Example:
        >>> is_network_folder(Path("/"), mounts=Path("no_such_list"))
        False
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    best, kind = Path(), "ext4"
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if folder.resolve().is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, after.split()[0]
    return kind not in _LOCAL


class _Statements:
    """Function that runs a statement, with ``many`` for several."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    def many(self, sql: str, values: Sequence[Any]) -> None:
        self._connection.executemany(sql, values)


class Database:
    """Database file of a cohort. It is created if missing.

    On a local disk it has a write-ahead log. On a network folder, where several hosts may write, it has a rollback
    journal, which needs working file locks.

    Args:
        file: The file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     database = Database(Path(folder, "cohort.sqlite"))
        ...     with database.connected(), database.reading() as run:
        ...         run("SELECT count(*) FROM items").fetchone()
        (0,)
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"{str(self.file)!r} cannot be used: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"{str(self.file)!r} must be the ledger of a cohort, but is not ({error}). Move it away; the job then "
                "goes on from the table beside it."
            ) from error

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Open the file, and close it at the end.

        Raises:
            OSError: If it cannot be opened.
            ValueError: If it is no ledger.
        """
        with self._errors():
            connection = sqlite3.connect(self.file, timeout=_PATIENCE, isolation_level=None)
        try:
            with self._errors():
                self._prepare(connection)
            self._connection = connection
            yield
        finally:
            self._connection = None
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, 1, _VERSION):
            raise sqlite3.DatabaseError(f"it was written by another version, {version}")
        mode = "DELETE" if is_network_folder(self.file.parent) else "WAL"
        self._set_journal(connection, mode)
        if mode == "WAL":
            connection.execute("PRAGMA synchronous = NORMAL")
        if version < _VERSION:
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()  # another job may have been faster
            for statement in {0: _SCHEMA, 1: _FROM_1}.get(version, ()):
                connection.execute(statement)
            connection.execute("COMMIT")

    @staticmethod
    def _set_journal(connection: sqlite3.Connection, mode: str) -> None:
        """Set the journal's mode; try again while another job opens the file, because SQLite then refuses at once."""
        for tries in range(_TRIES):
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != mode:
                    connection.execute(f"PRAGMA journal_mode = {mode}")
                return
            except sqlite3.OperationalError:
                if tries == _TRIES - 1:
                    raise
                time.sleep(_PAUSE)

    @contextlib.contextmanager
    def reading(self) -> Iterator[_Statements]:
        """Yield a function that runs a statement.

        Raises:
            OSError: If the file cannot be read.
        """
        if self._connection is None:
            raise RuntimeError("connected() must be entered first.")
        with self._errors():
            yield _Statements(self._connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[_Statements]:
        """Yield a function that runs statements of one transaction; an error undoes all of them.

        Raises:
            OSError: If the file cannot be written, or other jobs keep it for a minute.
        """
        with self.reading() as run:
            run("BEGIN IMMEDIATE")
            try:
                yield run
                run("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    run("ROLLBACK")
                raise
