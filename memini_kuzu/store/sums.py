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
    words : int
        The number of their terms.
    languages : frozenset of str
        The languages of the passages.
    """

    passages: int
    words: int
    languages: frozenset[str]

    @property
    def average(self) -> float:
        """Terms per passage on average; 1 where there are none."""
        return self.words / self.passages if self.words else 1.0


def sums_in(meta: Mapping[str, str]) -> Sums:
    """The sums that a store keeps in its metadata.

    Examples
    --------
    >>> sums_in({"passages": "2", "words": "7", "languages": '{"en": 2}'}).average
    3.5
    """
    return Sums(int(meta.get("passages", 0)), int(meta.get("words", 0)), frozenset(languages_in(meta)))
