"""Database of a cohort: journals, transactions, errors."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

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


@pytest.mark.parametrize(("network", "mode"), [(False, "wal"), (True, "delete")])
def test_journal(network: bool, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_network_folder", lambda folder: network)
    database = Database(tmp_path / "c.sqlite")
    with database.connected(), database.reading() as run:
        assert run("PRAGMA journal_mode").fetchone() == (mode,)


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
