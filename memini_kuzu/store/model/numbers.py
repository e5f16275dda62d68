"""Small numbers of entities, by which they are counted and sorted without looking up their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.store.model.rows import Index, filled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Short = NDArray[np.int32]

__all__ = ["Numbers"]


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

    def distinct(self, numbers: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
        """Numbers, each once, in the order of their ids; their ids; and where each of the given ones stands.

        Parameters
        ----------
        numbers : int32 (n,)
            Such as were given out.

        Examples
        --------
        >>> numbers = Numbers()
        >>> numbers.distinct(numbers.give(np.array([70, 50, 70])))
        (array([0, 1]), array([50, 70]), array([1, 0, 1]))
        """
        # one state of the index, which holds all of them; a writer may go on
        segments = self._index.segments
        seen = np.zeros(sum(len(segment.rows) for segment in segments), dtype=np.bool_)
        seen[numbers] = True
        parts = [segment.rows[seen[segment.rows]] for segment in segments]
        found = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        ids = self._ids[found]
        # each segment is in order, so that few have to be moved
        order = np.argsort(ids, kind="stable")
        found, ids = found[order], ids[order]
        place = np.zeros(len(seen), dtype=np.int64)
        place[found] = np.arange(len(found))
        return found, ids, place[numbers]
