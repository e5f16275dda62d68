"""Reading the model from the file, and what that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.config import Parameters
from memini_kuzu.store.change import Part
from memini_kuzu.store.engine import give_back
from memini_kuzu.store.model.following import gather
from memini_kuzu.store.model.steps import model_of
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from memini_kuzu.store.model.state import Model
    from memini_kuzu.store.sums import Sums

__all__ = ["Cost", "estimate", "read_model"]

COUNT = {
    "entities": "MATCH (e:Entity) RETURN count(*) AS n",
    "mentions": "MATCH (:Passage)-[m:MENTIONS]->(:Entity) RETURN count(*) AS n",
    "associations": "MATCH (:Entity)-[a:ASSOCIATES]->(:Entity) RETURN count(*) AS n",
}

BYTES = {"passages": 210, "words": 32, "entities": 180, "mentions": 50, "associations": 80}
"""Memory that one of each takes; a word with its part of a text."""

SECONDS = {"passages": 4e-6, "words": 3e-7, "entities": 2.5e-6, "mentions": 5e-7, "associations": 7e-7}
"""Time that reading one of each takes."""

FIXED = 0.02
"""Seconds that reading the model takes at least."""

LARGE = 32 << 20
"""Bytes of memory from which it is given back at once: that takes milliseconds, and longer where what comes
next needs it again."""

# relationships by offset and not by id: Kùzu would look up the ids of both ends row by row
READ = {
    "Passage": """
MATCH (p:Passage)
RETURN offset(id(p)) AS offset, p.id AS id, p.source AS source, p.position AS position, p.time AS time,
    p.document AS document, p.heading AS heading, p.words AS words, p.record AS record, p.title AS title,
    p.text AS text, p.terms AS terms, p.language AS language
""",
    "Entity": """
MATCH (e:Entity)
RETURN offset(id(e)) AS offset, e.id AS id, e.mentions AS mentions, e.headings AS headings,
    e.first_seen AS first_seen, e.last_seen AS last_seen, e.label AS label, e.key AS key, e.name AS name,
    coalesce(e.votes, '{}') AS votes
""",
    "MENTIONS": """
MATCH (p:Passage)-[:MENTIONS]->(e:Entity)
RETURN offset(id(p)) AS passage, offset(id(e)) AS entity
""",
    "ASSOCIATES": """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
RETURN offset(id(a)) AS source, offset(id(b)) AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of,
    e.events AS events, e.first_seen AS first_seen, e.last_seen AS last_seen
""",
    "Alias": "MATCH (a:Alias) RETURN a.key AS key, a.entity AS entity",
    "Document": "MATCH (d:Document) RETURN d.id AS id",
    "Source": "MATCH (s:Source) RETURN s.name AS name, s.passages AS passages",
    "Split": "MATCH (s:Split) RETURN s.id AS id, s.source AS source, s.entity AS entity, s.key AS key, "
    "s.name AS name",
    "Dropped": "MATCH (d:Dropped) RETURN d.key AS key, d.entity AS entity",
    "MeminiMeta": "MATCH (m:MeminiMeta) RETURN m.key AS key, m.value AS value",
}
"""Nodes before the relationships that join them."""

ENDS = {"MENTIONS": ("Passage", "Entity"), "ASSOCIATES": ("Entity", "Entity")}
"""What relationships join, by the order of their columns."""


class Cost(NamedTuple):
    """What holding the model takes.

    Parameters
    ----------
    seconds : float
        To read it.
    bytes : float
        Of memory.
    """

    seconds: float
    bytes: float


def estimate(read: Callable[[str], pa.Table], sums: Sums) -> Cost:
    """What holding the model of a store would take, by the number of what is in it.

    Parameters
    ----------
    read : callable
        Executes a query.
    sums : Sums
        Of all its passages.
    """
    counts = {name: int(read(query)["n"][0].as_py()) for name, query in COUNT.items()}
    counts |= {"passages": sums.passages, "words": sums.words}
    return Cost(
        FIXED + sum(counts[name] * each for name, each in SECONDS.items()),
        sum(counts[name] * each for name, each in BYTES.items()),
    )


def read_model(read: Callable[[str], pa.Table]) -> Model:
    """Read the model.

    Parameters
    ----------
    read : callable
        Executes a query; all must see the same state of the store.
    """
    model = model_of(_parts(read))
    gather(model, Parameters.from_json(model.meta["parameters"]))
    if model.nbytes > LARGE:
        give_back()
    return model


def _parts(read: Callable[[str], pa.Table]) -> Iterator[Part]:
    """The tables that have rows, one after the other: none is held here while the next one is read."""
    ids: dict[str, NDArray[np.int64]] = {}
    for name, query in READ.items():
        table = read(query)
        if not table.num_rows:
            continue
        if "offset" in table.column_names:
            ids[name] = _by_offset(table)
        for place, end in enumerate(ENDS.get(name, ())):
            table = _identified(table, place, ids[end])
        part, size = Part("create", name, table), table.nbytes
        del table
        yield part
        del part
        if size > LARGE:
            give_back()


def _by_offset(nodes: pa.Table) -> NDArray[np.int64]:
    """The ids of nodes, by their offsets."""
    offset = column(nodes, "offset")
    ids = np.zeros(int(offset.max()) + 1, dtype=np.int64)
    ids[offset] = column(nodes, "id")
    return ids


def _identified(table: pa.Table, place: int, ids: NDArray[np.int64]) -> pa.Table:
    """Relationships with the ids of nodes in the place of their offsets."""
    name = table.column_names[place]
    return table.set_column(place, name, pa.array(ids[column(table, name)]))
