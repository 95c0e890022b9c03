"""Synthetic patients with known truth: chest CTs and radiographs rendered from one analytic anatomy.

Both phantoms start from the same patient. The CT phantom samples the patient's shapes on a voxel grid, the radiograph
phantom integrates them along the rays of an X-ray tube. The files in the order of rendering:

The patient, in millimeters:

- `shapes`: ellipsoids, tubes and superellipses, as depth inside a shape; the grid of voxel centers.
- `mediastinum`: heart, great vessels, airways and oesophagus, and the surfaces where the lungs meet them.
- `anatomy`: one patient: chest wall, lungs, diaphragm, ribs, skin and arms around a mediastinum.
- `lung_trees`: arteries, veins and bronchi that fill a lung.

The CT, (X, Y, Z) in HU:

- `ct_findings`: the findings: their random position and size, and how each changes a lung.
- `ct_scene`: everything random about one CT except the noise: patient, findings, trees, textures.
- `ct_fields`: the part of the chest that is scanned, and the circle that is reconstructed.
- `ct_canvas`: the volume that is painted on, with soft edges, and the list of structures.
- `ct_contrast`: contrast medium in the blood, and the streaks around it.
- `ct_gas`: gas in oesophagus, stomach and bowel, and under the skin.
- `ct_painters`: the painters of table, body, organs, bones, lungs and lesions, in painting order.
- `chest_ct`: `phantom_chest_ct`, which renders a scene in slabs and adds noise, labels and report.

The radiograph, (1, H, W) between 0 and 1:

- `projection`: pose of the patient, and thickness of shapes along each ray of the detector.
- `radiograph_chest`: gas, bone and soft tissue of a chest without findings along each ray.
- `radiograph_fields`: the visible lung fields, and box sizes as in the published boxes.
- `radiograph_painters`: appearance of each finding, as a change of the gas in a lung.
- `radiograph_findings`: choice, position and box of the findings.
- `radiograph_overlays`: breasts, nipples, electrodes, catheters and side markers.
- `radiograph`: `phantom_radiograph`, which combines all of these and exposes the image.

Both:

- `report_text`: labels and report sentences of the findings.
- `datasets`: phantoms as datasets, one seed per patient.
"""

__all__: list[str] = []
