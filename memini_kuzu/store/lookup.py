"""What recall looks up, whether in the file or in memory.

A lookup is of one state of a store, as it was seen at one time. All kinds of it give the same, to the last
bit: they read the same numbers, and compute from them by the same functions, in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from memini_kuzu.tables import kth_greatest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.outgoing import Outgoing
    from memini_kuzu.store.sums import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "K1",
    "NO_HEADING",
    "B",
    "Links",
    "Lookup",
    "Mentions",
    "Name",
    "NamedEntity",
    "Passages",
    "Said",
    "Shown",
    "best_scored",
    "rarity",
    "weighed",
]

K1, B = 1.2, 0.75
"""BM25: how fast the repetition of a word ceases to tell, and how much the length of a passage counts."""

NO_HEADING = 0
"""Stands for a passage without a heading; the hash of a name is 0 once in 2⁶⁴."""


class NamedEntity(NamedTuple):
    """An entity that a cue names.

    Parameters
    ----------
    id : int
        Its id.
    key, name, label : str
        As the store has it.
    mentions, headings : int
        How many passages mention it, and how many it heads.
    """

    id: int
    key: str
    name: str
    label: str
    mentions: int
    headings: int


class Name(NamedTuple):
    """The name and label of an entity."""

    name: str
    label: str


class Shown(NamedTuple):
    """What people see of a passage: its title, its text, and the document that it is of."""

    title: str
    text: str
    document: int


class Passages(NamedTuple):
    """Passages as columns.

    Parameters
    ----------
    id : int64 (n,)
        Their ids.
    episode : int64 (n,)
        Numbers of their sources, which hold within one lookup; -1 for a passage without one.
    position : int64 (n,)
        Where each stands in its source.
    place : int64 (n,)
        Where it stands among those of its source that are seen.
    time : int64 (n,)
        When it was said, in milliseconds since 1970.
    heading : int64 (n,)
        The entity that heads it, or `NO_HEADING`.
    length : int64 (n,)
        How many terms it has.
    tf : int64 (n, n_words)
        How often it has each of the words that were asked for.
    """

    id: Ints
    episode: Ints
    position: Ints
    place: Ints
    time: Ints
    heading: Ints
    length: Ints
    tf: Ints


class Said(NamedTuple):
    """The words of passages.

    Parameters
    ----------
    passage, word : int64 (n,)
        Which of the passages has which of the words; the same pair may come several times.
    df : int64 (n_words,)
        In how many passages of the store each word occurs. The words are numbered as they come first.
    """

    passage: Ints
    word: Ints
    df: Ints


class Mentions(NamedTuple):
    """What passages mention: int64 (n,) each; the passage, and the entity with its counts."""

    passage: Ints
    id: Ints
    mentions: Ints
    headings: Ints


class Links(NamedTuple):
    """Which passages mention entities: int64 (n,) each; `heading` is the entity that heads the passage."""

    entity: Ints
    passage: Ints
    heading: Ints


class Lookup(Protocol):
    """What recall looks up.

    Attributes
    ----------
    now : int
        The time of the question in milliseconds since 1970.
    parameters : Parameters
        The store's.
    sums : Sums
        Of all passages that are seen.
    """

    now: int
    parameters: Parameters
    sums: Sums

    def aliases(self, keys: Sequence[str]) -> dict[str, int]:
        """Those of these canonical keys that are aliases, and the entities that they resolve to."""
        ...

    def aliases_of(self, ids: Sequence[int]) -> list[str]:
        """The canonical keys of the aliases that resolve to these entities, in their order."""
        ...

    def entities(self, ids: Sequence[int]) -> dict[int, NamedEntity]:
        """The entities of these ids that are seen."""
        ...

    def entities_like(self, edits: Mapping[str, int]) -> dict[int, NamedEntity]:
        """The entity nearest to each of these keys, within so many edits; in the order of the keys."""
        ...

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """In how many passages each analysed term occurs; 0 where in none."""
        ...

    def best(self, words: Sequence[str], top: int) -> Ints:
        """The passages that cover these analysed terms best by BM25, best first, then by id."""
        ...

    def passages(self, ids: Ints, words: Sequence[str]) -> Passages:
        """Those of these passages that are seen, in this order, with how often each has these terms."""
        ...

    def said(self, ids: Ints, cue: Sequence[str]) -> Said:
        """What these passages say beside the words of a cue; they have been looked up by `passages`."""
        ...

    def seen(self, passages: Ints) -> Flags:
        """Which of these passages, none of them later than `now`, are seen: bool (n,)."""
        ...

    def records(self, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """The record and the source of passages that have been looked up by `passages`."""
        ...

    def around(self, ids: Ints, reach: int) -> Ints:
        """What stands up to so many places around these passages in their sources; also unknown ids.

        They have been looked up by `passages`.
        """
        ...

    def dated(self, since: int, before: int) -> tuple[Ints, Ints]:
        """Ids and times of the passages of an interval."""
        ...

    def mentions(self, passages: Ints) -> Mentions:
        """What these passages mention, in any order."""
        ...

    def mentioning(self, entities: Ints) -> Links:
        """The passages that mention these entities, in any order."""
        ...

    def headed(self, entities: Ints) -> Links:
        """The passages that these entities head, in any order."""
        ...

    def associations(self, entities: Ints) -> Outgoing:
        """The associations that lead from these entities, each given once."""
        ...

    def names(self, ids: Sequence[int]) -> dict[int, Name]:
        """Names and labels of these entities."""
        ...

    def texts(self, ids: Sequence[int]) -> dict[int, Shown]:
        """Titles, texts and documents of these passages."""
        ...


def rarity(df: Ints, n: int) -> Floats:
    """What each word is worth by how few passages have it: log₁₀(1 + (n - df + ½) / (df + ½)).

    Parameters
    ----------
    df : int64 (n_words,)
        In how many passages each word occurs.
    n : int
        How many passages there are.
    """
    weight: Floats = np.log10(1 + (n - df + 0.5) / (df + 0.5))
    return weight


def weighed(times: NDArray[Any], length: NDArray[Any], idf: float | Floats, average: float) -> Floats:
    """What a word adds to the scores of passages, less than (k₁ + 1) idf: BM25's saturation by length."""
    scores: Floats = idf * times * (K1 + 1) / (times + K1 * (1 - B + B * length / average))
    return scores


