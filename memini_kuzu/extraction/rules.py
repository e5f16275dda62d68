"""Mentions by rules alone: names by their capitals, concepts as the words between stop words.

Good enough that recall works with no model installed; it takes some verbs for concepts, and it does not know
a person from a place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from memini_kuzu.extraction.foreign import mentions_in
from memini_kuzu.extraction.generic import is_generic
from memini_kuzu.extraction.mentions import (
    CONCEPT,
    NAME,
    PERSON,
    Mention,
    encodable,
    language_of,
    mention,
    speakers,
)
from memini_kuzu.extraction.sentences import ABBREVIATION, MASK, masked, sentence_starts
from memini_kuzu.extraction.vocabulary import FILLERS, STOP_PHRASES, STOP_WORDS
from memini_kuzu.text.languages import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["RuleExtractor"]

RULES = 3
"""Version of the rules below; raise it when the same text gives other mentions."""

MAX_WORDS = 3
"""Words of a concept; of a longer run the last ones, where English has the noun."""

SHORTEST = 4
"""Letters: shorter lower-case words are mostly function words that no list has in full."""

_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_HASHTAG = re.compile(r"(?<!\w)#(?P<name>[^\W\d]\w+)")
_QUOTED = re.compile(r"(?<!\w)[\"\u201c](?P<name>\w[^\"\u201c\u201d\n.!?,;|]{1,60})[\"\u201d]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019.&-][^\W_]+)*")
_POSSESSIVE = re.compile(r"['\u2019]s\Z")
_PARTICLES = frozenset({"of", "the", "de", "del", "der", "di", "du", "la", "le", "van", "von"})
_NO_STOP_WORDS = frozenset({"New", "US", "WHO"})  # as written here: "New York"
_BLANKS = frozenset({" ", "\n"})

# The first ending that fits says what to do; those that map to themselves are no plurals.
_PLURALS = (
    *(
        (ending, ending)
        for ending in ("ss", "us", "is", "ics", "news", "series", "species", "always", "lens")
    ),
    *((f"{stem}s", stem) for stem in ("movie", "cookie", "selfie", "zombie", "calorie")),
    *((f"{stem}es", stem) for stem in ("ch", "sh", "ss", "x")),
    ("ies", "y"),
    ("s", ""),
)


class RuleExtractor:
    """Names, acronyms, quoted phrases, hashtags, speakers and simple concepts, with no model.

    A capitalised word at the start of a sentence counts as a name only where it is capitalised elsewhere in
    the text too, is followed by another capitalised word, or is an acronym. What other languages show
    stands in `extraction.foreign`.

    Examples
    --------
    >>> [mentions] = RuleExtractor().extract(["Melanie: The kids met Ada Lovelace at our pottery class."])
    >>> [(mention.name, mention.label) for mention in mentions]
    [('Melanie', 'PERSON'), ('Ada Lovelace', 'NAME'), ('pottery class', 'CONCEPT')]
    """

    @property
    def identity(self) -> str:
        """The version of the rules."""
        return f"rules/{RULES}"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text, in order of mention.

        Parameters
        ----------
        texts : iterable of str
            Passages; read one at a time.
        processes : int
            Taken for the protocol's sake: the rules run in this process.

        Yields
        ------
        list of Mention
            By offset, no two overlapping.
        """
        del processes
        for text in texts:
            language = language_of(text)
            if language == ENGLISH:
                yield _mentions(encodable(text))
            else:
                yield mentions_in(encodable(text), language)


