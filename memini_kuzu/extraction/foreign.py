"""Mentions by rules in other languages than English: what capitals, articles and scripts show.

=====================  ======================================================================================
Languages              What is mentioned
=====================  ======================================================================================
with capitals          Runs of capitalised words are names. One that opens a sentence shows nothing, unless
                       the text has it elsewhere.
German                 All nouns are capitalised: one by itself is a concept; two or more side by side, or
                       what follows a title (*Frau*), are a name, and so is each part of it elsewhere.
French, Spanish, ...   Concepts are the nouns that follow an article (`ARTICLES`).
Japanese               Runs of Chinese characters and of katakana are concepts, or people before *-san*.
Chinese                What a text repeats between function words, of two to six characters, is a concept.
Korean, Thai, Lao,     None but speakers, and names in Latin letters: without a dictionary nothing parts
Khmer, Burmese         words, or a word from its endings.
others                 Concepts are the words between function words, as in English.
=====================  ======================================================================================

A pipeline of spaCy does all this better, and is used where it is installed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from memini_kuzu.extraction.mentions import CONCEPT, NAME, PERSON, Mention, mention, speakers
from memini_kuzu.extraction.sentences import masked, sentence_starts
from memini_kuzu.text.languages import HAN, PARTICLES, UNSPACED, function_words

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["mentions_in"]

Found = tuple[int, int, str]
"""Start, end and label of a mention."""

SHORTEST = 4
"""Letters of a concept of one word."""

MAX_WORDS = 3
"""Words of a concept."""

REPEATED = 6
"""Characters of the longest Chinese concept."""

SILENT = frozenset({"ko", "th", "lo", "km", "my"})
"""Languages in which the rules find no concepts."""

# ruff: noqa: SIM905, word lists are read as text
ARTICLES = {
    language: frozenset(words.split())
    for language, words in {
        "ca": "el la els les l un una uns unes del dels al als d",
        "es": "el la los las un una unos unas del al su sus",
        "fr": "le la les l un une des du d au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre "
        "nos votre vos leur leurs",
        "it": "il lo la i gli le l un uno una del dello della dei degli delle al allo alla ai agli alle nel "
        "nello nella nei negli nelle sul sulla sui sulle dal dalla dai dalle",
        "pt": "o a os as um uma uns umas do da dos das no na nos nas ao aos à às",
    }.items()
}
"""Articles, and what stands in their place; the noun comes right behind."""

TITLES = frozenset(
    "abbé don doña donna dott dr fräulein frau fru herr herrn lady lord madame mademoiselle maître miss mme "
    "mlle monsieur mr mrs prof señor señora señorita senhor senhora sig signor signora signorina sir "
    "sra".split()
)
"""What stands before the name of a person and is no part of it."""

POLITE = {True: ("sie", "ihr", "ihnen"), False: ()}
"""German function words that have a capital within a sentence."""

_WORD = re.compile(rf"(?:(?![{UNSPACED}])[^\W_])+(?:[.&-](?:(?![{UNSPACED}])[^\W_])+)*")
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_HAN = re.compile(f"[{HAN}]{{2,}}")
_HAN_OR_KATAKANA = re.compile(rf"[{HAN}]{{2,6}}|[\u30a1-\u30fa\u30fc-\u30ff]{{3,}}")
_HONOURED = re.compile(
    rf"([{HAN}]{{1,4}}|[\u30a1-\u30fa\u30fc-\u30ff]{{2,}})(?=さん|さま|様|氏|先生|くん|君|ちゃん)"
)


def mentions_in(text: str, language: str) -> list[Mention]:
    """The mentions of a text that is not in English.

    Parameters
    ----------
    text : str
        The text.
    language : str
        ISO 639 code.

    Returns
    -------
    list of Mention
        By offset, no two overlapping.

    Examples
    --------
    >>> found = mentions_in("Gestern traf Frau Müller in Köln den Betriebsrat. Müller lachte.", "de")
    >>> [(each.name, each.label) for each in found]
    [('Müller', 'NAME'), ('Köln', 'CONCEPT'), ('Betriebsrat', 'CONCEPT'), ('Müller', 'NAME')]
    """
    starts = sentence_starts(text)
    said = speakers(text)
    rest = masked(text, [(speaker.start, speaker.end) for speaker in said])
    rest = masked(rest, [url.span() for url in _URL.finditer(rest)])
    found = [(speaker.start, speaker.start + len(speaker.name), PERSON) for speaker in said]
    found += _spaced(rest, language, starts)
    if language == "ja":
        found += _japanese(rest)
    elif language == "zh":
        found += _chinese(rest)
    mentions = (
        mention(text[start:end], label, max(bisect_right(starts, start) - 1, 0), start)
        for start, end, label in sorted(found)
    )
    return [each for each in mentions if each is not None]


def _spaced(text: str, language: str, starts: list[int]) -> Iterator[Found]:
    """The mentions of what is written with blanks between words."""
    words = list(_WORD.finditer(text))
    stop = function_words(language)
    functions = [word[0].casefold() in stop or len(word[0]) == 1 for word in words]
    sentences = [bisect_right(starts, word.start()) for word in words]
    opens = [at == 0 or sentences[at - 1] != sentence for at, sentence in enumerate(sentences)]
    joined = [
        at > 0 and text[words[at - 1].end() : word.start()] in {" ", "\n"} for at, word in enumerate(words)
    ]
    named = list(_names(words, functions, opens, joined, german=language == "de"))
    parts = {
        words[at][0] for first, last in named for at in range(first, last + 1) if words[at][0][0].isupper()
    }
    taken: set[int] = set()
    for first, last in named:
        taken.update(range(first, last + 1))
        yield words[first].start(), words[last].end(), NAME
    for at, word in enumerate(words):
        if at not in taken and word[0] in parts and not functions[at]:
            taken.add(at)
            yield word.start(), word.end(), NAME
    if language in SILENT:
        return
    for first, last in _concepts(words, functions, opens, joined, language):
        if not taken.intersection(range(first, last + 1)):
            yield words[first].start(), words[last].end(), CONCEPT


def _names(
    words: list[re.Match[str]], functions: list[bool], opens: list[bool], joined: list[bool], *, german: bool
) -> Iterator[tuple[int, int]]:
    """First and last words of names."""
    capitals = [word[0][0].isupper() for word in words]
    elsewhere = {
        word[0] for word, capital, first in zip(words, capitals, opens, strict=True) if capital and not first
    }
    # One letter a word, so that a regular expression reads the runs, and their places in `words`.
    codes, places = "", []
    for at, word in enumerate(words):
        if opens[at] or not joined[at]:
            codes += "|"
            places.append(-1)
        if capitals[at] and not functions[at]:
            codes += "C"
        elif capitals[at]:
            # as in "La Rochelle", "Jürgen Groß"; German "Sie" is polite
            codes += "x" if opens[at] or word[0].casefold().startswith(POLITE[german]) else "F"
        else:
            codes += "p" if word[0] in PARTICLES else "x"
        places.append(at)
    for run in re.finditer("C(?:F|p{0,2}C)*" if german else "F?C(?:[pF]{0,2}C)*", codes):
        first, last = places[run.start()], places[run.end() - 1]
        titled = first < last and words[first][0].casefold() in TITLES
        first += titled
        name = words[first][0]
        alone = name.isupper() or not (german or (opens[first] and name not in elsewhere))
        if titled or first < last or alone:
            yield first, last


def _concepts(
    words: list[re.Match[str]], functions: list[bool], opens: list[bool], joined: list[bool], language: str
) -> Iterator[tuple[int, int]]:
    """First and last words of concepts."""
    if language == "de":
        elsewhere = {word[0] for word, first in zip(words, opens, strict=True) if not first}
        for at, word in enumerate(words):
            noun = word[0][0].isupper() and len(word[0]) >= SHORTEST and not functions[at]
            if noun and word[0].casefold() not in TITLES and (not opens[at] or word[0] in elsewhere):
                yield at, at
    elif language in ARTICLES:
        articles = ARTICLES[language]
        for at in range(1, len(words)):
            follows = words[at - 1][0].casefold() in articles and not opens[at]
            if follows and not functions[at] and _is_content(words[at][0]):
                yield at, at
    else:
        first = None
        for at in range(len(words) + 1):
            content = at < len(words) and not functions[at] and _is_content(words[at][0])
            if first is not None and not (content and joined[at]):
                yield max(first, at - MAX_WORDS), at - 1
                first = None
            if content and first is None:
                first = at


def _is_content(word: str) -> bool:
    return len(word) >= SHORTEST and word[0].isalpha() and not word[0].isupper()


def _japanese(text: str) -> Iterator[Found]:
    people = [match.span() for match in _HONOURED.finditer(text)]
    for start, end in people:
        yield start, end, PERSON
    for match in _HAN_OR_KATAKANA.finditer(masked(text, people)):
        if match[0] not in function_words("ja"):
            yield match.start(), match.end(), CONCEPT


def _chinese(text: str) -> Iterator[Found]:
    """What a text repeats: the longest pieces that do not only occur within a longer one."""
    runs = [
        match.span() for match in _HAN.finditer(_particles("zh").sub(lambda found: "|" * len(found[0]), text))
    ]
    counts = Counter(
        text[at : at + length]
        for start, end in runs
        for length in range(2, REPEATED + 1)
        for at in range(start, end - length + 1)
    )
    for start, end in runs:
        at = start
        while at < end - 1:
            length = max(
                (size for size in range(2, min(REPEATED, end - at) + 1) if counts[text[at : at + size]] > 1),
                default=0,
            )
            if length:
                yield at, at + length, CONCEPT
            at += max(length, 1)


@cache
def _particles(language: str) -> re.Pattern[str]:
    """The function words of a language without blanks, longest first."""
    words = sorted(function_words(language), key=len, reverse=True)
    return re.compile("|".join(re.escape(word) for word in words if re.fullmatch(f"[{UNSPACED}]+", word)))
