"""All associations in memory, by source: what recall asks of them, without going through the file.

A hop over the file scans the entities' ids, which takes longer the more there are: 80 ms among a million.
In memory it takes half a millisecond in a store of any size, once all associations have been read. That is
derived, discardable, and worth its while only where recall is asked often and little is written in between,
so `Store.adjacency` decides when (see there).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics import propagate
from memini_kuzu.tables import column, timestamps
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Adjacency", "read_adjacency"]

READ_ENTITIES = """
MATCH (e:Entity)
RETURN offset(id(e)) AS place, e.id AS id, e.mentions AS mentions, e.headings AS headings
"""

# by place and not by id: the ids of the ends would be looked up edge by edge
READ_ASSOCIATIONS = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
RETURN offset(id(a)) AS source, offset(id(b)) AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of,
    e.last_seen AS latest, e.first_seen AS began
"""


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Associations as compressed sparse rows.

    Parameters
    ----------
    id : int64 (n,)
        The entities, ascending.
    mentions, headings : int64 (n,)
        How many passages mention each, and how many it heads.
    start : int64 (n + 1,)
        Those that lead from the i-th entity are ``start[i]`` up to ``start[i + 1]`` of what follows.
    target : int32 (m,)
        Where in `id` each leads to.
    fast, slow : float64 (m,)
        The two variables as they stood at `as_of`.
    as_of, latest, began : int64 (m,)
        Milliseconds since 1970.
    """

    id: Ints
    mentions: Ints
    headings: Ints
    start: Ints
    target: NDArray[np.int32]
    fast: Floats
    slow: Floats
    as_of: Ints
    latest: Ints
    began: Ints

    def leading_from(self, entities: Sequence[int], now: int, parameters: Parameters) -> pa.Table:
        """The associations that lead from these entities; what `reading.associations_from` gives.

        Parameters
        ----------
        entities : sequence of int
            Ids; those that there are not lead nowhere.
        now : int
            As of when, in milliseconds since 1970.
        parameters : Parameters
            The store's.

        Returns
        -------
        pyarrow.Table
            source, the target's id, mentions and headings, strength (w_f now), latest and began.
        """
        wanted = np.unique(np.asarray(entities, dtype=np.int64))
        place = np.searchsorted(self.id, wanted)
        there = place < len(self.id)
        there[there] = self.id[place[there]] == wanted[there]
        row = place[there]
        count = self.start[row + 1] - self.start[row]
        # the positions start[r], start[r] + 1, … of every row r, one after the other
        edge = np.arange(count.sum()) + np.repeat(self.start[row] - np.cumsum(count) + count, count)
        target = self.target[edge]
        strength, _ = propagate(
            self.fast[edge], self.slow[edge], np.maximum(now - self.as_of[edge], 0) / DAY, parameters
        )
        return pa.table(
            {
                "source": np.repeat(self.id[row], count),
                "id": self.id[target],
                "mentions": self.mentions[target],
                "headings": self.headings[target],
                "strength": strength,
                "latest": timestamps(self.latest[edge]),
                "began": timestamps(self.began[edge]),
            }
        )


def read_adjacency(read: Callable[[str], pa.Table]) -> Adjacency:
    """Read all associations, in two scans.

    Parameters
    ----------
    read : callable
        Runs a reading query; both must see the same state of the store.

    Returns
    -------
    Adjacency
        50 bytes an association, and 32 an entity.
    """
    entities = read(READ_ENTITIES)
    place, identity = column(entities, "place"), column(entities, "id")
    order = np.argsort(identity)
    row_of_place = np.zeros(int(place.max(initial=-1)) + 1, dtype=np.int32)
    row_of_place[place[order]] = np.arange(len(order), dtype=np.int32)
    edges = read(READ_ASSOCIATIONS)
    source = row_of_place[column(edges, "source")]
    along = np.argsort(source, kind="stable")
    start = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=len(order)), out=start[1:])
    return Adjacency(
        identity[order],
        column(entities, "mentions")[order],
        column(entities, "headings")[order],
        start,
        row_of_place[column(edges, "target")][along],
        *(column(edges, name)[along] for name in ("fast", "slow", "as_of", "latest", "began")),
    )
