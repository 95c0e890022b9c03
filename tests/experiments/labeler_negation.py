"""Our negation scopes compared with negspacy (NegEx) on the same mentions.

`python -m tests.experiments.labeler_negation` needs `pip install spacy negspacy`. The mentions are those that the
labeler finds in our own sentences and in the adversarial sentences. A mention is present in truth if its label is, in
any place, so mentions of the same label in one sentence have the same truth. Left out are hedged mentions, which
negspacy does not know, and mentions that the labeler drops for another reason than a negation (history, elsewhere).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.findings import Evidence
from monai_pylon.taxonomy import CHEST_CT_LABELS
from tests.labeler.adversarial_set import adversarial_texts
from tests.labeler.sentences import own_sentences


def negspacy_pipeline() -> Any:
    """Return a blank English pipeline with sentence ends and negspacy's terms for clinical text."""
    spacy, _ = optional_import("spacy")
    optional_import("negspacy.negation")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    pipeline.add_pipe("negex")
    return pipeline


def negated(pipeline: Any, text: str, evidence: list[Evidence]) -> list[bool]:
    """Return whether negspacy calls each mention negated; the mention is its first run of words."""
    document = pipeline.make_doc(text)
    pipeline.get_pipe("sentencizer")(document)
    spans = [document.char_span(*one.spans[0], label="FINDING", alignment_mode="expand") for one in evidence]
    answers = []
    for span in spans:
        document.set_ents([span])
        pipeline.get_pipe("negex")(document)
        answers.append(bool(document.ents[0]._.negex))
    return answers


def compare(texts: list[tuple[str, np.ndarray]], pipeline: Any) -> dict[str, list[int]]:
    """Return for each method the number of absent mentions that it keeps and of present ones that it drops."""
    labeler = ReportLabeler()
    wrong = {"ours": [0, 0], "negspacy": [0, 0], "only ours": [0, 0]}
    count = [0, 0]
    for text, cells in texts:
        found = [one for one in labeler.trace(text) if one.state in (1, 0) and one.finding.rule.count("csv") == 1]
        answers = negated(pipeline, text, found) if found else []
        for one, negation in zip(found, answers, strict=True):
            present = bool(cells[CHEST_CT_LABELS.index(one.finding.abnormality)].any())
            count[present] += 1
            for method, kept in (("ours", one.kept), ("negspacy", not negation)):
                if kept != present:
                    wrong[method][present] += 1
            if one.kept != present and negation != present:
                wrong["only ours"][present] += 1
    return {**wrong, "mentions absent, present": count}


def main() -> None:
    """Print the comparison."""
    pipeline = negspacy_pipeline()
    own = [(sentence.text, sentence.cells) for sentence in own_sentences() if sentence.written != "fifth"]
    adversarial = [(text.text, text.cells) for text in adversarial_texts("sentences")]
    for name, texts in (("own sentences", own), ("adversarial sentences", adversarial)):
        for method, (absent, present) in compare(texts, pipeline).items():
            print(f"{name}, {method}: {absent}, {present}")
    print("Wrong: absent mentions kept, present mentions dropped.")


if __name__ == "__main__":
    main()
