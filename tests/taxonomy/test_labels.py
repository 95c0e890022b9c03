"""Label lists: number, order and spelling as published."""

import pytest

from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS, label_index, read_table


@pytest.mark.parametrize(
    ("labels", "count", "first", "last"),
    [
        (CHEST_CT_LABELS, 80, "air trapping", "pacemaker or defib"),
        (CHEST_XRAY14_LABELS, 14, "Atelectasis", "Hernia"),
        (PASCAL_VOC_LABELS, 20, "aeroplane", "tvmonitor"),
    ],
)
def test_each_list_has_its_published_length_and_no_duplicate(labels, count, first, last):
    assert isinstance(labels, tuple)
    assert len(labels) == len(set(labels)) == count
    assert (labels[0], labels[-1]) == (first, last)
    assert all(label == label.strip() and label for label in labels)


def test_order_of_table_5_where_organs_change():
    # the last lung labels and the first heart labels, spelled as in the paper
    assert CHEST_CT_LABELS[49:53] == ("lung staple", "lung suture", "cardiomegaly", "heart failure")
    assert CHEST_CT_LABELS[41:43] == ("lung nodule", "lung nodulegr1cm")
    assert CHEST_CT_LABELS[CHEST_CT_LABELS.index("mediastinum opacity") + 1] == "great vessel catheter or port"


def test_chest_xray14_is_spelled_as_in_its_data_entry_file():
    assert CHEST_XRAY14_LABELS == (
        "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
        "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
    )  # fmt: skip


def test_pascal_voc_is_alphabetical():
    assert list(PASCAL_VOC_LABELS) == sorted(PASCAL_VOC_LABELS)


@pytest.mark.parametrize("labels", [CHEST_CT_LABELS, CHEST_XRAY14_LABELS, PASCAL_VOC_LABELS])
def test_label_index_inverts_the_list(labels):
    assert [label_index(label, labels) for label in labels] == list(range(len(labels)))


def test_an_error_names_the_nearest_label():
    with pytest.raises(ValueError, match="Did you mean 'lung nodule'"):
        label_index("lung nodul")


def test_an_error_names_the_unknown_table():
    with pytest.raises(ValueError, match=r"name must be one of 'chest_ct'.* but is 'chest_cat'"):
        read_table("chest_cat")
