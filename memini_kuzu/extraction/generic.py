"""Concepts too general to tell anything: those whose words are all common (*way*, *good idea*).

What every text may say links all with all. Such a phrase makes no entity; the texts that hold it are found by
its words all the same.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["common_words", "is_generic"]

_WORD = re.compile(r"[^\W_]+")


@cache
def common_words() -> frozenset[str]:
    """English words of which general English has at least one in 100,000; scripts/build_common_words.py.

    Examples
    --------
    >>> "way" in common_words(), "pottery" in common_words()
    (True, False)
    """
    text = files("memini_kuzu.extraction").joinpath("common_words.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def is_generic(phrase: str) -> bool:
    """Whether an English phrase holds common words alone.

    Parameters
    ----------
    phrase : str
        A noun phrase that is no name; single letters in it tell nothing.

    Examples
    --------
    >>> [is_generic(phrase) for phrase in ("best friends", "pottery class", "C++")]
    [True, False, False]
    """
    words = [word for word in _WORD.findall(phrase.lower()) if len(word) > 1]
    return bool(words) and common_words().issuperset(words)