def _mentions(text: str) -> list[Mention]:
    starts = sentence_starts(text)
    found: list[Mention | None] = []

    def add(surface: str, label: str, start: int, key: str | None = None) -> None:
        found.append(mention(surface, label, max(bisect_right(starts, start) - 1, 0), start, key=key))

    said = speakers(text)
    rest = masked(text, [(speaker.start, speaker.end) for speaker in said])
    for speaker in said:
        add(speaker.name, PERSON, speaker.start)
    rest = masked(rest, [url.span() for url in _URL.finditer(rest)])
    for pattern in (_HASHTAG, _QUOTED):
        spans = []
        for match in pattern.finditer(rest):
            words = match["name"].lower().split()
            title = pattern is _QUOTED and any(map(str.isupper, match["name"]))
            telling = not all(word in STOP_WORDS or word in STOP_PHRASES for word in words)
            if telling and (title or len(words) <= MAX_WORDS):
                label = NAME if title else CONCEPT
                add(match["name"], label, match.start("name"))
                spans.append(match.span())
        rest = masked(rest, spans)
    people = {speaker.name for speaker in said}
    names = list(_names(rest, starts))
    for start, end in names:
        surface = rest[start:end]
        add(surface, PERSON if surface in people else NAME, start)
    rest = masked(rest, names)
    for words in _concepts(rest):
        start, last = words[0].start(), words[-1]
        if not is_generic(rest[start : last.end()]):
            add(rest[start : last.end()], CONCEPT, start, rest[start : last.start()] + _singular(last[0]))
    return sorted(filter(None, found), key=lambda each: each.start)


def _names(text: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    """Spans of names: runs of capitalised words, with particles such as "of" between them."""
    words = list(_WORD.finditer(text))
    sentences = [bisect_right(starts, word.start()) for word in words]
    opens = [index == 0 or sentences[index - 1] != sentence for index, sentence in enumerate(sentences)]
    capitals = [_is_capital(word[0]) for word in words]
    elsewhere = {
        _bare(word[0])
        for word, capital, first in zip(words, capitals, opens, strict=True)
        if capital and not first
    }
    # One letter a word, so that a regular expression reads the runs: Capital, particle, other; "|" parts.
    codes = []
    for index, word in enumerate(words):
        if index and not _joined(text, words[index - 1], word):
            codes.append((MASK, -1))
        particle = "p" if word[0] in _PARTICLES else "x"
        codes.append(("C" if capitals[index] else particle, index))
    for run in re.finditer(r"C(?:p{0,2}C)*", "".join(code for code, _ in codes)):
        first, last = codes[run.start()][1], codes[run.end() - 1][1]
        if opens[first] and words[first][0].lower() in STOP_PHRASES:
            first += 1
        if first > last:
            continue
        if first == last and opens[first] and not _telling(words[first][0], elsewhere):
            continue
        yield words[first].start(), words[last].end()


def _is_capital(word: str) -> bool:
    if word in _NO_STOP_WORDS:
        return True
    return word[0].isupper() and word.lower() not in STOP_WORDS and word.lower() not in FILLERS


def _telling(word: str, elsewhere: set[str]) -> bool:
    """Whether a capital that starts a sentence tells anything: an acronym, or capitalised elsewhere too."""
    bare = _bare(word)
    return bare in elsewhere or (len(bare) > 1 and bare.isupper())


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word)


def _joined(text: str, before: re.Match[str], word: re.Match[str]) -> bool:
    """Whether two words are next to each other in one phrase."""
    if _POSSESSIVE.search(before[0]):
        return False
    gap = text[before.end() : word.start()]
    return gap in _BLANKS or (gap == ". " and ABBREVIATION.search(before[0] + ".") is not None)


def _concepts(text: str) -> Iterator[list[re.Match[str]]]:
    """Runs of content words between stop words and punctuation, as in RAKE (Rose and others, 2010)."""
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        content = _is_content(word[0])
        if run and not (content and _joined(text, run[-1], word)):
            yield from _useful(run)
            run = []
        if content:
            run.append(word)
    yield from _useful(run)


def _is_content(word: str) -> bool:
    folded = _bare(word.lower())
    return (
        len(folded) >= SHORTEST and folded[0].isalpha() and folded not in STOP_WORDS and folded not in FILLERS
    )


def _useful(run: list[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    if len(run) > 1 or (run and _singular(run[0][0].lower()) not in STOP_PHRASES):
        yield run[-MAX_WORDS:]


def _singular(word: str) -> str:
    """The word without the ending of a regular plural.

    Examples
    --------
    >>> [_singular(word) for word in ("groups", "parties", "churches", "glass", "physics", "movies")]
    ['group', 'party', 'church', 'glass', 'physics', 'movie']
    """
    for ending, instead in _PLURALS:
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word
