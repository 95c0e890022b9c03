"""Labels and locations from free-text radiology reports (SARLE with locations), for PARTITION's allowed regions.

The vocabulary and the rules are the CSV files in ``rules/``. Nothing is learned, and no data leaves the computer.
"""

from monai_pylon.labeler.anatomy import find_places
from monai_pylon.labeler.cohort import ReportSummary, label_reports
from monai_pylon.labeler.explain import evidence_page
from monai_pylon.labeler.findings import Evidence, Finding
from monai_pylon.labeler.label_table import (
    LABEL_TABLE_COLUMNS,
    LabelTable,
    label_cells,
    read_label_table,
    table_rows,
    write_label_table,
)
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.lexicon import Lexicon
from monai_pylon.labeler.locations import organs_of, pair_places
from monai_pylon.labeler.phrases import Phrase, classify_phrases, parse_sentence
from monai_pylon.labeler.report_checks import report_problems, without_markup
from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.labeler.report_text import ReportText
from monai_pylon.labeler.rules import LabelerRules, default_rules, read_rules
from monai_pylon.labeler.sections import ReportSentence, split_report
from monai_pylon.labeler.sizes import find_sizes
from monai_pylon.labeler.sources import chexbert_labels, listed_labels, radgraph_labels
from monai_pylon.labeler.terms import find_mentions

__all__ = [
    "LABEL_TABLE_COLUMNS",
    "Evidence",
    "Finding",
    "LabelTable",
    "LabelerRules",
    "Lexicon",
    "Phrase",
    "ReportLabeler",
    "ReportSentence",
    "ReportSummary",
    "ReportText",
    "chexbert_labels",
    "classify_phrases",
    "count_reports",
    "default_rules",
    "evidence_page",
    "find_mentions",
    "find_places",
    "find_sizes",
    "label_cells",
    "label_reports",
    "listed_labels",
    "organs_of",
    "pair_places",
    "parse_sentence",
    "radgraph_labels",
    "read_label_table",
    "read_reports",
    "read_rules",
    "report_problems",
    "split_report",
    "table_rows",
    "without_markup",
    "write_label_table",
]
