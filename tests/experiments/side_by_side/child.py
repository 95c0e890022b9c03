"""One row in a process of its own: ``python -m tests.experiments.side_by_side.child JSON``, see `in_a_child`."""

from __future__ import annotations

import importlib
import json
import sys
import warnings

import torch

from tests.experiments.side_by_side.measurement import memory

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = json.loads(sys.argv[1])
    section = importlib.import_module(f"tests.experiments.side_by_side.{given['section']}")  # and nothing else
    call = section.rows(**given["settings"])[given["name"]]()
    print(json.dumps(memory(call, given["rounds"])))
