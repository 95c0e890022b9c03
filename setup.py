from setuptools import find_packages, setup

# A wheel carries the bundles inside the package. The checkout and an editable install read them from ./bundles.
setup(
    packages=[*find_packages(include=["monai_pylon", "monai_pylon.*"]), "monai_pylon.bundles"],
    package_dir={"monai_pylon.bundles": "bundles"},
)
