"""Lexical analysis: text to the terms that the tables of words hold, the same for passages and cues.

Kùzu's own tokeniser joins words across line breaks, drops digits and stems badly: it costs a sixth of the
recall. Here words and numbers are folded to lower case, the stop words of their language dropped and stems
taken by Snowball, where it knows the language, of English irregular forms those of their lemma (`found` is
`find`); digits are then spelled in letters, because the index would
drop them. What is written without blanks is cut into overlapping pieces, as in Lucene's CJK analyser: of two
characters (Chinese, Japanese, Korean), or of three (Thai, Lao, Khmer, Burmese). No dictionary is needed, and
a piece that is no word is in few other texts. Accents are folded after stemming, since stemmers read them.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import Stemmer

from memini_kuzu.text.languages import ENGLISH, HAN, SYLLABIC, UNSPACED, detect, function_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["MARKS", "STOP_WORDS", "analyse", "cue_terms", "own_language", "terms", "word_terms"]

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


SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Snowball's stemmers by language; words of other languages stay whole."""

OTHER_SCRIPTS = frozenset(
    (  # noqa: SIM905 - as above
        "am ar bg bn bo el fa grc gu he hi hy ja kn ko ky mk ml mr ne ru sa si ta te th ti tt uk ur zh"
    ).split()
)
"""Languages of other scripts than Latin: a Latin word in their texts is read as English."""

ELISION = {
    "ca": re.compile(r"[dlmnst]'"),
    "fr": re.compile(r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)'"),
    "ga": re.compile(r"[bdm]'"),
    "it": re.compile(r"(?:[cdlmnstv]|un|gl|(?:agl|dagl|degl|negl|sugl)|(?:a|co|da|de|ne|pe|su)ll)'"),
}
"""Articles and pronouns that are written onto the next word, those of Lucene's elision filter."""

MARKS = "\u0300-\u036f\u0483-\u0487\u0900-\u0963\u0966-\u0dff"
"""Marks that a letter carries, which `re` takes for the end of a word: accents, and the vowels of India."""

LETTER = rf"(?![{UNSPACED}])[^\W_]"

UNWRITTEN = re.compile("[\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c\u200d]+")
"""Vowel points of Hebrew and Arabic, the stroke that stretches a word, joiners: most leave them out."""

PIECE, ALPHABETIC_PIECE = 2, 3
"""Characters of a piece of what is written without blanks: most Chinese words have two."""


@cache
def _written() -> re.Pattern[str]:
    """A word, or what is written without blanks. To compile so large a class takes milliseconds."""
    word = rf"{LETTER}(?:{LETTER}|[{MARKS}])*"
    return re.compile(rf"(?P<unspaced>[{UNSPACED}]+)|{word}(?:'{word})*")


@cache
def _one_kind() -> re.Pattern[str]:
    return re.compile(rf"(?P<syllabic>[{SYLLABIC}]+)|(?:(?![{SYLLABIC}])[{UNSPACED}])+")


@cache
def _han() -> re.Pattern[str]:
    return re.compile(f"[{HAN}]")


class _Local(threading.local):
    """Stemmers for each thread: they keep the word that they work on."""

    def __init__(self) -> None:
        self.stemmers: dict[str, Stemmer.Stemmer] = {}

    def stem(self, word: str, language: str) -> str:
        if language not in self.stemmers:
            self.stemmers[language] = Stemmer.Stemmer(SNOWBALL[language])
        return str(self.stemmers[language].stemWord(word))


_local = _Local()


@lru_cache(maxsize=1 << 16)
def _term(word: str, language: str = ENGLISH) -> str:
    if any(character.isdigit() for character in word):
        # digits of any script; int() would lose leading zeros
        spelled = "".join(
            str(unicodedata.digit(character)) if character.isdigit() else character for character in word
        )
        return NUMBER_MARK + spelled.translate(SPELLED)
    if language == ENGLISH:
        word = _lemmas().get(word, word)
    return word if language not in SNOWBALL else _local.stem(word, language)


@cache
def _lemmas() -> dict[str, str]:
    """The lemmas of irregular English forms; `scripts/irregular_forms.py` writes them."""
    text = (resources.files("memini_kuzu.text") / "irregular.txt").read_text(encoding="utf-8")
    return dict(line.split() for line in text.splitlines() if not line.startswith("#"))


