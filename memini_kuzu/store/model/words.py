"""The words of passages, both ways: which words a passage has, and which passages have a word."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.store.model.rows import Index, filled, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Short = NDArray[np.int32]
    Flags = NDArray[np.bool_]

__all__ = ["Codes", "Counted", "Words", "count_words"]


ENDLESS = np.iinfo(np.int32).max
"""The least length of the passages that have a word that none has."""

BLOCK = 1 << 14
"""About so many words are counted at once: hashing more waits for memory, and takes eight times as long."""

PIECE = 1 << 16
"""So many texts are split at once: each of their words takes some sixty bytes meanwhile."""

NONE = np.zeros(0, dtype=np.int64)

NO_WORD = np.zeros(0, dtype=np.int32)

NAME = 150
"""Bytes that a name takes with its places in a dict and a list."""


class Codes:
    """Numbers of names, given out once and for all: a name that is gone keeps its number."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    @property
    def nbytes(self) -> int:
        """About how many bytes of memory they take."""
        return len(self._names) * NAME

    def give(self, names: Sequence[str]) -> Short:
        """The numbers of these names; new ones get the next.

        Examples
        --------
        >>> Codes().give(["tea", "milk", "tea"])
        array([0, 1, 0], dtype=int32)
        """
        numbers = []
        for name in names:
            number = self._codes.get(name)
            if number is None:
                # first the name: who finds a number finds its name
                self._names.append(name)
                number = self._codes[name] = len(self._names) - 1
            numbers.append(number)
        return np.array(numbers, dtype=np.int32)

    def find(self, names: Sequence[str]) -> Ints:
        """The numbers of these names; -1 for those that have none."""
        codes = self._codes
        return np.array([codes.get(name, -1) for name in names], dtype=np.int64)

    def names(self, codes: NDArray[Any]) -> list[str]:
        """The names of these numbers."""
        names = self._names
        return [names[code] for code in codes.tolist()]


class Counted(NamedTuple):
    """How often texts have words: text by text, and in each in the order in which the words first come.

    Parameters
    ----------
    text : int64 (n,)
        Numbers of the texts, ascending.
    word, tf : int32 (n,)
        Which word, and how often the text has it.
    """

    text: Ints
    word: Short
    tf: Short


def count_words(texts: pa.Array, codes: Codes) -> Counted:
    """Count the words of analysed texts.

    Parameters
    ----------
    texts : pyarrow string array
        Words separated by one space.
    codes : Codes
        Of words; new ones get their numbers.

    Examples
    --------
    >>> count_words(pa.array(["tea green tea", ""]), Codes()).tf
    array([2, 1], dtype=int32)
    """
    pieces = [_counted(texts.slice(at, PIECE), codes) for at in range(0, len(texts), PIECE)]
    return Counted(
        np.concatenate([NONE, *(piece.text + at * PIECE for at, piece in enumerate(pieces))]),
        np.concatenate([NO_WORD, *(piece.word for piece in pieces)]),
        np.concatenate([NO_WORD, *(piece.tf for piece in pieces)]),
    )


def _counted(texts: pa.Array, codes: Codes) -> Counted:
    split = pc.split_pattern(texts, " ")
    flat, text = split.flatten(), pc.list_parent_indices(split)
    # a text without words is split into one empty word
    there = pc.not_equal(flat, "")
    words = flat.filter(there).dictionary_encode()
    text = text.filter(there).to_numpy(zero_copy_only=False).astype(np.int64)
    word = words.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    number = max(len(words.dictionary), 1)
    keys, found, times = text * number + word, [NONE], [NONE]
    # a block is of whole texts
    bounds = [*np.unique(text.searchsorted(text[::BLOCK])).tolist(), len(text)]
    for begin, end in itertools.pairwise(bounds):
        # the dictionary has what comes first first
        counted = pa.array(keys[begin:end]).dictionary_encode()
        found.append(counted.dictionary.to_numpy())
        times.append(np.bincount(counted.indices.to_numpy()))
    text, word = np.divmod(np.concatenate(found), number)
    given = codes.give(words.dictionary.to_pylist())
    return Counted(text, given[word], np.concatenate(times).astype(np.int32))


@dataclass(frozen=True, slots=True)
class Words:
    """One version of the words of passages; see `rows` for what a version is.

    Parameters
    ----------
    n : int
        How many pairs of a passage and a word there are.
    passage, word, tf : int32 (≥ n,)
        Row of the passage, number of the word, and how often the passage has it; those of a passage stand one
        after the other, in the order in which they first come in it.
    index : Index
        Of `word`.
    df : int32 (n_codes,)
        How many passages that have not ended have each word.
    most, shortest : int32 (n_codes,)
        How often a passage has each word at most, and the least length of those that have it, also of such as
        have ended.
    """

    n: int
    passage: Short
    word: Short
    tf: Short
    index: Index
    df: Short
    most: Short
    shortest: Short

    @property
    def nbytes(self) -> int:
        """Bytes of memory, without those of the words themselves."""
        used = sum(part[: self.n].nbytes for part in (self.passage, self.word, self.tf))
        return used + self.index.nbytes + sum(part.nbytes for part in (self.df, self.most, self.shortest))

    @classmethod
    def none(cls) -> Words:
        """No words."""
        none = np.zeros(0, dtype=np.int32)
        return cls(0, none, none, none, Index(), none, none, none)

    def plus(self, passage: Ints, word: Short, tf: Short, length: Short, n_codes: int) -> Words:
        """With the words of more passages.

        Parameters
        ----------
        passage : int64 (k,)
            Rows of the passages, ascending.
        word, tf : int32 (k,)
            As in `Words`.
        length : int32 (k,)
            Terms of the passage.
        n_codes : int
            How many words have numbers.
        """
        # copies: the earlier version keeps its own
        df, most, shortest = (
            np.concatenate([part, np.full(n_codes - len(part), none, dtype=np.int32)])
            for part, none in ((self.df, 0), (self.most, 0), (self.shortest, ENDLESS))
        )
        np.add.at(df, word, 1)
        np.maximum.at(most, word, tf)
        np.minimum.at(shortest, word, length)
        return Words(
            self.n + len(word),
            filled(self.passage, self.n, passage.astype(np.int32)),
            filled(self.word, self.n, word),
            filled(self.tf, self.n, tf),
            self.index.added(word, self.n),
            df,
            most,
            shortest,
        )

    def without(self, begin: Ints, number: Ints) -> Words:
        """Without the words of passages that end.

        Parameters
        ----------
        begin, number : int64 (k,)
            Where the words of each begin, and how many there are.
        """
        # a copy: the earlier version keeps its own
        df = self.df.copy()
        np.subtract.at(df, self.word[spans(begin, number)], 1)
        return replace(self, df=df)

    def frequency(self, codes: Ints) -> Ints:
        """How many passages have each of these words; 0 where the number is -1 or of a later version."""
        known = (codes >= 0) & (codes < len(self.df))
        return (
            np.where(known, self.df[np.where(known, codes, 0)], 0).astype(np.int64)
            if len(self.df)
            else (np.zeros(len(codes), dtype=np.int64))
        )
