"""What is said where a library of the extra ``render`` is missing."""

from __future__ import annotations


class MissingExtra(ImportError):
    """A library that draws is not installed."""

    def __init__(self, library: str) -> None:
        """Name the library and how to get it."""
        super().__init__(f"{library} is not installed; get it with: pip install swapgym[render]", name=library)
