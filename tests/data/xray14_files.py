"""Small folder of ChestX-ray14: the official files with made-up content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

HEADER_2020 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)
BOX_HEADER = 'Image Index,Finding Label,"Bbox [x,y,w,h]",,,\n'
FINDINGS = ("No Finding", "Cardiomegaly|Infiltration", "Hernia", "Pleural_Thickening", "Mass")


def write_root(root: Path, patients: int = 12, size: tuple[int, int] = (64, 48), suffix: str = ".png") -> Path:
    """Write two images (rows, columns) per patient in two folders; the last three patients are the test section."""
    names, rows = [], []
    for patient in range(1, patients + 1):
        for follow_up in (0, 1):
            names.append(f"{patient:08d}_{follow_up:03d}.png")
            finding = FINDINGS[(patient + follow_up) % len(FINDINGS)]
            rows.append(f"{names[-1]},{finding},{follow_up},{patient},{40 + patient},M,PA,2500,2048,0.171,0.171\n")
            folder = root / ("images_001/images" if patient % 2 else "images_002/images")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full(size, patient, dtype=np.uint8)).save((folder / names[-1]).with_suffix(suffix))
    (root / "Data_Entry_2017_v2020.csv").write_text(HEADER_2020 + "".join(rows))
    boxes = (
        f"{names[-1]},Infiltrate,256,512,128,64\n{names[-1]},Mass,0.5,0.5,1023,1023.4\n{names[-3]},Mass,0,0,512,512\n"
    )
    (root / "BBox_List_2017.csv").write_text(BOX_HEADER + boxes)
    (root / "train_val_list.txt").write_text("\n".join(names[:-6]))
    (root / "test_list.txt").write_text("\n".join(names[-6:]) + "\n")
    return root
