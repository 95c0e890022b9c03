"""Commands of the command line, one file each. They run the bundles."""

__all__: list[str] = []
