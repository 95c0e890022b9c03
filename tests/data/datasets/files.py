"""Small folders in the layouts of public datasets, with made-up content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from monai_pylon.data.datasets.labels import public_labels

VINDR_BOXES = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
MS_CXR = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n"
LUNA = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"
EXTREMA = (
    "VolumeAcc_DEID,NoteAcc_DEID,MRN_DEID,Set_Assigned,Subset_Assigned,sup_axis0min,inf_axis0max,ant_axis1min,"
    "pos_axis1max,rig_axis2min,lef_axis2max,shape0,shape1,shape2\n"
)


def write_image(path: Path, rows: int = 64, columns: int = 48, seed: int = 0) -> Path:
    """Write a grayscale image with some content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(20, 235, (rows, columns)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_vindr(root: Path, images: int = 12) -> Path:
    """Write VinDr-CXR: three readers of each training image, one consensus of each test image.

    Image 0 has a cardiomegaly of two readers, a nodule of one, and tuberculosis of all; the others have no finding.
    """
    (root / "annotations").mkdir(parents=True)
    train, test = [], []
    for k in range(images):
        write_image(root / "train" / f"img{k}.png", seed=k)
        for reader in ("R1", "R2", "R3"):
            if k == 0 and reader != "R3":
                offset = 0 if reader == "R1" else 2
                train.append(f"img0,{reader},Cardiomegaly,{10 + offset},20,{30 + offset},40.5\n")
            else:
                train.append(f"img{k},{reader},No finding,,,,\n")
        if k == 0:
            train.append("img0,R3,Nodule/Mass,1,1,5,5\n")
    for k in range(3):
        write_image(root / "test" / f"tst{k}.png", seed=k)
        test.append(f"tst{k},Pleural effusion,{k},2,20,30\n" if k else "tst0,No finding,,,,\n")
    (root / "annotations/annotations_train.csv").write_text(VINDR_BOXES + "".join(train))
    (root / "annotations/annotations_test.csv").write_text(VINDR_BOXES.replace("rad_id,", "") + "".join(test))
    labels = public_labels("VinDr-CXR")
    columns = ",".join(labels)
    rows = [
        f"img{k},{reader}," + ",".join(str(int(name == "Tuberculosis" and k == 0)) for name in labels)
        for k in range(images)
        for reader in ("R1", "R2", "R3")
    ]
    (root / "annotations/image_labels_train.csv").write_text("\n".join([f"image_id,rad_id,{columns}", *rows]))
    columns = columns.replace("Other diseases", "Other disease")  # as in the dataset
    rows = [f"tst{k}," + ",".join(str(int(name == "Other diseases" and k == 2)) for name in labels) for k in range(3)]
    (root / "annotations/image_labels_test.csv").write_text("\n".join([f"image_id,{columns}", *rows]))
    return root


def write_ms_cxr(root: Path, images: int = 6, scale: int = 10) -> Path:
    """Write MS-CXR with images that are smaller than the table says by a factor."""
    rows = []
    for k in range(images):
        path = f"files/p10/p1000000{k}/s5000000{k}/dicom{k}.jpg"
        write_image(root / path, 64, 48, seed=k)
        split = ("train", "val", "test")[k % 3]
        size = f"{48 * scale},{64 * scale}"
        rows.append(f"dicom{k},Pneumothorax,left apical,{path},100,200,50,{10 * scale},{size},{split}\n")
        rows.append(f'dicom{k},Lung Opacity,"hazy, right",{path},0,0,100,100,{size},{split}\n')
    (root / "MS_CXR_Local_Alignment_v1.1.0.csv").write_text(MS_CXR + "".join(rows))
    return root


def write_chexlocalize(root: Path, polygons: bool = True) -> Path:
    """Write CheXlocalize: four validation images (one lateral) and two test images, with outlines of two of each."""
    for part, count in (("val", 4), ("test", 2)):
        outlines: dict[str, dict] = {}
        rows = ["Path,Sex,Cardiomegaly,Lung Opacity,Pleural Effusion\n"]
        for k in range(count):
            view = "view2_lateral" if k == 3 else "view1_frontal"
            study = f"patient6454{k}/study1/{view}"
            write_image(root / "CheXpert" / part / f"{study}.jpg", 64, 48, seed=k)
            rows.append(f"CheXpert-v1.0/{'valid' if part == 'val' else part}/{study}.jpg,Male,{int(k < 2)},0,-1\n")
            if k < 2:
                rectangle = [[10, 20], [19, 20], [19, 39], [10, 39]]
                second = [[30, 2], [40, 2], [35, 12]]
                mask = np.zeros((64, 48), bool)
                mask[20:40, 10:20] = True
                runs = _runs(mask)
                own = [rectangle, second] if polygons else {"size": [64, 48], "counts": runs}
                outlines[study.replace("/", "_")] = {"img_size": [64, 48], "Cardiomegaly": own}
        kind = "annotations" if polygons else "segmentations"
        (root / "CheXlocalize").mkdir(parents=True, exist_ok=True)
        (root / "CheXlocalize" / f"gt_{kind}_{part}.json").write_text(json.dumps(outlines))
        (root / "CheXpert" / f"{part}_labels.csv").write_text("".join(rows))
    return root


def _runs(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, of background first."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], edges, [mask.size]] if edges[-1] != mask.size else [[0], edges])).tolist()


def chest_values(shape: tuple[int, int, int] = (12, 12, 9)) -> np.ndarray:
    """HU of a body with lungs."""
    hu = np.full(shape, -1000, np.int16)
    hu[2:-2, 2:-2] = 40
    hu[3:5, 4:8] = hu[7:9, 4:8] = -850
    return hu


def write_luna(root: Path, scan: Callable[[int], np.ndarray] | None = None, spacing: float = 2.0) -> Path:
    """Write LUNA16: a scan in each of the subsets 0, 8 and 9; that in subset 9 has a nodule, and one is elsewhere."""
    for number, subset in enumerate((0, 8, 9)):
        hu = chest_values() if scan is None else scan(number)
        image = sitk.GetImageFromArray(np.ascontiguousarray(hu.transpose(2, 1, 0)))
        image.SetSpacing((spacing, spacing, 2 * spacing))
        image.SetOrigin((-50.0, 30.0, -200.0))
        (root / f"subset{subset}").mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(root / f"subset{subset}" / f"1.3.6.{subset}.mhd"))
    rows = ["1.3.6.9,-42,36,-188,5\n", "1.3.6.77,0,0,0,6\n"]
    (root / "annotations.csv").write_text(LUNA + "".join(rows))
    return root


def write_ct_rate(
    root: Path,
    values: Callable[[int], np.ndarray] | None = None,
    spacing: tuple[float, float] = (0.7, 1.5),
    patients: tuple[int, int] = (5, 2),
) -> Path:
    """Write CT-RATE: patients of train and of valid with two reconstructions each, in HU."""
    labels = public_labels("CT-RATE")
    for part, count in zip(("train", "valid"), patients, strict=True):
        rows, facts = ["VolumeName," + ",".join(labels) + "\n"], []
        for k in range(1, count + 1):
            for reconstruction in (1, 2):
                name = f"{part}_{k}_a_{reconstruction}.nii.gz"
                hu = chest_values() if values is None else values(k)
                affine = np.diag([-spacing[0], -spacing[0], spacing[1], 1.0])
                path = root / f"{part}_fixed" / f"{part}_{k}" / f"{part}_{k}_a" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(hu, affine), path)
                cells = [str(int(label == "Lung nodule" and k == 1)) for label in labels]
                rows.append(f"{name},{','.join(cells)}\n")
                orientation = '"[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]"'
                facts.append(f'{name},1,-1024,"[{spacing[0]}, {spacing[0]}]",{spacing[1]},{orientation}\n')
        (root / "multi_abnormality_labels").mkdir(exist_ok=True)
        (root / "multi_abnormality_labels" / f"{part}_predicted_labels.csv").write_text("".join(rows))
        (root / "metadata").mkdir(exist_ok=True)
        name = "train_metadata.csv" if part == "train" else "validation_metadata.csv"
        header = "VolumeName,RescaleSlope,RescaleIntercept,XYSpacing,ZSpacing,ImageOrientationPatient\n"
        (root / "metadata" / name).write_text(header + "".join(facts))
    return root


def write_extrema(root: Path, rows: list[str]) -> Path:
    """Write RAD-ChestCT's tables of lung boxes, scans and indications; a row is the scan and six edges."""
    root.mkdir(parents=True, exist_ok=True)
    parts = [row.partition(",") for row in rows]
    lines = [f"{name}.npz,{name},mrn,imgtrain,imgtrain,{edges}" for name, _, edges in parts]
    (root / "Extrema_5747.csv").write_text(EXTREMA + "".join(f"{line},40,50,60\n" for line in lines))
    return root
