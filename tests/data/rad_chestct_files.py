"""Small folder of RAD-ChestCT: the tables and volumes of the release with made-up content."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = {
    "nodule*right_lower": "lung nodule",
    "nodule*lung": None,
    "nodule*mediastinum": "mediastinum nodule",
    "nodule*liver": None,
    "cardiomegaly*heart": "cardiomegaly",
    "cardiomegaly*mediastinum": None,
    "calcification*aorta": "great vessel calcification",
    "scattered_nod*left_lung": "lung scattered nodules or nodes",
    "fracture*rib": None,
}
SETS = {"imgtrain": "trn", "imgvalid": "val", "imgtest": "tst"}


def write_release(root: Path, shape: tuple[int, int, int] = (6, 5, 4), volumes: int = 3) -> Path:
    """Write three volumes for each set; volume k has the k-th column, the last one the column without a side."""
    (root / "volumes").mkdir(parents=True)
    metadata = ["VolumeAcc_DEID,NoteAcc_DEID,MRN_DEID,Set_Assigned,final_spacing\n"]
    for name, short in SETS.items():
        rows = ["NoteAcc_DEID," + ",".join(COLUMNS) + "\n"]
        for k in range(volumes):
            scan = f"{short}{k:05d}"
            values = [int(column == (k if k < volumes - 1 else 1)) for column in range(len(COLUMNS))]
            rows.append(scan + "," + ",".join(f"{value:.1f}" for value in values) + "\n")
            metadata.append(f"{scan}.npz,{scan},mrn{short}{k // 2},{name},0.8\n")
            ct = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) - 1000
            np.savez_compressed(root / "volumes" / f"{scan}.npz", ct=ct)
        (root / f"{name}_Abnormality_and_Location_Labels.csv").write_text("".join(rows))
    (root / "CT_Scan_Metadata_Complete_35747.csv").write_text("".join(metadata))
    return root
