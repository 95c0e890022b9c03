"""Notice of a checkpoint: where it comes from, and that every result of a case shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from monai_pylon.networks.checkpoints import save_checkpoint
from monai_pylon.workflows.cohort import FindingsWriter
from monai_pylon.workflows.cohort.notice import case_title, checkpoint_notice

NOTICE = "Trained on phantoms. Never use on patients."


def test_comes_from_the_description_beside_the_checkpoint(tmp_path: Path) -> None:
    for description, notice in (({"notice": NOTICE}, NOTICE), ({"notice": None}, ""), ({}, "")):
        save_checkpoint(tmp_path / "model.pt", {"weight": torch.ones(1)}, description)
        assert checkpoint_notice(tmp_path / "model.pt") == notice
    assert checkpoint_notice(tmp_path / "absent.pt") == ""


def test_a_title_keeps_the_notice_where_the_name_of_the_case_is_left_out() -> None:
    assert case_title({"scan": "a"}) == "a"
    assert case_title({"scan": "a", "notice": NOTICE}) == f"a. {NOTICE}"
    assert case_title({"scan": "a", "title": "", "notice": NOTICE}) == NOTICE
    assert case_title({"scan": "a", "title": ""}) == ""


def test_the_findings_hold_it_and_hand_it_to_the_other_writers(tmp_path: Path) -> None:
    seen: list[Any] = []

    def write(item: dict[str, Any]) -> dict[str, Any]:
        seen.append(item.get("notice"))
        return {**item, "row": {}, "files": []}

    for notice in (NOTICE, ""):
        FindingsWriter(write, tmp_path, notice)({"scan": "a"})
        note = json.loads((tmp_path / "a" / "a_findings.json").read_text())["note"]
        assert note.startswith(NOTICE) == bool(notice)
        assert note.endswith("For research. Not a medical device.")
    assert seen == [NOTICE, None]
