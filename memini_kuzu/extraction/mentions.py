"""What an extractor gives, what every extractor promises, and the speakers that both of ours look for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

from memini_kuzu.extraction.broken import is_broken, whole
from memini_kuzu.extraction.canonical import bounds, canonical, tidy
from memini_kuzu.extraction.generic import is_generic
from memini_kuzu.extraction.vocabulary import NOT_SPEAKERS
from memini_kuzu.text.languages import detect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "CONCEPT",
    "NAME",
    "PERSON",
    "Extractor",
    "Mention",
    "Speaker",
    "Text",
    "encodable",
    "language_of",
    "mention",
    "speakers",
    "unkinded",
]

CONCEPT = "CONCEPT"
"""Label of a noun phrase that is no name."""

NAME = "NAME"
"""Label of a name of which the rules cannot tell whether it is a person, a place or a work."""

PERSON = "PERSON"
"""spaCy's label of people, which speakers get."""

MAX_NAME = 100
"""Characters; what is longer is a blob (base64, a hash, a path), not a name that anyone will ask for."""

_SPEAKER = re.compile(
    r"^[ \t]*(?P<name>[^\W\d_][\w.'\u2019-]*(?:[ ][^\W\d_][\w.'\u2019-]*){0,2}):[ \t]+"
    # what is said is no markup, no code, and not a number alone: "Returns: {integer}", "Stability: 2 -"
    r"(?=[^\s\d{}<>\[\]|=/\\`$#&]|\d[\d.,:]*[ \t]+[^\W\d_])",
    re.MULTILINE,
)
_SURROGATES = re.compile("[\ud800-\udfff]")


class Text(str):
    """A text that knows its language, as ingestion hands it to an extractor.

    Parameters
    ----------
    text : str
        The text.
    language : str
        As `languages.detect` gives it.

    Examples
    --------
    >>> Text("Guten Tag", "de").language
    'de'
    """

    __slots__ = ("language",)
    language: str

    def __new__(cls, text: str, language: str) -> Self:
        """Make it."""
        made = super().__new__(cls, text)
        made.language = language
        return made


def language_of(text: str) -> str:
    """The language that a text knows, or that it shows.

    Examples
    --------
    >>> language_of(Text("Montag", "de")), language_of("Who is it?")
    ('de', 'en')
    """
    return text.language if isinstance(text, Text) else detect(text)


class Mention(NamedTuple):
    """One mention of an entity in a text.

    Parameters
    ----------
    key : str
        The canonical key: mentions with one key are mentions of one entity.
    name : str
        The surface form, tidied for display.
    label : str
        spaCy's label of a named entity, such as PERSON, ORG or GPE; CONCEPT for a noun phrase.
    sentence : int
        The sentence that holds it, counted from 0 within the text.
    start : int
        Offset of its first character in the text.
    """

    key: str
    name: str
    label: str
    sentence: int
    start: int


def unkinded(mention: Mention) -> Mention:
    """The mention without what kind of thing its name is the name of.

    Examples
    --------
    >>> unkinded(Mention("nagle", "Nagle", "ORG", 0, 0)).label
    'NAME'
    """
    return mention if mention.label in {CONCEPT, NAME} else mention._replace(label=NAME)


@runtime_checkable
class Extractor(Protocol):
    """Finds what a text mentions."""

    @property
    def identity(self) -> str:
        """What wrote a store: method, model and rules, each with its version."""

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """One list of mentions a text, in order of mention.

        Parameters
        ----------
        texts : iterable of str
            Passages; read as they are needed, so that a stream may be endless. Ingestion hands `Text`, which
            knows its language.
        processes : int
            How many processes may share the work, ≥ 1.

        Yields
        ------
        list of Mention
            By offset, no two overlapping; empty where the text mentions nothing.
        """


class Speaker(NamedTuple):
    """Who says a line, as in ``Caroline: Hey Mel!``.

    Parameters
    ----------
    name : str
        The name before the colon.
    start : int
        Offset of the name.
    end : int
        Offset of what is said.
    """

    name: str
    start: int
    end: int


def speakers(text: str) -> list[Speaker]:
    r"""The speakers of a dialogue: one to three capitalised words and a colon, at the start of a line.

    Parameters
    ----------
    text : str
        Any text; without such lines there are none.

    Returns
    -------
    list of Speaker
        In order of offset.

    Examples
    --------
    >>> speakers("Caroline: Hey Mel!\nNote: a heading is no speaker")
    [Speaker(name='Caroline', start=0, end=10)]
    """
    return [
        Speaker(found["name"], found.start("name"), found.end())
        for found in _SPEAKER.finditer(text)
        if all(word[0].isupper() for word in found["name"].split())
        and canonical(found["name"]) not in NOT_SPEAKERS
        and not _is_term(found["name"])
    ]


def _is_term(name: str) -> bool:
    """Whether more than half of several words are common ones: what a list defines, not who speaks."""
    words = name.split()
    return len(words) > 1 and 2 * sum(map(is_generic, words)) > len(words)


def mention(surface: str, label: str, sentence: int, start: int, *, key: str | None = None) -> Mention | None:
    """A mention of a piece of text, tidied; None where it names nothing.

    Parameters
    ----------
    surface : str
        The piece as it stands in the text.
    label : str
        The mention's label.
    sentence, start : int
        The piece's sentence and offset.
    key : str, optional
        What to make the key of, where it is not the piece itself.

    Returns
    -------
    Mention or None
        None where no letter is left (numbers, punctuation), a single letter, or more than `MAX_NAME`, and
        where it is markup, code or an address (`broken`). What stands behind a bracket that does not close is
        cut off.

    Examples
    --------
    >>> mention("the Support Groups", "CONCEPT", 0, 7, key="support group")
    Mention(key='support group', name='Support Groups', label='CONCEPT', sentence=0, start=11)
    >>> mention("42", "CONCEPT", 0, 7)
    """
    if len(surface) > 2 * MAX_NAME:  # not worth folding, and no entry in the cache
        return None
    surface, key = whole(surface), None if key is None else whole(key)
    name, folded = tidy(surface), canonical(surface if key is None else key)
    if not 1 < len(folded) <= MAX_NAME or not name or not any(map(str.isalpha, folded)) or is_broken(name):
        return None
    return Mention(folded, name, label, sentence, start + bounds(surface)[0])


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, each by one character, so that offsets hold.

    Examples
    --------
    >>> encodable("a" + chr(0xD800)) == "a" + chr(0xFFFD)
    True
    """
    return _SURROGATES.sub("\ufffd", text)
