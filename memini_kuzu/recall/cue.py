"""Reading a cue: its words, the entities and dates that it names, and what these select."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.text.analysis import MARKS, STOP_WORDS, cue_terms, own_language, word_terms
from memini_kuzu.text.dates import named_intervals
from memini_kuzu.text.languages import ENGLISH, UNSPACED, function_words, unspaced_character
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from memini_kuzu.recall.candidates import Candidates
    from memini_kuzu.store.lookup import Lookup, NamedEntity
    from memini_kuzu.text.intervals import Interval

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["AFTERGLOW", "Cue", "Facet", "find_entities", "read_cue"]

AFTERGLOW = 5 * DAY
"""Half-life of a date's facet after its interval: what happened is often told some days later."""

FADED = 4 * AFTERGLOW
"""How long after its interval a date is looked for: a sixteenth is left of it then."""

GRAM = 8
"""Words of the longest name that is looked for in a cue."""

SHORTEST_TYPO = 4
"""Letters below which one edit makes another word."""

LONG_NAME = 8
"""Letters from which two edits are forgiven."""

WORD = re.compile(rf"[\w{MARKS}'’&.+#-]+")


@cache
def _part() -> re.Pattern[str]:
    """What a name may begin or end with: a word, or a character where there are no blanks between words."""
    return re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])[\w{MARKS}'’&.+#-])+")


def _is_unspaced(word: str) -> bool:
    """Whether a word is of a script without blanks between words: by its first character."""
    return not word.isascii() and unspaced_character().match(word) is not None


@dataclass(frozen=True, slots=True)
class Facet:
    """Something named in the cue that selects passages: counts like one more word.

    Parameters
    ----------
    kind, name : str
        What it is, and which.
    mass : float
        What it is worth: ln(1 + N / selected).
    heading : int or None
        Selects the passages that this entity heads.
    members : int64 (n,)
        Or else these passages, ascending.
    shares : float64 (n,)
        How well each of these is selected, from 0 to 1.
    """

    kind: str
    name: str
    mass: float
    heading: int | None
    members: Ints
    shares: Floats

    def share(self, passages: Candidates) -> Floats:
        """From 0 to 1 for each candidate: float64 (n_passages,)."""
        if self.heading is not None:
            headed: Floats = (passages.heading == self.heading).astype(np.float64)
            return headed
        share: Floats = np.zeros(len(passages.id))
        if len(self.members):
            place = np.minimum(np.searchsorted(self.members, passages.id), len(self.members) - 1)
            selected = self.members[place] == passages.id
            share[selected] = self.shares[place[selected]]
        return share


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue as the store understands it.

    Parameters
    ----------
    text : str
        As it was put.
    words : tuple of str
        Analysed; those that some passage holds.
    said : tuple of str
        How the cue, or a name of an entity that it means, says each of them; in lower case.
    idf : float64 (n_words,)
        ln(1 + (N - n + ½) / (n + ½)), times how often the cue says the word.
    named : dict of int to NamedEntity
        The entities that it names, by id.
    facets : tuple of Facet
        The headings and dates that it names.
    until : int
        The time that it asks about, in milliseconds since 1970: the end of the latest date that it names, but
        no later than when it is put.
    """

    text: str
    words: tuple[str, ...]
    said: tuple[str, ...]
    idf: Floats
    named: dict[int, NamedEntity]
    facets: tuple[Facet, ...]
    until: int


def read_cue(lookup: Lookup, text: str, *, without: frozenset[str]) -> Cue:
    """Understand a cue.

    Parameters
    ----------
    lookup : Lookup
        Where.
    text : str
        The cue.
    without : frozenset of str
        Parts of `switches.PARTS` to leave out.

    Returns
    -------
    Cue
        Its words, entities and facets.
    """
    now, sums = lookup.now, lookup.sums
    passages, languages = sums.passages, frozenset(sums.languages)
    own = own_language(text, languages)

    def analysed(said: str) -> Iterator[str]:
        return itertools.chain.from_iterable(word_terms(said, languages, own))

    named = find_entities(lookup, text, own)
    counts = cue_terms(text, languages, own)
    frequency = lookup.frequencies(list(counts))
    unknown = {word for word in counts if not frequency[word]}
    if unknown:
        named.update(_mistyped(lookup, text, unknown, languages))
    # whatever name of an entity the cue says, passages may say another: what it was renamed from, an alias
    names = [*(entity.key for entity in named.values()), *lookup.aliases_of(list(named))]
    extra = sorted({word for name in names for word in analysed(name)} - set(counts))
    if extra:
        frequency |= lookup.frequencies(extra)
        counts.update(extra)
    words = tuple(word for word in counts if frequency[word])
    times = np.array([counts[word] for word in words], dtype=np.float64)
    df = np.array([frequency[word] for word in words], dtype=np.float64)
    facets: list[Facet] = []
    if "headings" not in without:
        facets.extend(
            Facet("heading", entity.name, math.log1p(passages / entity.headings), entity.id, *_NOBODY)
            for entity in named.values()
            if entity.headings
        )
    intervals = [] if "dates" in without else named_intervals(text, now, languages=languages, own=own)
    facets.extend(_date_facet(lookup, intervals))
    # a writer may have added passages since they were counted
    idf: Floats = times * np.log1p((np.maximum(passages - df, 0) + 0.5) / (df + 0.5))
    said: dict[str, str] = {}
    for word in WORD.findall(" ".join([text, *names])):
        for term in analysed(word):
            said.setdefault(term, term if _is_unspaced(term) else word.lower())
    until = min(now, max((interval.end - 1 for interval in intervals), default=now))
    return Cue(text, words, tuple(said.get(word, word) for word in words), idf, named, tuple(facets), until)


_NOBODY = np.zeros(0, dtype=np.int64), np.zeros(0)


def _date_facet(lookup: Lookup, intervals: list[Interval]) -> Iterator[Facet]:
    found: list[tuple[Ints, Floats]] = []
    for interval in intervals:
        ids, times = lookup.dated(interval.start, interval.end + FADED)
        if len(ids):
            found.append((ids, 0.5 ** (np.maximum(times - interval.end, 0) / AFTERGLOW)))
    if not found:
        return
    ids, shares = (np.concatenate(values) for values in zip(*found, strict=True))
    # of a passage that several intervals select, the best
    order = np.lexsort((-shares, ids))
    ids, shares = ids[order], shares[order]
    best = np.append(True, ids[1:] != ids[:-1])
    ids, shares = ids[best], shares[best]
    yield Facet("date", "date", math.log1p(lookup.sums.passages / shares.sum()), None, ids, shares)


def find_entities(lookup: Lookup, text: str, own: str = ENGLISH) -> dict[int, NamedEntity]:
    """The entities that a text names, by their names or aliases: longest first, none inside another.

    Parameters
    ----------
    lookup : Lookup
        Where.
    text : str
        A cue.
    own : str
        Its language.

    Returns
    -------
    dict of int to NamedEntity
        By id, in order of the text.
    """
    places = list((WORD if text.isascii() else _part()).finditer(text))
    words = [place[0] for place in places]
    # a name begins and ends with a word of its own: "Of Mice and Men", but not "of Anna and"
    stop = STOP_WORDS if own == ENGLISH else STOP_WORDS | function_words(own)
    telling = [word not in stop for word in words]
    # what was written without blanks stays so
    blank = [_is_unspaced(word) for word in words]
    parts = [
        word if bare and after else f"{word} "
        for word, bare, after in zip(words, blank, [*blank, False][1:], strict=True)
    ]

    def written(start: int, end: int) -> Iterator[str]:
        # one of two that were told apart is called "Ada (ship)", which is not all that "Ada" means
        own = text[places[start].start() : places[end - 1].end()]
        if "(" in own or "（" in own:
            yield own
        yield "".join(parts[start:end])

    spans = [
        (start, start + length, key)
        for length in range(min(GRAM, len(words)), 0, -1)
        for start in range(len(words) - length + 1)
        if telling[start] and telling[start + length - 1]
        for said in written(start, start + length)
        if (key := canonical(said)) and key not in stop
    ]
    if not spans:
        return {}
    targets = lookup.aliases([key for *_, key in spans])
    ids = {key: targets.get(key, stable_id(key)) for *_, key in spans}
    there = lookup.entities(sorted(set(ids.values())))
    taken = [False] * len(words)
    found: list[tuple[int, NamedEntity]] = []
    for start, end, key in spans:
        if ids[key] in there and not any(taken[start:end]):
            found.append((start, there[ids[key]]))
            taken[start:end] = [True] * (end - start)
    return {entity.id: entity for _, entity in sorted(found, key=lambda item: item[0])}


def _mistyped(
    lookup: Lookup, text: str, unknown: set[str], languages: frozenset[str]
) -> dict[int, NamedEntity]:
    """Entities whose names are an edit or two from a word of the cue that is unknown in every language."""
    edits: dict[str, int] = {}
    for word in WORD.findall(text):
        key = canonical(word)
        if len(key) < SHORTEST_TYPO or (not key.isascii() and unspaced_character().search(key)):
            continue
        if not any(map(unknown.isdisjoint, word_terms(word, languages, ENGLISH))):
            edits[key] = 1 if len(key) < LONG_NAME else 2
    return lookup.entities_like(edits) if edits else {}
