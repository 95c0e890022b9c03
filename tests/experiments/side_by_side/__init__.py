"""Comparison of this package with other libraries: time, memory and error."""
