"""Names to keys: one key for every way in which people write a name.

Two functions share one notion of what surrounds a name without being part of it: `tidy` takes that away for
display and keeps the letters as written; `canonical` also folds the letters. Accents are folded in the key
and kept in the name: people who type "Malmo" mean "Malmö", and the reader should see "Malmö".
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["bounds", "canonical", "tidy"]

DETERMINERS = (
    "the",
    "a",
    "an",
    "this",
    "that",
    "these",
    "those",
    "my",
    "your",
    "his",
    "her",
    "its",
    "our",
    "their",
)
"""Words in front of a name that point at it and are not part of it. Quantifiers ("all", "no") stay: they
change what is meant more often than they point at it."""

_DETERMINER = re.compile(rf"(?:{'|'.join(DETERMINERS)})[\s\x00-\x1f]+", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['\u2019\u02bc]s\Z", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")

# Zero-width and bidirectional marks show nothing; lone surrogates cannot be encoded, so no store takes them.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")

_ACCENTS = re.compile("[\u0300-\u036f]+")
# NFKC turns the free-standing acute and grave accents into a space, so they become apostrophes before it.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032\uff07\u00b4`", "'"))
_HYPHENS = re.compile("[-_\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+")
# Letters that carry a stroke or a ligature rather than an accent: Unicode does not decompose them.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_INITIALS = re.compile(r"(?<!\w)(\w)\.\s+(?=\w\.)")
_ELLIPSIS = re.compile(r"\.{2,}")
_FULL_STOP = re.compile(r"(?<!\d)\.|\.(?!\d)")


def _in_word(character: str) -> bool:
    """Whether a letter, a mark on a letter or a digit; `str.isalnum` would cut the vowel signs of Hindi."""
    return unicodedata.category(character)[0] in "LMN"


def bounds(surface: str) -> tuple[int, int]:
    """Where the name stands within a piece of text, without what surrounds it.

    Parameters
    ----------
    surface : str
        A piece of text that holds one name.

    Returns
    -------
    tuple of int
        Start and end: leading determiners, a trailing possessive and surrounding punctuation lie outside.
        A "+" or "#" that follows the last letter is part of the name (C++, C#).

    Examples
    --------
    >>> bounds("(the Dog's)")
    (5, 8)
    """
    start, end = 0, len(surface)
    while True:
        before = start, end
        while start < end and not _in_word(surface[start]):
            start += 1
        limit = end
        while end > start and not _in_word(surface[end - 1]):
            end -= 1
        while start < end < limit and surface[end] in "+#":
            end += 1
        # The words around the name go last: "the" alone, or "'s" alone, is then a name like any other.
        if determiner := _DETERMINER.match(surface, start, end):
            start = determiner.end()
        if end - start > 2 and _POSSESSIVE.match(surface, end - 2, end):  # noqa: PLR2004, the length of "'s"
            end -= 2
        if (start, end) == before:
            return start, end


def tidy(surface: str) -> str:
    r"""The name for display: nothing around it, white space folded, its letters as written.

    Parameters
    ----------
    surface : str
        A piece of text that holds one name.

    Returns
    -------
    str
        The name, or the empty string where no letter or digit is left.

    Examples
    --------
    >>> tidy("  the Malmö\n Museum’s,")
    'Malmö Museum'
    """
    start, end = bounds(surface)
    return _BLANK.sub(" ", _INVISIBLE.sub("", surface[start:end])).strip()


@lru_cache(maxsize=65_536)  # names repeat, within a text and over a stream
def canonical(name: str) -> str:
    """The key of a name: equal for the ways in which one name is written.

    Letters are folded (NFKC, case, accents: "Malmo" finds "Malmö"), hyphens become spaces and full stops
    vanish ("U.S." is "US", "J. K. Rowling" is "J.K. Rowling"), and what `tidy` takes away is gone. Plurals
    stay: only a tagger knows "James" from "games", so extractors fold the plurals of concepts themselves.

    Parameters
    ----------
    name : str
        Any text at all.

    Returns
    -------
    str
        The key; the empty string where no letter or digit is left. ``canonical(canonical(x)) ==
        canonical(x)``.

    Examples
    --------
    >>> canonical("The Malmö–Köpenhamn bridge’s")
    'malmo kopenhamn bridge'
    >>> canonical("J. K. Rowling") == canonical("J.K. ROWLING")
    True
    """
    # To a fixed point: one folding can uncover another ("a.n apple" becomes "an apple"). It ends: after the
    # first round the letters are folded, and every change shortens the text or turns a hyphen to a space.
    while (folded := _fold(name)) != name:
        name = folded
    return name


def _fold(text: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_APOSTROPHES)).casefold()
    text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    text = unicodedata.normalize("NFKC", text).translate(_STROKES)
    text = _HYPHENS.sub(" ", _ELLIPSIS.sub(" ", text))
    return tidy(_FULL_STOP.sub("", _INITIALS.sub(r"\1.", text)))
