"""Grammar of a sentence: scopes of negations and hedges, and where statements begin."""

__all__: list[str] = []
