"""What a store counts over its passages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memini_kuzu.store.languages import languages_in

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Sums", "sums_in"]


class Sums(NamedTuple):
    """Sums over all passages, which the lexical score needs.

    Parameters
    ----------
    passages : int
        The number of passages.
    average : float
        Terms per passage on average; 1 where there are none.
    languages : frozenset of str
        The languages of the passages.
    """

    passages: int
    average: float
    languages: frozenset[str]


def sums_in(meta: Mapping[str, str]) -> Sums:
    """The sums that a store keeps in its metadata.

    Examples
    --------
    >>> sums_in({"passages": "2", "words": "7", "languages": '{"en": 2}'}).average
    3.5
    """
    passages, words = int(meta.get("passages", 0)), int(meta.get("words", 0))
    return Sums(passages, words / passages if words else 1.0, frozenset(languages_in(meta)))
