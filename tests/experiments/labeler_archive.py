"""Labeling an archive of reports in constant memory: `python -m tests.experiments.labeler_archive --reports 100000`.

Synthetic reports, each a random sample of our own sentences, are written as CSV, JSON Lines, Parquet or text files.
Archives of two sizes, the given number and a tenth of it, are labeled by `label_reports` in a new process each. The
script prints reports per second, CPU time per report (with the start of further processes), the CPU time of this
process and one worker, which is the time on free cores, and the peak memory of the
process, libraries included. The difference of both peaks is the memory that the archive itself takes.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from monai.utils import optional_import

from monai_pylon.labeler import label_reports
from monai_pylon.workflows.cohort.memory import peak_memory_mb
from tests.labeler.sentences import own_sentences

FORMATS = ("csv", "jsonl", "parquet", "txt")


def made_up_reports(count: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of reports, the same in every run, from the sets with one or two sentences per row."""
    sets = ("first", "second", "third", "fourth")
    generator, sentences = random.Random(0), [one.text for written in sets for one in own_sentences(written)]
    for number in range(count):
        drawn = generator.sample(sentences, generator.randint(6, 16))
        yield f"report {number}", "FINDINGS:\n" + "\n".join(drawn)


def write_archive(folder: Path, kind: str, count: int) -> Path:
    """Write an archive report by report and return its path."""
    path = folder / f"{count}.{kind}"
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(("id", "report"))
            csv.writer(file).writerows(made_up_reports(count))
    elif kind == "jsonl":
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"id": n, "report": text}) + "\n" for n, text in made_up_reports(count))
    elif kind == "txt":
        path.mkdir()
        for name, text in made_up_reports(count):
            (path / f"{name}.txt").write_text(text, encoding="utf-8")
    else:  # one row group, the worst case for reading in pieces
        pyarrow, _ = optional_import("pyarrow")
        parquet, _ = optional_import("pyarrow.parquet")
        names, texts = zip(*made_up_reports(count), strict=True)
        parquet.write_table(pyarrow.table({"id": names, "report": texts}), path, row_group_size=count)
    return path


def label_archive(source: Path, output: Path, processes: int) -> dict[str, float]:
    """Label an archive in this process and its child processes, and return time and memory."""
    wall, cpu = time.perf_counter(), time.process_time()
    summary = label_reports(source, output, processes=processes, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    workers = others.ru_utime + others.ru_stime
    longest = cpu + workers / processes  # on free cores, if the workers share the reports evenly
    cpu += workers
    children = others.ru_maxrss * 1024 / 1e6
    found = {"reports": summary.reports, "labeled": summary.with_labels, "unread": summary.unread}
    return {
        **found,
        "wall_s": wall,
        "cpu_s": cpu,
        "longest_s": longest,
        "peak_mb": peak_memory_mb(),
        "children_mb": children,
    }


def measured(source: Path, output: Path, processes: int) -> dict[str, float]:
    """Return the result of :func:`label_archive` in a new process, whose memory has no earlier run."""
    command = [sys.executable, "-m", "tests.experiments.labeler_archive", "--source", source, "--processes", processes]
    done = subprocess.run(
        [str(word) for word in [*command, "--output", output]], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--reports", type=int, default=10_000, help="number of reports; a tenth of them is measured first"
    )
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=["csv"])
    parser.add_argument("--source", type=Path, help="label only this archive, in this process")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if args.source is not None:
        print(json.dumps(label_archive(args.source, args.output, args.processes[0])))
        return
    for kind in args.formats:
        for processes in args.processes:
            peaks = []
            for count in (args.reports // 10, args.reports):
                with tempfile.TemporaryDirectory() as folder:
                    found = measured(write_archive(Path(folder), kind, count), Path(folder, "labels.out"), processes)
                peaks.append(found["peak_mb"])
                print(
                    f"{kind}, processes {processes}: {found['reports']:,} reports ({found['unread']} unread), "
                    f"{found['reports'] / found['wall_s']:.0f} a second, "
                    f"CPU {1e3 * found['cpu_s'] / found['reports']:.2f} ms each, "
                    f"{found['longest_s']:.1f} s on free cores, peak {found['peak_mb']:.0f} MB"
                    + (f", of another process {found['children_mb']:.0f} MB" if processes > 1 else ""),
                    flush=True,
                )
            more = 1e6 * (peaks[1] - peaks[0]) / (args.reports - args.reports // 10)
            print(
                f"{kind}, processes {processes}: {peaks[1] - peaks[0]:+.1f} MB, {more:.0f} bytes a report", flush=True
            )


if __name__ == "__main__":
    main()
