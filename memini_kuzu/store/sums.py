"""What a store counts over its passages."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "Sums",
]


class Sums(NamedTuple):
    """Sums over all passages, which the lexical score needs.

    Parameters
    ----------
    passages : int
        The number of passages.
    average : float
        Terms per passage on average.
    languages : frozenset of str
        The languages of the passages.
    """

    passages: int
    average: float
    languages: frozenset[str]
