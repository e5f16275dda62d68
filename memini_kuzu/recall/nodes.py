"""Entities as columns, and the rows at which they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["Nodes"]


class Nodes(NamedTuple):
    """Entities, each once.

    Parameters
    ----------
    id : int64 (n,)
        Ascending.
    mentions, headings : int64 (n,)
        How many passages mention each, and how many it heads.
    """

    id: Ints
    mentions: Ints
    headings: Ints

    def rows(self, ids: Ints) -> Ints:
        """Where these entities, all of which are here, stand.

        Examples
        --------
        >>> Nodes(np.array([3, 7]), np.zeros(2), np.zeros(2)).rows(np.array([7, 7, 3]))
        array([1, 1, 0])
        """
        return np.searchsorted(self.id, ids)

    def among(self, ids: Ints, rows: Ints) -> NDArray[np.bool_]:
        """Which of these ids are those of some rows.

        Examples
        --------
        >>> Nodes(np.array([3, 7]), np.zeros(2), np.zeros(2)).among(np.array([7, 5, 9, 3]), np.array([1]))
        array([ True, False, False, False])
        """
        if not len(self.id):
            return np.zeros(len(ids), dtype=np.bool_)
        some = np.zeros(len(self.id), dtype=np.bool_)
        some[rows] = True
        place = np.minimum(self.rows(ids), len(self.id) - 1)
        found: NDArray[np.bool_] = some[place] & (self.id[place] == ids)
        return found

    @classmethod
    def gather(cls, id: Ints, mentions: Ints, headings: Ints) -> Nodes:  # noqa: A002
        """The entities of columns in which each may come several times.

        Examples
        --------
        >>> Nodes.gather(np.array([7, 3, 7]), np.array([2, 1, 2]), np.array([0, 0, 0])).mentions
        array([1, 2])
        """
        ids, first = np.unique(id, return_index=True)
        return cls(ids, mentions[first], headings[first])
