"""Lexical analysis: text to the terms that the tables of words hold, the same for passages and cues.

Kùzu's own tokeniser joins words across line breaks, drops digits and stems badly: it costs a sixth of the
recall. Here words and numbers are folded to lower case, stop words dropped and stems taken by Snowball;
digits are then spelled in letters, because the index would drop them.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer

__all__ = ["STOP_WORDS", "analyse", "terms"]

STOP_WORDS = frozenset(
    (  # noqa: SIM905 - a paragraph reads better than a column of words
        "a about above after again against ai all also am an and any are as at be because been before "
        "being below between both but by ca can could did do does doing down during each few for from "
        "further had has have having he her here hers herself him himself his how i if in into is it its "
        "itself just many me might more most much must my myself no nor not now of off on once only or "
        "other our ours ourselves out over own same sha shall she should so some such than that the their "
        "theirs them themselves then there these they this those through to too under until up very was we "
        "were what when where which while who whom why will with wo would you your yours yourself "
        "yourselves"
    ).split()
)
"""Function words of English, those of the usual lists and the modal verbs: they tell no passage from another.
"may" is not among them, for the month; ai, ca, sha and wo are what ain't, can't, shan't and won't leave."""

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

ENDING = re.compile(r"(?:n't|'(?:s|re|ve|ll|d|m))$")
"""What is written onto a word: "Anna's" is Anna, and "didn't" is did, a function word."""

SPELLED = str.maketrans("0123456789", "abcdefghij")

NUMBER_MARK = "zq"
"""Starts a number spelled in letters; no English word starts so."""


ACCENTS = re.compile("[\u0300-\u036f]+")
"""Combining marks of Latin, Greek and Cyrillic letters; people search for Malmö as "malmo"."""


class _Local(threading.local):
    """A stemmer for each thread: it keeps the word that it works on."""

    def __init__(self) -> None:
        self.stem = Stemmer.Stemmer("english").stemWord


_local = _Local()


@lru_cache(maxsize=1 << 16)
def _term(word: str) -> str:
    if any(character.isdigit() for character in word):
        # digits of any script; int() would lose leading zeros
        spelled = "".join(
            str(unicodedata.digit(character)) if character.isdigit() else character for character in word
        )
        return NUMBER_MARK + spelled.translate(SPELLED)
    return str(_local.stem(word))


def terms(text: str) -> list[str]:
    """The terms of a text in their order.

    Parameters
    ----------
    text : str
        A passage or a cue.

    Returns
    -------
    list of str
        Lower-case stems and spelled numbers, stop words left out.

    Examples
    --------
    >>> terms("The painters were painting in 2024")
    ['painter', 'paint', 'zqcace']
    """
    folded = unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFKD", text))).casefold()
    found = []
    for match in WORD.finditer(folded):
        word = match.group().replace("’", "'")
        word = ENDING.sub("", word).replace("'", "")
        if word and word not in STOP_WORDS:
            found.append(_term(word))
    return found


def analyse(text: str) -> str:
    """The terms joined by one space: what the tables of words are fed and asked with.

    Examples
    --------
    >>> analyse("Anna's café, in May")
    'anna cafe may'
    """
    return " ".join(terms(text))
