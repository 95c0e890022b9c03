"""AxialNet with pooling inside organs, and the regions of Table 6, on phantoms (docs/researchers/organ_pooling.md)."""
