"""Entities as columns, and the rows at which they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
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

    @classmethod
    def gather(cls, tables: Iterable[pa.Table]) -> Nodes:
        """The entities of tables with the columns id, mentions and headings.

        Examples
        --------
        >>> import pyarrow as pa
        >>> Nodes.gather([pa.table({"id": [7, 3, 7], "mentions": [2, 1, 2], "headings": [0, 0, 0]})]).id
        array([3, 7])
        """
        columns = [
            np.concatenate([table[name].to_numpy() for table in tables])
            for name in ("id", "mentions", "headings")
        ]
        ids, first = np.unique(columns[0], return_index=True)
        return cls(ids, columns[1][first], columns[2][first])
