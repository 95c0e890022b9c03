"""Ledger of a cohort: a database with the state of each scan, which several jobs may share.

:class:`CohortLedger` is the storage of :class:`CohortRunner`. Table and manifest, CSV files, are exports of it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.utils.files import remove_leftovers
from monai_pylon.utils.folder_lock import FolderInUseError
from monai_pylon.utils.tables import cell_text, csv_writers
from monai_pylon.workflows.cohort.claimants import Claimant, is_running, this_process
from monai_pylon.workflows.cohort.database import Database
from monai_pylon.workflows.cohort.table import check_manifest, read_cohort_table, wait_after, write_cohort_table

__all__ = ["CohortLedger"]

_LOGGER = logging.getLogger(__name__)
LEDGER, MANIFEST = "cohort.sqlite", "manifest.csv"
#: Results of `claim`.
CLAIMED, TAKEN, SETTLED = "claimed", "taken", "settled"
#: Seconds between two heartbeats of a job, and without one until a job of another host counts as ended.
_BEAT, _TIMEOUT = 15.0, 120.0
#: Seconds between two exports, at least, and as a multiple of the seconds that the last one took.
_INTERVAL, _EXPORT_SHARE = 30.0, 200.0
_UPDATE = (
    "UPDATE items SET state = :state, attempts = attempts + :more, job = :job, input_hash = :input_hash, "
    "settings_hash = :settings_hash, output_hash = :output_hash, seconds = :seconds, worker = :worker, error = :error, "
    "cells = :cells "
    "WHERE export = :export AND scan = :scan"
)
_MANIFEST = (
    'SELECT export AS "table", scan, state, attempts, input_hash, settings_hash, output_hash, seconds, worker, error '
    "FROM items ORDER BY number"
)


class CohortLedger:
    """States and rows of a cohort's scans, in ``cohort.sqlite``, with a table and ``manifest.csv`` as exports.

    Several jobs may open the ledger at once: each scan is claimed by one of them. The claims of a process that has
    ended are free at once if it ran on this host; those of another host after two minutes without a heartbeat.

    Args:
        table: The CSV file to export to; the ledger is beside it and holds the rows of all tables of its folder. If
            the ledger has no row of it, its rows are imported. The manifest beside it lists the scans of all tables.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = CohortLedger(Path(folder, "quality.csv"))
        ...     with ledger.open(["a", "b"]):
        ...         ledger.claim("a")
        ...         ledger.record({"scan": "a", "error": "", "files": "a.nii", "settings_hash": "1"})
        ...         ledger.get("a")["files"], ledger.get("b")
        ...     Path(folder, "quality.csv").read_text()
        'claimed'
        ('a.nii', None)
        'scan,error,files,settings_hash\\na,,a.nii,1\\n'
    """

    def __init__(self, table: str | PathLike[str]) -> None:
        self.table = Path(table)
        self.file, self.manifest = self.table.with_name(LEDGER), self.table.with_name(MANIFEST)
        self._database = Database(self.file)
        self._job, self._others = 0, frozenset[int]()
        self._beats: dict[int, tuple[int, float]] = {}  # of jobs on other hosts: heartbeats, and since when
        self._changed, self._next_export, self._columns = False, 0.0, set[str]()

    @contextlib.contextmanager
    def open(self, scans: Sequence[str] = (), settings: str = "") -> Iterator[None]:
        """Join the jobs of the ledger; at the end release the claims and write the exports, also after an error.

        Args:
            scans: Scans of this job, which appear in the table in this order.
            settings: Hash of this job's settings.

        Raises:
            FolderInUseError: If a job with other settings is running.
            ValueError: If the ledger is no database, or a table to import cannot be read.
            OSError: If the ledger or the table cannot be written.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._database.connected():
            self._join(scans, settings)
            stop = threading.Event()
            beat = threading.Thread(target=self._beat, args=(stop,), daemon=True)
            beat.start()
            try:
                yield
            finally:
                stop.set()
                beat.join()
                self._leave()

    def _join(self, scans: Sequence[str], settings: str) -> None:
        me, name = this_process(), self.table.name
        check_manifest(self.manifest)
        self._changed = not (self.table.is_file() and self.manifest.is_file())
        with self._database.writing() as run:
            self._remove_ended_jobs(run)
            jobs = run("SELECT id, settings, pid, host, since FROM jobs WHERE export = ?", (name,)).fetchall()
            for _, other, pid, host, since in jobs:
                if other != settings:
                    raise FolderInUseError(
                        f"{str(self.file.parent)!r} is in use by another job with other settings or another version "
                        f"(process {pid} on {host.split()[0]}, since {since}). Wait until it has ended, give the "
                        "same settings, or give another folder (--output)."
                    )
            if run("SELECT count(*) FROM jobs").fetchone() == (0,):
                remove_leftovers(self.file.parent)
            self._columns = {one for (one,) in run("SELECT name FROM columns WHERE export = ?", (name,))}
            if run("SELECT 1 FROM items WHERE export = ? AND cells IS NOT NULL LIMIT 1", (name,)).fetchone() is None:
                for row in read_cohort_table(self.table):
                    self._write(run, row, {})
            values = (name, settings, *me, time.strftime("%Y-%m-%d %H:%M"))
            sql = "INSERT INTO jobs (export, settings, host, pid, start, since) VALUES (?, ?, ?, ?, ?, ?)"
            self._job = run(sql, values).lastrowid or 0
            self._others = frozenset(job[0] for job in jobs)
            run.many("INSERT OR IGNORE INTO items (export, scan) VALUES (?, ?)", [(name, cell_text(s)) for s in scans])
        self._next_export = time.monotonic() + _INTERVAL

    def _leave(self) -> None:
        with self._database.writing() as run:
            run("UPDATE items SET state = 'open' WHERE job = ? AND state = 'claimed'", (self._job,))
            run("DELETE FROM jobs WHERE id = ?", (self._job,))
            if run("SELECT count(*) FROM jobs").fetchone() == (0,):  # of workers that were killed
                remove_leftovers(self.file.parent)
        if self._changed:
            self._export_or_raise()

    def _beat(self, stop: threading.Event) -> None:
        """Count up the heartbeat of this job until it ends.

        An update that fails is skipped. Only if all fail for two minutes, another host takes over the scans.
        """
        database = Database(self.file)
        while not stop.wait(_BEAT):
            with contextlib.suppress(OSError, ValueError), database.connected(), database.writing() as run:
                run("UPDATE jobs SET beats = beats + 1 WHERE id = ?", (self._job,))

    def _has_ended(self, job: int, beats: int, claimant: Claimant) -> bool:
        running = is_running(claimant)
        if running is not None:
            return not running
        seen = self._beats.get(job)
        if seen is None or seen[0] != beats:
            self._beats[job] = (beats, time.monotonic())  # the clocks of hosts differ: count by our own
            return False
        return time.monotonic() - seen[1] > _TIMEOUT

    def _remove_ended_jobs(self, run: Any) -> None:
        sql = "SELECT id, beats, host, pid, start FROM jobs WHERE id <> ?"
        for job, beats, *claimant in run(sql, (self._job,)).fetchall():
            if self._has_ended(job, beats, Claimant(*claimant)):
                run("DELETE FROM jobs WHERE id = ?", (job,))
                run("UPDATE items SET state = 'open' WHERE job = ? AND state = 'claimed'", (job,))
                self._changed = True  # it may have ended before its last export

    def get(self, scan: str) -> dict[str, str] | None:
        """Return the row of a scan, as text by column; None if it has none."""
        with self._database.reading() as run:
            found = run(
                "SELECT cells FROM items WHERE export = ? AND scan = ?", (self.table.name, cell_text(scan))
            ).fetchone()
        return json.loads(found[0]) if found and found[0] else None

    def _is_simultaneous(self, job: int | None) -> bool:
        """Return whether the job of a scan is another one that ran at the same time as this one."""
        return job is not None and (job > self._job or job in self._others)

    def is_earlier(self, scan: str) -> bool:
        """Return whether a scan with a row was recorded before this job began, and not by a job at the same time."""
        with self._database.reading() as run:
            sql = "SELECT job FROM items WHERE export = ? AND scan = ?"
            (job,) = run(sql, (self.table.name, cell_text(scan))).fetchone()
        return not self._is_simultaneous(job)

    def claim(self, scan: str) -> str:
        """Claim a scan for this job.

        Returns:
            "claimed"; "taken" if another job processes it; or "settled" if a job that ran at the same time has
            recorded it, or failed at it.
        """
        key = (self.table.name, cell_text(scan))
        with self._database.writing() as run:
            run("INSERT OR IGNORE INTO items (export, scan) VALUES (?, ?)", key)
            state, job = run("SELECT state, job FROM items WHERE export = ? AND scan = ?", key).fetchone()
            if state == "claimed" and job != self._job:
                self._remove_ended_jobs(run)
                if run("SELECT 1 FROM jobs WHERE id = ?", (job,)).fetchone():
                    return TAKEN
            elif state != "open" and self._is_simultaneous(job):
                return SETTLED
            sql = "UPDATE items SET state = 'claimed', job = ?, attempts = attempts + 1 WHERE export = ? AND scan = ?"
            run(sql, (self._job, *key))
        self._changed = True
        return CLAIMED

    def record(
        self,
        row: Mapping[str, Any],
        input_hash: str = "",
        worker: str = "",
        state: str = "done",
        attempts: int = 0,
        output_hash: str = "",
    ) -> None:
        """Replace or append the row of a scan, and write the exports from time to time.

        Args:
            row: Values by column, with "scan", "error", "files" and "settings_hash".
            input_hash: Hash of the scan's files.
            worker: Process that worked on it.
            state: "done", "failed" or "quarantined".
            attempts: Attempts beyond that of the claim.
            output_hash: Hash of the files that were written.

        Raises:
            OSError: If the ledger cannot be written, after some tries. The rows of earlier scans stay.
        """
        texts = {name: cell_text(value) for name, value in row.items()}
        facts = {"input_hash": input_hash, "worker": worker, "state": state, "more": attempts, "job": self._job}
        facts |= {"output_hash": output_hash}
        tries = 0
        while True:
            try:
                with self._database.writing() as run:
                    self._write(run, texts, facts)
                break
            except OSError as error:
                wait_after(error, self.file, tries)
                tries += 1
        self._changed = True
        if time.monotonic() >= self._next_export:
            try:
                self._export()
            except OSError as error:
                _LOGGER.warning("%r cannot be written (%s); it will be tried again.", str(self.table), error)
                self._next_export = time.monotonic() + _INTERVAL

    def _write(self, run: Any, texts: Mapping[str, str], facts: Mapping[str, Any]) -> None:
        name = self.table.name
        for column in texts:
            if column not in self._columns:
                run("INSERT OR IGNORE INTO columns (export, name) VALUES (?, ?)", (name, column))
                self._columns.add(column)
        values = {
            **{
                "input_hash": "",
                "output_hash": "",
                "worker": "",
                "state": "failed" if texts["error"] else "done",
                "more": 0,
                "job": None,
            },
            **facts,
            **{"export": name, "scan": texts["scan"], "seconds": texts.get("seconds") or None},
            **{"error": texts["error"], "settings_hash": texts["settings_hash"]},
            "cells": json.dumps(texts, ensure_ascii=False),
        }
        run("INSERT OR IGNORE INTO items (export, scan) VALUES (:export, :scan)", values)
        run(_UPDATE, values)

    def _export(self) -> None:
        """Write table and manifest. No job records meanwhile, so that no older table replaces a newer one."""
        start, name = time.monotonic(), self.table.name
        with self._database.writing() as run:
            columns = [one for (one,) in run("SELECT name FROM columns WHERE export = ? ORDER BY number", (name,))]
            sql = "SELECT cells FROM items WHERE export = ? AND cells IS NOT NULL ORDER BY number"
            if columns:
                write_cohort_table(self.table, columns, (json.loads(cells) for (cells,) in run(sql, (name,))))
            with csv_writers(self.manifest) as [writer]:
                facts = run(_MANIFEST)
                writer.writerow(column for column, *_ in facts.description)
                writer.writerows(facts)
        end = time.monotonic()
        self._changed, self._next_export = False, end + max(_INTERVAL, _EXPORT_SHARE * (end - start))

    def _export_or_raise(self) -> None:
        tries = 0
        while self._changed:
            try:
                self._export()
            except OSError as error:
                wait_after(error, self.table, tries)
                tries += 1
