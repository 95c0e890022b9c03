"""Short reports for the public chest CTs, with the labels and locations that they state.

The authors of this package wrote them for the tests, from figures of the organ masks. No radiologist saw them, so they
are no reliable statement about the patients.
"""

from __future__ import annotations

#: Report by the scan's path in the folder of public scans.
REPORTS = {
    "nsclc_radiomics/LUNG1-001_ct.nii.gz": (
        "CLINICAL HISTORY: Radiotherapy is planned. Rule out effusion.\n"
        "FINDINGS: A mass in the left upper lobe reaches the chest wall, with consolidation and reticulation around it."
        " There is scarring at the right apex. The heart is of normal size. No pleural effusion or pneumothorax.\n"
        "IMPRESSION: Left lung mass."
    ),
    "nsclc_radiomics/LUNG1-002_ct.nii.gz": (
        "There is a large mass in the right lower lobe with cavitation, and consolidation above it in the right lower "
        "lobe. The left lung is clear. No pneumothorax."
    ),
    "imlab_uiip/id001_ct.nii.gz": "Lungs: 22 mm nodule in the left upper lobe, without calcification. No effusion.",
    "imlab_uiip/id002_ct.nii.gz": (
        "The left hemidiaphragm is raised. No pulmonary nodule, mass or consolidation. No pleural effusion."
    ),
    "cip/ct-64.nrrd": "No nodule or mass is seen. No pleural effusion, no pericardial effusion, no pneumothorax.",
    "dicom_lung_pet_ct_dx_A0002": (
        "Mass in the right lower lobe next to the hilum with narrowing of its bronchus. The left lung is clear. "
        "There is no pleural effusion; the heart is not enlarged."
    ),
}

RIGHT, LEFT = (True, False, False), (False, False, True)

#: Labels of each report with their organs (right lung, mediastinum, left lung), by the scan's name.
MEANT = {
    "LUNG1-001_ct": {
        "lung mass": LEFT,
        "consolidation": LEFT,
        "reticulation": LEFT,
        "lung scarring": RIGHT,
    },
    "LUNG1-002_ct": {"lung mass": RIGHT, "lung cavitation": RIGHT, "consolidation": RIGHT},
    "id001_ct": {"lung nodule": LEFT, "lung nodulegr1cm": LEFT},
    "id002_ct": {},
    "ct-64": {},
    "dicom_lung_pet_ct_dx_A0002": {"lung mass": RIGHT},
}
