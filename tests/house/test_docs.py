"""The documentation's own programs: checks of the built pages, formulas, links to names, and the examples for MONAI."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from tests.house.inventory import PACKAGE

DOCS = PACKAGE.parent / "docs"


def load(path: str) -> ModuleType:
    """Import a module of the documentation by its path; skip where Sphinx or a converter is missing."""
    spec = importlib.util.spec_from_file_location(f"docs_{Path(path).stem}", DOCS / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        pytest.skip(f"the documentation's packages are not installed: {error}")
    return module


def write(folder: Path, **pages: str) -> list[Path]:
    """Write pages; return their paths."""
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return [folder / f"{name}.html" for name in pages]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example.org/x.css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        '<img srcset="https://example.org/a.png 2x">',
        '<div style="background: url(https://example.org/a.png)"></div>',
    ],
)
def test_what_is_loaded_from_a_network_is_found(tmp_path: Path, text: str) -> None:
    checks = load("extensions/site_checks.py")
    assert len(list(checks.external_loads(write(tmp_path, a=text), tmp_path))) == 1


def test_a_font_in_a_style_sheet_is_found(tmp_path: Path) -> None:
    checks = load("extensions/site_checks.py")
    (tmp_path / "a.css").write_text("@import 'https://fonts.example.org/css';")
    assert list(checks.external_loads([], tmp_path)) == ["a.css fetches https://fonts.example.org/css"]


def test_plain_links_and_own_files_load_nothing(tmp_path: Path) -> None:
    checks = load("extensions/site_checks.py")
    text = '<a href="https://example.org">x</a><img src="b.png"><link rel="canonical" href="https://example.org/a">'
    assert not list(checks.external_loads(write(tmp_path, a=text), tmp_path))


def test_broken_links_are_found(tmp_path: Path) -> None:
    checks = load("extensions/site_checks.py")
    links = '<a href="b.html#here"></a><a href="b.html#there"></a><a href="c.html"></a><a href="#top"></a>'
    pages = write(tmp_path, a=links, b='<p id="here">')
    found = list(checks.broken_links(pages, tmp_path))
    assert [sentence.split(" links to ")[1].split(",")[0] for sentence in found] == ["b.html#there", "c.html", "#top"]


def test_a_page_without_picture_is_found(tmp_path: Path) -> None:
    checks = load("extensions/site_checks.py")
    pages = write(tmp_path, a="<article><p></article>", b='<img src="x"><article><img src="y"></article>')
    assert list(checks.pages_without_picture(pages, tmp_path)) == ["a.html has no picture"]


def test_formulas_become_mathml_and_unknown_ones_are_refused() -> None:
    mathml = load("extensions/mathml.py").mathml
    assert "<mfrac>" in mathml(r"\frac{\partial s_m}{\partial A^f} \odot A^f")
    for wrong in (r"\unknowncommand{x}", r"\begin{aligned} a &= b \end{aligned}"):
        with pytest.raises(ValueError, match="formula"):
            mathml(wrong)


def test_names_in_text_lead_to_the_reference() -> None:
    targets = load("extensions/public_names.py").targets()
    assert targets["partition_organs"] == "monai_pylon.transforms.partition_organs"
    assert targets["PYLON"] == "monai_pylon.networks.nets.PYLON"
    assert "PartitionOrgansDict" not in targets


def test_page_names_in_readmes_become_links_if_the_page_exists() -> None:
    with_links = load("extensions/bundle_pages.py").with_links
    text = "`docs/clinicians/pacs.md` and `docs/no/such_page.md`"
    assert with_links(text, DOCS, "bundles/x") == "[](<../clinicians/pacs.md>) and `docs/no/such_page.md`"


def test_every_bundle_has_a_page() -> None:
    bundles = {folder.name for folder in (PACKAGE.parent / "bundles").iterdir() if (folder / "docs").is_dir()}
    assert bundles == {page.stem for page in (DOCS / "bundles").glob("*.md")} - {"index"}


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> type:
    """Replace MONAI Deploy and MONAI Label by the parts of their interfaces that the examples use."""

    class Image:
        def __init__(self, data: np.ndarray, metadata: dict[str, Any]) -> None:
            self.data, self.meta = data, metadata

        def asnumpy(self) -> np.ndarray:
            return self.data

        def metadata(self) -> dict[str, Any]:
            return self.meta

    class Operator:
        def __init__(self, fragment: Any, *args: Any, **kwargs: Any) -> None:
            self.fragment = fragment

    class InferTask:
        def __init__(self, type: str, labels: Any, dimension: int, description: str) -> None:
            self.type, self.labels, self.dimension, self.description = type, labels, dimension, description

    core = SimpleNamespace(Image=Image, Operator=Operator, Fragment=object, OperatorSpec=object)
    infer = SimpleNamespace(InferTask=InferTask, InferType=SimpleNamespace(SEGMENTATION="segmentation"))
    for name, module in {
        "monai.deploy": ModuleType("monai.deploy"),
        "monai.deploy.core": core,
        "monailabel.interfaces.tasks.infer_v2": infer,
        **{name: ModuleType(name) for name in ("monailabel", "monailabel.interfaces", "monailabel.interfaces.tasks")},
    }.items():
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
    return Image


@pytest.fixture(scope="module")
def scan() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A small phantom: HU (X, Y, Z), affine, and its organs by PARTITION."""
    ct = phantom_chest_ct(2, (72, 60, 64), (5.0, 5.0, 5.0))
    return ct.image, ct.affine, np.asarray(partition_organs(ct.image, ct.affine).labels)


def test_the_operator_of_monai_deploy_marks_organs(scan: tuple, stand_ins: type) -> None:
    image, affine, organs = scan
    assert {1, 2, 3} <= set(np.unique(organs))
    example = load("examples/deploy_organs.py")
    ports, sent = [], {}
    spec = SimpleNamespace(input=ports.append, output=ports.append)
    operator = example.ChestOrgansOperator(None)
    operator.setup(spec)
    assert ports == ["image", "organs", "quality"]
    received = stand_ins(image.T, {"nifti_affine_transform": affine})  # (slices, rows, columns)
    operator.compute(
        SimpleNamespace(receive=lambda port: received if port == "image" else None),
        SimpleNamespace(emit=lambda value, port: sent.update({port: value})),
        None,
    )
    assert np.array_equal(sent["organs"].asnumpy().T, organs)
    assert set(sent["quality"]) == {"ok", "reasons", "volumes_ml"}


def test_the_task_of_monai_label_writes_organs(scan: tuple, stand_ins: type, tmp_path: Path) -> None:
    image, affine, organs = scan
    nib.save(nib.Nifti1Image(image.astype(np.float32), affine), tmp_path / "scan.nii.gz")
    task = load("examples/label_organs.py").ChestOrgans()
    file, shown = task({"image": str(tmp_path / "scan.nii.gz")})
    written = nib.load(file)
    assert np.array_equal(np.asarray(written.dataobj), organs)
    assert np.allclose(written.affine, affine)
    assert shown["label_names"] == {"right lung": 1, "mediastinum": 2, "left lung": 3}


#: Pages whose examples take several seconds.
LONG = {"researchers/axialnet.md", "researchers/explanations.md"}
PAGES = [
    pytest.param(page, marks=pytest.mark.slow if page in LONG else ())
    for page in sorted(file.relative_to(DOCS).as_posix() for file in [*DOCS.glob("*.md"), *DOCS.glob("*/*.md")])
    if re.search(r"^>>> ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", PAGES)
def test_examples_on_pages_give_what_the_page_says(page: str) -> None:
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=options, encoding="utf-8")
    assert tried
    assert not failed