def best_scored(  # noqa: PLR0917 - BM25's own symbols
    row: Sequence[NDArray[Any]],
    tf: Sequence[NDArray[Any]],
    idf: Floats,
    length: NDArray[Any],
    ids: Ints,
    average: float,
    top: int,
) -> tuple[Ints, Floats]:
    """The best passages by BM25.

    The sum over the words of idf (k₁ + 1) tf / (tf + k₁ (1 - b + b length / average)).

    Parameters
    ----------
    row, tf : sequence of int64 (n,)
        For each word, in a fixed order, passages that have it, each once, and how often each does.
    idf : float64 (n_words,)
        Of `rarity`.
    length, ids : int64 (n_rows,)
        Of the passages, by row.
    average : float
        The length of all passages on average.
    top : int
        The largest number of passages.

    Returns
    -------
    id : int64 (≤ top,)
        Best first; of equal ones the lower id.
    score : float64 (≤ top,)
        Their scores.

    Examples
    --------
    >>> best_scored([np.array([1])], [np.array([2])], np.ones(1), np.array([9, 9]), np.array([5, 7]), 9.0, 10)
    (array([7]), array([1.375]))
    """
    score = np.zeros(len(ids))
    for rows, times, worth in zip(row, tf, idf, strict=True):
        # each passage at most once a word: no sum is lost
        score[rows] += weighed(times, length[rows], worth, average)
    found = np.flatnonzero(score > 0)
    if len(found) > top:
        least = kth_greatest(score[found], top)
        found = found[score[found] >= least]
    order = found[np.lexsort((ids[found], -score[found]))][:top]
    return ids[order], score[order]
