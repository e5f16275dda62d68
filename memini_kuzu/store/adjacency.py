"""All associations in memory, by source, so that recall need not query the file for them.

A hop over the file scans the entities' ids: 80 ms among a million. In memory it takes half a millisecond in a
store of any size, once all associations have been read. They are a cache that pays only where many recalls
come between two writes; `Store.adjacency` decides when to fill it.
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

# by offset and not by id: Kùzu would look up the ids of source and target edge by edge
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
        How many passages mention each entity, and how many it heads.
    start : int64 (n + 1,)
        Associations of the i-th entity as source are rows ``start[i]`` up to ``start[i + 1]`` of the columns
        below.
    target : int32 (m,)
        Position of the target in `id`.
    fast, slow : float64 (m,)
        The two variables at `as_of`.
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

    def outgoing(self, entities: Sequence[int], now: int, parameters: Parameters) -> pa.Table:
        """The associations with these entities as source; the table of `reading.associations_from`.

        Parameters
        ----------
        entities : sequence of int
            Ids; unknown ids have no associations.
        now : int
            The time of the strengths, in milliseconds since 1970.
        parameters : Parameters
            The store's.

        Returns
        -------
        pyarrow.Table
            source, the target's id, mentions and headings, strength (w_f now), latest and began.
        """
        wanted = np.unique(np.asarray(entities, dtype=np.int64))
        position = np.searchsorted(self.id, wanted)
        known = position < len(self.id)
        known[known] = self.id[position[known]] == wanted[known]
        row = position[known]
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
        Executes a query; both scans must see the same state of the store.

    Returns
    -------
    Adjacency
        50 bytes an association, and 32 an entity.
    """
    entities = read(READ_ENTITIES)
    offset, identity = column(entities, "place"), column(entities, "id")
    order = np.argsort(identity)
    row_of_offset = np.zeros(int(offset.max(initial=-1)) + 1, dtype=np.int32)
    row_of_offset[offset[order]] = np.arange(len(order), dtype=np.int32)
    edges = read(READ_ASSOCIATIONS)
    source = row_of_offset[column(edges, "source")]
    by_source = np.argsort(source, kind="stable")
    start = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=len(order)), out=start[1:])
    return Adjacency(
        identity[order],
        column(entities, "mentions")[order],
        column(entities, "headings")[order],
        start,
        row_of_offset[column(edges, "target")][by_source],
        *(column(edges, name)[by_source] for name in ("fast", "slow", "as_of", "latest", "began")),
    )


@dataclass(slots=True)
class HopCost:
    """The time spent on hops over the file since the last commit, and the associations once cached.

    Parameters
    ----------
    state : int
        The state of the file, as `Engine.snapshot` numbers them.
    seconds : float
        Time spent on hops.
    edges : int or None
        The number of associations, once counted.
    adjacency : Adjacency or None
        All associations, once read.
    """

    state: int
    seconds: float = 0.0
    edges: int | None = None
    adjacency: Adjacency | None = None
