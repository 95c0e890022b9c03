"""Figures of the labeler, printed by `python -m tests.experiments.labeler_figures`.

These are F1 on OpenI's dev reports (MONAI_PYLON_DATA, folder reports), F1 of each step on our own sentences, scores on
the adversarial set, the rewritings of OpenI's dev reports that change a label, and the time per report. Name some of
openi, sentences, adversarial, rewritings and time to print only those. openi_labels.csv beside this file maps OpenI's
columns to our labels.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np

from monai_pylon.labeler import ReportLabeler
from monai_pylon.taxonomy import CHEST_CT_LABELS
from tests.labeler.adversarial_set import SETS, adversarial_score, adversarial_texts
from tests.labeler.rewritings import changed
from tests.labeler.sentences import own_sentences, step_scores

HERE = Path(__file__).parent
DATA = Path(os.environ.get("MONAI_PYLON_DATA", HERE.parents[2] / "shared" / "data")) / "reports"


def rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file without comments."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def openi_reports(part: str) -> dict[str, str]:
    """Return the reports of a part, "dev" or "train", joined from their sentences."""
    sections: dict[str, dict[str, list[str]]] = {}
    for row in rows(DATA / f"openi_{part}_sentences.csv"):
        sections.setdefault(row["Filename"], {}).setdefault(row["Section"], []).append(row["Sentence"])
    return {
        name: "\n\n".join(f"{section.upper()}: " + ". ".join(sentences) + "." for section, sentences in parts.items())
        for name, parts in sections.items()
    }


def f_scores(truth: np.ndarray, found: np.ndarray) -> tuple[float, np.ndarray]:
    """Return micro-F1 over all values (N, M) and F1 of each label (M,); NaN for a label without any positive."""
    hits = (truth & found).sum(axis=0).astype(float)
    wrong = (truth ^ found).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return 2 * hits.sum() / (2 * hits.sum() + wrong.sum()), 2 * hits / (2 * hits + wrong)


def openi_scores(labeler: ReportLabeler, show: bool = False) -> dict[str, tuple[float, float]]:
    """Return micro- and macro-F1 on OpenI's dev reports for the "nine" and the 28 "shared" labels."""
    mapping = rows(HERE / "openi_labels.csv")
    reports = openi_reports("dev")
    labels = {row[""]: row for row in rows(DATA / "openi_dev_labels.csv")}
    names = sorted(reports)
    present = labeler.label_presence([reports[name] for name in names])
    truth = np.array([[labels[name][row["openi"]] == "1" for row in mapping] for name in names])
    columns = [[CHEST_CT_LABELS.index(label) for label in row["ours"].split(";")] for row in mapping]
    found = np.stack([present[:, column].any(axis=1) for column in columns], axis=1)
    _, each = f_scores(truth, found)
    for number, row in enumerate(mapping if show else []):
        counts = [int(c.sum()) for c in (truth[:, number], found[:, number], (truth & found)[:, number])]
        print(f"{row['openi']:26} F {each[number]:.3f}   true {counts[0]:3}  found {counts[1]:3}  both {counts[2]:3}")
    nine = np.array([row["figure"] == "nine" for row in mapping])
    scores = {}
    for name, chosen in (("nine", nine), ("shared", np.ones_like(nine))):
        micro, each = f_scores(truth[:, chosen], found[:, chosen])
        scores[name] = (micro, float(np.nanmean(each)))
    return scores


def openi_figures() -> None:
    """Print the F1 scores on OpenI's dev reports, for each treatment of uncertain findings."""
    for uncertain in ("probable", "present", "absent"):
        scores = openi_scores(ReportLabeler(uncertain=uncertain), show=uncertain == "probable")
        for name, (micro, macro) in scores.items():
            print(f"OpenI dev, uncertain={uncertain!r}, {name} labels: micro-F {micro:.3f}, macro-F {macro:.3f}")


def sentence_figures() -> None:
    """Print the F1 of each step on our own sentences, set by set."""
    labeler = ReportLabeler()
    for written in (*dict.fromkeys(sentence.written for sentence in own_sentences()), ""):
        scores = ", ".join(f"{step} F {f:.3f}" for step, f in step_scores(labeler, written).items())
        print(f"{len(own_sentences(written))} own sentences, {written or 'all'}: {scores}")


def adversarial_figures() -> None:
    """Print the scores on the adversarial sentences and reports, set by set."""
    labeler = ReportLabeler()
    for written, part, tolerant in product(SETS, ("sentences", "reports"), (False, True)):
        score = adversarial_score(labeler, part, tolerant, written)
        name = f"{len(adversarial_texts(part, written))} adversarial {part}, {'tolerant' if tolerant else 'strict'}"
        print(f"{written} set, {name}: exact {score.exact:.3f}, cells F {score.cells:.3f}")
    score = adversarial_score(labeler, "sentences", True, "development")
    count = len(adversarial_texts("sentences", "development"))
    print(f"{count} sentences for development, tolerant: exact {score.exact:.3f}, cells F {score.cells:.3f}")


def rewriting_figures() -> None:
    """Print how many dev reports change their labels by each rewriting."""
    labeler, texts = ReportLabeler(), list(openi_reports("dev").values())
    names = Counter(name for text in texts for name in changed(labeler, text))
    print(f"{len(texts)} OpenI dev reports, labels changed by a rewriting: {dict(names) or 'none'}")


def time_figures() -> None:
    """Print the CPU time per report on OpenI's dev reports."""
    texts = list(openi_reports("dev").values())
    labeler = ReportLabeler()
    labeler.label(texts[0])
    times = []
    for text in texts:
        start = time.process_time()
        labeler.label(text)
        times.append(time.process_time() - start)
    print(f"CPU time a report: mean {1e3 * np.mean(times):.2f} ms, median {1e3 * np.median(times):.2f} ms")


if __name__ == "__main__":
    figures = {
        "openi": openi_figures,
        "sentences": sentence_figures,
        "adversarial": adversarial_figures,
        "rewritings": rewriting_figures,
        "time": time_figures,
    }
    for figure in sys.argv[1:] or figures:
        figures[figure]()
