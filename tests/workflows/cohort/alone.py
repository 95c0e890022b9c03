"""Start of a program that imports the ledger of a cohort without PyTorch and MONAI, whose import takes seconds."""

from __future__ import annotations

from pathlib import Path

import monai_pylon

_FOLDER = Path(monai_pylon.__file__).parents[1]

#: Empty packages with the same folders replace ours. PyTorch and MONAI have only the names that are imported.
WITHOUT_MONAI = f"""
import importlib, sys, types
for name in ("monai_pylon", "monai_pylon.utils", "monai_pylon.workflows", "monai_pylon.workflows.cohort"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [{str(_FOLDER)!r} + "/" + name.replace(".", "/")]
for name in ("torch", "monai", "monai.data", "monai.utils"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["monai.data"].MetaTensor = object
sys.modules["monai.utils"].optional_import = lambda name: (importlib.import_module(name), True)
"""
