"""The queries of `forget`: the rows that refer to documents, entities and pairs.

Keys are passed as an Arrow table (``LOAD FROM batch``), so that a query is one hash join for any number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = [
    "Run",
    "headed_by",
    "lone_entities",
    "mentioned_by",
    "passages_beside",
    "read_aliases_of",
    "read_entities",
    "read_incident",
    "read_mentions",
    "read_passages",
    "similar_sources",
]


class Run(Protocol):
    """Executes a query: `Store.read`."""

    def __call__(
        self, query: str, parameters: Mapping[str, Any] | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """The result."""


def _keys(ids: Sequence[int] | Any) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64())})


def read_mentions(run: Run, entities: Any) -> pa.Table:
    """The passages that mention these entities: entity, passage, time."""
    return run(
        """
        LOAD FROM batch
        MATCH (e:Entity {id: id})<-[:MENTIONS]-(p:Passage)
        RETURN e.id AS entity, p.id AS passage, p.time AS time
        """,
        batch=_keys(entities),
    )


def read_passages(run: Run, documents: Any) -> pa.Table:
    """The passages of these documents: id, words."""
    return run(
        "LOAD FROM batch MATCH (p:Passage) WHERE p.document = id RETURN p.id AS id, p.words AS words",
        batch=_keys(documents),
    )


def mentioned_by(run: Run, passages: Any) -> pa.Table:
    """What these passages mention: entity, whether it heads the passage, as 0 or 1, and its label there."""
    return run(
        """
        LOAD FROM batch
        MATCH (p:Passage {id: id})-[m:MENTIONS]->(e:Entity)
        RETURN e.id AS entity, CASE WHEN p.heading = e.id THEN 1 ELSE 0 END AS headed,
            coalesce(m.label, e.label) AS label
        """,
        batch=_keys(passages),
    )


def passages_beside(run: Run, entities: Any) -> int:
    """How many passages mention none of these entities."""
    mentioning = run(
        """
        LOAD FROM batch
        MATCH (e:Entity {id: id})<-[:MENTIONS]-(p:Passage)
        RETURN count(DISTINCT p.id) AS n
        """,
        batch=_keys(entities),
    )
    passages = run("MATCH (p:Passage) RETURN count(*) AS n")
    return int(passages["n"][0].as_py()) - int(mentioning["n"][0].as_py())


def read_incident(run: Run, entities: Any) -> pa.Table:
    """Outgoing and incoming associations of these entities, those between two twice; `EDGE_SCHEMA`."""
    edge = """e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events,
        e.first_seen AS first_seen, e.last_seen AS last_seen"""
    tables = [
        run(
            f"LOAD FROM batch MATCH (a:Entity {{id: id}}){pattern}(b:Entity) RETURN {ends}, {edge}",
            batch=_keys(entities),
        )
        for pattern, ends in (
            ("-[e:ASSOCIATES]->", "a.id AS source, b.id AS target"),
            ("<-[e:ASSOCIATES]-", "b.id AS source, a.id AS target"),
        )
    ]
    return pa.concat_tables(tables)


def read_entities(run: Run, ids: Any) -> pa.Table:
    """The dates of these entities: id, first_seen, last_seen."""
    return run(
        "LOAD FROM batch MATCH (e:Entity {id: id}) "
        "RETURN e.id AS id, e.first_seen AS first_seen, e.last_seen AS last_seen",
        batch=_keys(ids),
    )


def lone_entities(run: Run) -> pa.Table:
    """Entities that no passage mentions and that have no association: id, first_seen, last_seen."""
    return run(
        """
        MATCH (e:Entity)
        WHERE e.mentions = 0 AND NOT EXISTS { MATCH (e)-[:ASSOCIATES]-(:Entity) }
        RETURN e.id AS id, e.first_seen AS first_seen, e.last_seen AS last_seen
        """
    )


def read_aliases_of(run: Run, entities: Any) -> pa.Table:
    """The aliases that resolve to these entities: key."""
    return run(
        "LOAD FROM batch MATCH (a:Alias) WHERE a.entity = id RETURN a.key AS key", batch=_keys(entities)
    )


def similar_sources(run: Run, name: str, top: int) -> list[str]:
    """Names of sources of documents and of loads, the most similar first."""
    table = run(
        """
        MATCH (s:Source) RETURN s.name AS name, levenshtein(lower(s.name), lower($name)) AS edits
        UNION
        MATCH (l:Load) RETURN l.source AS name, levenshtein(lower(l.source), lower($name)) AS edits
        """,
        {"name": name},
    )
    return list(table.sort_by([("edits", "ascending"), ("name", "ascending")])["name"].to_pylist()[:top])


def headed_by(run: Run, entity: int) -> pa.Table:
    """The passages that an entity heads: id."""
    return run("MATCH (p:Passage) WHERE p.heading = $entity RETURN p.id AS id", {"entity": entity})
