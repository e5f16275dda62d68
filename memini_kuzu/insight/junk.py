"""Entities that look wrong, by a written rule, for people to judge: nothing is dropped by it.

===============  ==============================================================================
Reason           Which entities
===============  ==============================================================================
markup or code   Broken strings, identifiers, paths, addresses (`extraction.broken`).
number           No letters but units and ordinals: *3rd*, *10 km*.
common words     Nothing but common English words (`extraction.generic`), unless each of several
                 has a capital, as in the title of a work: *The Big Short*.
too long         More than `LONGEST` words: a sentence rather than a name.
===============  ==============================================================================
"""

from __future__ import annotations

import re

from memini_kuzu.extraction.broken import is_broken
from memini_kuzu.extraction.generic import is_generic

__all__ = ["LONGEST", "looks_wrong"]

LONGEST = 8
"""Words of a name."""

_NUMBER = re.compile(r"[\d\W_]+(?:(?:st|nd|rd|th|s|k?m|[kmg]b|ms|%)\b[\d\W_]*)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def looks_wrong(name: str) -> str:
    """Why a name is no entity worth showing.

    Parameters
    ----------
    name : str
        An entity's name.

    Returns
    -------
    str
        The reason, or nothing where there is none.

    Examples
    --------
    >>> [looks_wrong(name) for name in ("client.get(", "3rd", "good idea", "The Big Short", "Ada Lovelace")]
    ['markup or code', 'number', 'common words', '', '']
    """
    if is_broken(name):
        return "markup or code"
    if _NUMBER.fullmatch(name):
        return "number"
    words = _WORD.findall(name)
    if len(words) > LONGEST:
        return "too long"
    titled = len(words) > 1 and all(word[0].isupper() for word in words)
    return "common words" if not titled and is_generic(name) else ""
