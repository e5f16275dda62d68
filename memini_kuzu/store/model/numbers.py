"""Small numbers of entities, by which they are counted and sorted without looking up their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.store.model.rows import Index, filled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store.model.rows import Ranges

    Ints = NDArray[np.int64]
    Short = NDArray[np.int32]

__all__ = ["SHORT", "Numbers", "leading", "pairs", "unpaired"]

SHORT = 32
"""Bits for the number of an entity, where two of them are one key."""


def pairs(sources: NDArray[Any], targets: NDArray[Any]) -> Ints:
    """Two numbers as one, by which pairs are in the order of the first and then of the second.

    Examples
    --------
    >>> pairs(np.array([0, 1]), np.array([5, 0]))
    array([         5, 4294967296])
    """
    keys: Ints = (sources.astype(np.int64) << SHORT) | targets
    return keys


def unpaired(keys: Ints) -> tuple[Ints, Ints]:
    """The numbers of `pairs`.

    Examples
    --------
    >>> unpaired(pairs(np.array([3]), np.array([5])))
    (array([3]), array([5]))
    """
    return keys >> SHORT, keys & ((1 << SHORT) - 1)


def leading(index: Index, sources: NDArray[Any]) -> Ranges:
    """Where an index of `pairs` has the rows that lead from each of these numbers.

    Examples
    --------
    >>> index = Index().added(pairs(np.array([3, 3]), np.array([5, 6])), 0)
    >>> leading(index, np.array([3]))
    [(array([0, 1], dtype=int32), array([0]), array([2]))]
    """
    nobody = np.zeros_like(sources)
    return index.within(pairs(sources, nobody), pairs(sources + 1, nobody))


class Numbers:
    """Numbers of ids, given out once and for all: an id that is gone keeps its number."""

    def __init__(self) -> None:
        self._ids = np.zeros(0, dtype=np.int64)
        self._n = 0
        self._index = Index()

    def __len__(self) -> int:
        return self._n

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take."""
        return self._ids.nbytes + self._index.nbytes

    def give(self, ids: Ints) -> Short:
        """The numbers of these ids; new ones get the next.

        Examples
        --------
        >>> Numbers().give(np.array([70, 50, 70]))
        array([1, 0, 1], dtype=int32)
        """
        known, rows = self._index.find(ids)
        new = np.ones(len(ids), dtype=np.bool_)
        new[known] = False
        if new.any():
            added = np.unique(ids[new])
            # first the ids: who finds a number finds its id
            self._ids = filled(self._ids, self._n, added)
            first, self._n = self._n, self._n + len(added)
            self._index = self._index.added(added, first)
            known, rows = self._index.find(ids)
        found = np.zeros(len(ids), dtype=np.int32)
        found[known] = rows
        return found

    def find(self, ids: Ints) -> Ints:
        """The numbers of these ids; -1 for those that have none.

        Examples
        --------
        >>> numbers = Numbers()
        >>> _ = numbers.give(np.array([70, 50]))
        >>> numbers.find(np.array([70, 60]))
        array([ 1, -1])
        """
        found = np.full(len(ids), -1, dtype=np.int64)
        known, rows = self._index.find(ids)
        found[known] = rows
        return found

    def ids(self, numbers: NDArray[Any]) -> Ints:
        """The ids of numbers that were given out."""
        found: Ints = self._ids[numbers]
        return found
