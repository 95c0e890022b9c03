"""Database of a cohort: journals, transactions, errors."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from monai_pylon.workflows.cohort import database as module
from monai_pylon.workflows.cohort.database import Database, is_network_folder

MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / {0} rw shared:1 - nfs4 server:/x rw
24 23 0:6 / {0}/local\\040disk rw - xfs /dev/sdb rw
"""


def test_tells_network_folders_by_the_innermost_mount(tmp_path: Path) -> None:
    (tmp_path / "net" / "local disk").mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(tmp_path / "net"))
    assert not is_network_folder(tmp_path, mounts)
    assert is_network_folder(tmp_path / "net", mounts)
    assert not is_network_folder(tmp_path / "net" / "local disk", mounts)
    mounts.write_text(mounts.read_text() + "25 24 0:7 / / rw - nfs4 server:/y rw\n")  # mounted over the first one
    assert is_network_folder(tmp_path, mounts)


@pytest.mark.parametrize(("network", "mode", "synchronous"), [(False, "wal", 1), (True, "delete", 2)])
def test_journal(network: bool, mode: str, synchronous: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_network_folder", lambda folder: network)
    database = Database(tmp_path / "c.sqlite")
    with database.connected(), database.reading() as run:
        assert run("PRAGMA journal_mode").fetchone() == (mode,)
        assert run("PRAGMA synchronous").fetchone() == (synchronous,)
        assert run("PRAGMA busy_timeout").fetchone() == (60_000,)


def test_an_error_undoes_the_transaction(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.sqlite")
    with database.connected():
        with contextlib.suppress(KeyboardInterrupt), database.writing() as run:
            run("INSERT INTO items (export, scan) VALUES ('t', 'a')")
            raise KeyboardInterrupt
        with database.writing() as run:
            assert run("SELECT count(*) FROM items").fetchone() == (0,)


def test_a_database_of_version_1_gets_the_new_column(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.sqlite")
    with database.connected(), database.writing() as run:
        run("ALTER TABLE items DROP COLUMN output_hash")
        run("PRAGMA user_version = 1")
        run("INSERT INTO items (export, scan) VALUES ('t', 'a')")
    for _ in range(2):
        with database.connected(), database.reading() as run:
            assert run("SELECT scan, output_hash FROM items").fetchall() == [("a", None)]
            assert run("PRAGMA user_version").fetchone() == (2,)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_text("no database" * 100)
    with pytest.raises(ValueError, match="must be the ledger of a cohort"), Database(tmp_path / "c.sqlite").connected():
        pass


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="another version, 99"), Database(tmp_path / "c.sqlite").connected():
        pass


def test_a_folder_in_its_place_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").mkdir()
    with pytest.raises(OSError, match="cannot be used"), Database(tmp_path / "c.sqlite").connected():
        pass


def test_a_job_opens_the_file_while_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    first, second = Database(tmp_path / "c.sqlite"), Database(tmp_path / "c.sqlite")
    with first.connected(), first.writing(), second.connected(), second.reading() as run:
        assert run("SELECT count(*) FROM items").fetchone() == (0,)


def test_the_journal_is_tried_for_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pauses.append))
    asked: list[str] = []

    class Busy:
        def __init__(self, times: int) -> None:
            self.times = times

        def execute(self, sql: str) -> SimpleNamespace:
            asked.append(sql)
            if len(asked) <= self.times:
                raise sqlite3.OperationalError("database is locked")
            return SimpleNamespace(fetchone=lambda: ("wal",))

    Database._set_journal(Busy(49), "WAL")  # type: ignore[arg-type]
    assert (len(asked), pauses) == (50, [0.1] * 49)
    asked.clear()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Database._set_journal(Busy(99), "WAL")  # type: ignore[arg-type]
    assert len(asked) == 50
    assert len(pauses) == 2 * 49
