"""The queries of `memini alias`: aliases, and the associations and mentions of an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from memini_kuzu.store.store import Store

__all__ = [
    "aliases_to",
    "incident_edges",
    "mentioned_names",
    "mentions_of_entity",
    "merged_aliases",
    "read_alias",
    "read_aliases",
    "read_entity",
]

EDGE = """a.id AS source, b.id AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS
events,
    e.first_seen AS first_seen, e.last_seen AS last_seen"""


def read_aliases(store: Store) -> pa.Table:
    """All aliases: key, name, the entity's id and name, and whether an entity was merged."""
    return store.read(
        """
        MATCH (a:Alias)
        MATCH (e:Entity) WHERE e.id = a.entity
        RETURN a.key AS key, a.name AS name, a.entity AS id, e.name AS entity, a.undo IS NOT NULL AS moved
        ORDER BY key
        """
    )


def read_alias(store: Store, key: str) -> dict[str, Any] | None:
    """One alias: name, entity, undo."""
    rows = store.read(
        "MATCH (a:Alias {key: $key}) RETURN a.name AS name, a.entity AS entity, a.undo AS undo", {"key": key}
    ).to_pylist()
    return rows[0] if rows else None


def merged_aliases(read: Callable[..., pa.Table]) -> list[dict[str, Any]]:
    """The aliases for which an entity was merged: key, name, undo."""
    found: list[dict[str, Any]] = read(
        "MATCH (a:Alias) WHERE a.undo IS NOT NULL RETURN a.key AS key, a.name AS name, a.undo AS undo"
    ).to_pylist()
    return found


def aliases_to(store: Store, entity: int) -> list[str]:
    """Keys of the aliases that resolve to an entity."""
    table = store.read("MATCH (a:Alias) WHERE a.entity = $entity RETURN a.key AS key", {"entity": entity})
    keys: list[str] = table["key"].to_pylist()
    return keys


def read_entity(store: Store, entity: int) -> dict[str, Any] | None:
    """All columns of an entity."""
    rows = store.read(
        """
        MATCH (e:Entity {id: $id})
        RETURN e.id AS id, e.key AS key, e.name AS name, e.label AS label, e.first_seen AS first_seen,
            e.last_seen AS last_seen, e.mentions AS mentions, e.headings AS headings, e.votes AS votes
        """,
        {"id": entity},
    ).to_pylist()
    return rows[0] if rows else None


def incident_edges(store: Store, entity: int) -> list[pa.Table]:
    """The outgoing and the incoming associations of an entity; `tables.EDGE_SCHEMA`."""
    return [
        store.read(f"MATCH {pattern} RETURN {EDGE}", {"id": entity})
        for pattern in (
            "(a:Entity {id: $id})-[e:ASSOCIATES]->(b:Entity)",
            "(a:Entity)-[e:ASSOCIATES]->(b:Entity {id: $id})",
        )
    ]


def mentions_of_entity(store: Store, entity: int) -> pa.Table:
    """The passages that mention an entity: id, count, label, heading, text and title."""
    return store.read(
        """
        MATCH (:Entity {id: $id})<-[m:MENTIONS]-(p:Passage)
        RETURN p.id AS passage, m.count AS count, m.label AS label, p.heading AS heading, p.text AS text,
            p.title AS title
        """,
        {"id": entity},
    )


def mentioned_names(store: Store) -> pa.Table:
    """Id, key, name and mentions of all entities, the most mentioned first."""
    return store.read(
        """
        MATCH (e:Entity)
        RETURN e.id AS id, e.key AS key, e.name AS name, e.mentions AS mentions
        ORDER BY mentions DESC, key
        """
    )
