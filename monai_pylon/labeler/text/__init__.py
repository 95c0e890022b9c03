"""Text of a report: its form, language, sections, sentences and words."""

__all__: list[str] = []