def terms(text: str, language: str = ENGLISH) -> list[str]:
    """The terms of a text in their order.

    Parameters
    ----------
    text : str
        A passage or a cue.
    language : str
        Whose words they are, as `languages.detect` gives it.

    Returns
    -------
    list of str
        Lower-case stems and spelled numbers, stop words left out.

    Examples
    --------
    >>> terms("The painters were painting in 2024")
    ['painter', 'paint', 'zqcace']
    >>> terms("The children found it") == terms("a child finds")
    True
    >>> terms("Die Verträge des Betriebsrats", "de")
    ['vertrag', 'betriebsrat']
    >>> terms("审核发票", "zh")
    ['审', '审核', '核', '核发', '发', '发票', '票']
    """
    return list(_terms(text, language, frozenset()))


def _terms(text: str, language: str, without: frozenset[str]) -> Iterator[str]:
    return _english(text, without) if language == ENGLISH else _other(text, language, without)


def _english(text: str, without: frozenset[str]) -> Iterator[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFKD", text)))
    for word in map(_bare, WORD.findall(text.casefold())):
        if word and word not in STOP_WORDS and word not in without:
            yield _term(word)


def _bare(word: str) -> str:
    """A word without what is written onto it."""
    if word.isalnum():
        return word
    return ENDING.sub("", word.replace("’", "'")).replace("'", "")


def _other(text: str, language: str, without: frozenset[str]) -> Iterator[str]:
    stop, elision = function_words(language) | without, ELISION.get(language)
    folded = UNWRITTEN.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("’", "'")
    for match in _written().finditer(folded):
        word = match.group()
        if match["unspaced"]:
            yield from (piece for piece in _pieces(word) if piece not in stop)
        elif word.isascii() and language in OTHER_SCRIPTS:
            yield from _english(word, without)
        elif word not in stop:
            word = (word if elision is None else elision.sub("", word, count=1)).replace("'", "")
            if word and word not in stop:
                yield _unaccented(_term(word, language))


def _unaccented(word: str) -> str:
    return unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFD", word)))


def _pieces(text: str) -> Iterator[str]:
    """Pieces of what is written without blanks; a Chinese character may also be a word by itself."""
    han = _han()
    for match in _one_kind().finditer(text):
        run = match.group()
        length = PIECE if match["syllabic"] else ALPHABETIC_PIECE
        if len(run) < length:
            yield run
            continue
        for at, character in enumerate(run):
            if han.match(character):
                yield character
            if at + length <= len(run):
                yield run[at : at + length]


def own_language(cue: str, languages: Collection[str]) -> str:
    """The language that a cue is in, of those that a store holds and English.

    Parameters
    ----------
    cue : str
        What is asked.
    languages : collection of str
        Of the store's passages.

    Examples
    --------
    >>> own_language("Wer prüft den Vertrag?", ["de", "en"]), own_language("Wer prüft den Vertrag?", ["en"])
    ('de', 'en')
    """
    return detect(cue, {*languages, ENGLISH}) if set(languages) - {ENGLISH} else ENGLISH


def cue_terms(text: str, languages: Collection[str], own: str) -> Counter[str]:
    """The terms of a cue in every language that a store holds, and how often it says each.

    Parameters
    ----------
    text : str
        A cue, or a part of it.
    languages : collection of str
        Of the store's passages; English where there are none.
    own : str
        What `own_language` gives for the cue.

    Returns
    -------
    Counter of str
        A word has a term in each of them. The function words of the cue's own language are none in any:
        German "die" is no English verb.

    Examples
    --------
    >>> cue_terms("Die Verträge", ["de", "en"], "de")
    Counter({'vertrag': 1})
    """
    without = _without(own)
    found: Counter[str] = Counter()
    for language in sorted(languages) or [ENGLISH]:
        found |= Counter(_terms(text, language, without))
    return found


@lru_cache(maxsize=1 << 15)
def word_terms(word: str, languages: frozenset[str], own: str) -> tuple[frozenset[str], ...]:
    """The terms of a word or a name in each language that a store holds; as `cue_terms`.

    Cues repeat words and names, and a store may hold a dozen languages: what was found is kept.

    Examples
    --------
    >>> word_terms("Verträge", frozenset(["de"]), "de")
    (frozenset({'vertrag'}),)
    """
    without = _without(own)
    return tuple(frozenset(_terms(word, language, without)) for language in sorted(languages) or [ENGLISH])


@cache
def _without(language: str) -> frozenset[str]:
    """The function words of a cue's language as any analysis writes them; English has its own list."""
    if language == ENGLISH:
        return frozenset()
    words = function_words(language)
    return words | frozenset(map(_unaccented, words))


def analyse(text: str, language: str = ENGLISH) -> str:
    """The terms joined by one space: what the tables of words are fed and asked with.

    Examples
    --------
    >>> analyse("Anna's café, in May")
    'anna cafe may'
    """
    return " ".join(terms(text, language))
