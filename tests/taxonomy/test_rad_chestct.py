"""RAD-ChestCT's names: one for each label, and at most one label for an abnormality at a place."""

from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.labels import read_table
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.taxonomy.rad_chestct import labels_of_abnormality, rad_chestct_label, rad_chestct_places


def test_each_label_has_one_abnormality():
    rows = read_table("rad_chestct")
    assert tuple(row["label"] for row in rows) == CHEST_CT_LABELS
    assert len({row["abnormality"] for row in rows}) == 80 - 16  # sixteen labels repeat an abnormality in another organ
    for row in rows:
        assert row["label"] in labels_of_abnormality(row["abnormality"])


def test_labels_are_in_the_organs_of_table_5():
    possible = possible_locations()
    seen = set()
    for row in read_table("rad_chestct"):
        for place in rad_chestct_places():
            found = rad_chestct_label(row["abnormality"], place)
            if found is not None:
                label, inside = found
                seen.add(label)
                allowed = possible[CHEST_CT_LABELS.index(label)]
                assert all(allowed[k] for k in range(3) if inside[k])
    assert seen == set(CHEST_CT_LABELS)


def test_examples():
    assert rad_chestct_label("calcification", "aorta") == ("great vessel calcification", (False, True, False))
    assert rad_chestct_label("calcification", "mitral_valve") == ("heart calcification", (False, True, False))
    assert rad_chestct_label("calcification", "hilum") == ("mediastinum calcification", (False, True, False))
    assert rad_chestct_label("calcification", "left_mid") == ("lung calcification", (False, False, True))
    assert rad_chestct_label("pleural_effusion", "lung") == ("pleural effusion", (False, False, False))
    assert rad_chestct_label("pleural_effusion", "heart") is None
    assert rad_chestct_label("fracture", "rib") is None
