"""The statements of `memini alias`: names that stand for an entity, and moving what another one holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memini_kuzu.store.writing import replace_documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from memini_kuzu.store.engine import Transaction
    from memini_kuzu.store.store import Store

__all__ = [
    "aliases_to",
    "create_alias",
    "create_entity",
    "delete_alias",
    "delete_entity",
    "existing",
    "incident_edges",
    "ledgers_with",
    "mentioned_names",
    "mentions_of_entity",
    "merged_aliases",
    "read_alias",
    "read_aliases",
    "read_entity",
    "redirect",
    "write_counts",
    "write_ledgers",
    "write_mentions",
]

EDGE = """a.id AS source, b.id AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS
events,
    e.first_seen AS first_seen, e.last_seen AS last_seen"""

ENTITY = "id: $id, key: $key, name: $name, label: $label, first_seen: $first_seen, last_seen: $last_seen"


def read_aliases(store: Store) -> pa.Table:
    """All aliases: key, name, the entity's id and name, and whether an entity was moved."""
    return store.read(
        """
        MATCH (a:Alias)
        MATCH (e:Entity) WHERE e.id = a.entity
        RETURN a.key AS key, a.name AS name, a.entity AS id, e.name AS entity, a.undo IS NOT NULL AS moved
        ORDER BY key
        """
    )


def read_alias(transaction: Transaction, key: str) -> dict[str, Any] | None:
    """One alias: name, entity, undo."""
    rows = transaction.run(
        "MATCH (a:Alias {key: $key}) RETURN a.name AS name, a.entity AS entity, a.undo AS undo", {"key": key}
    ).to_pylist()
    return rows[0] if rows else None


def merged_aliases(transaction: Transaction) -> list[dict[str, Any]]:
    """The aliases for which an entity was moved: key, name, undo."""
    found: list[dict[str, Any]] = transaction.run(
        "MATCH (a:Alias) WHERE a.undo IS NOT NULL RETURN a.key AS key, a.name AS name, a.undo AS undo"
    ).to_pylist()
    return found


def create_alias(transaction: Transaction, key: str, name: str, entity: int, undo: str | None) -> None:
    """Let a name resolve to an entity."""
    transaction.run(
        "CREATE (:Alias {key: $key, name: $name, entity: $entity})",
        {"key": key, "name": name, "entity": entity},
    )
    if undo is not None:
        transaction.run("MATCH (a:Alias {key: $key}) SET a.undo = $undo", {"key": key, "undo": undo})


def delete_alias(transaction: Transaction, key: str) -> None:
    """Let a name stand for itself again."""
    transaction.run("MATCH (a:Alias {key: $key}) DELETE a", {"key": key})


def redirect(transaction: Transaction, keys: Sequence[str], entity: int) -> None:
    """Let these aliases resolve to another entity."""
    for key in keys:
        transaction.run("MATCH (a:Alias {key: $key}) SET a.entity = $entity", {"key": key, "entity": entity})


def aliases_to(transaction: Transaction, entity: int) -> list[str]:
    """Keys of the aliases that resolve to an entity."""
    table = transaction.run(
        "MATCH (a:Alias) WHERE a.entity = $entity RETURN a.key AS key", {"entity": entity}
    )
    keys: list[str] = table["key"].to_pylist()
    return keys


def read_entity(transaction: Transaction, entity: int) -> dict[str, Any] | None:
    """All columns of an entity."""
    rows = transaction.run(
        """
        MATCH (e:Entity {id: $id})
        RETURN e.id AS id, e.key AS key, e.name AS name, e.label AS label, e.first_seen AS first_seen,
            e.last_seen AS last_seen, e.mentions AS mentions, e.headings AS headings
        """,
        {"id": entity},
    ).to_pylist()
    return rows[0] if rows else None


def create_entity(transaction: Transaction, entity: Mapping[str, Any]) -> None:
    """Make an entity that nothing mentions yet."""
    transaction.run(f"CREATE (:Entity {{{ENTITY}, mentions: 0, headings: 0}})", entity)


def delete_entity(transaction: Transaction, entity: int) -> None:
    """Delete an entity with all that leads to and from it."""
    transaction.run("MATCH (e:Entity {id: $id}) DETACH DELETE e", {"id": entity})


def write_counts(transaction: Transaction, entity: int, first_seen: Any, last_seen: Any) -> None:
    """Set an entity's dates, and count its mentions and headings anew."""
    transaction.run(
        "MATCH (e:Entity {id: $id}) SET e.first_seen = $first_seen, e.last_seen = $last_seen",
        {"id": entity, "first_seen": first_seen, "last_seen": last_seen},
    )
    mentioned = mentions_of_entity(transaction, entity)
    transaction.run(
        "MATCH (e:Entity {id: $id}) SET e.mentions = $mentions, e.headings = $headings",
        {
            "id": entity,
            "mentions": mentioned.num_rows,
            "headings": sum(heading == entity for heading in mentioned["heading"].to_pylist()),
        },
    )


def incident_edges(transaction: Transaction, entity: int) -> list[pa.Table]:
    """The associations that lead from an entity, and to it; `tables.EDGE_SCHEMA`."""
    return [
        transaction.run(f"MATCH {pattern} RETURN {EDGE}", {"id": entity})
        for pattern in (
            "(a:Entity {id: $id})-[e:ASSOCIATES]->(b:Entity)",
            "(a:Entity)-[e:ASSOCIATES]->(b:Entity {id: $id})",
        )
    ]


def mentions_of_entity(transaction: Transaction, entity: int) -> pa.Table:
    """The passages that mention an entity: id, count, and what heads and tells them apart."""
    return transaction.run(
        """
        MATCH (:Entity {id: $id})<-[m:MENTIONS]-(p:Passage)
        RETURN p.id AS passage, m.count AS count, p.heading AS heading, p.text AS text, p.title AS title
        """,
        {"id": entity},
    )


def write_mentions(transaction: Transaction, entity: int, counts: pa.Table, headed: pa.Table) -> None:
    """Set how often passages mention an entity (passage, count; 0 deletes), and which (passage) it heads."""
    parameters = {"entity": entity}
    if not counts.num_rows:
        return
    transaction.run(
        """
        LOAD FROM batch
        MATCH (p:Passage {id: passage})
        MATCH (e:Entity {id: $entity})
        MERGE (p)-[m:MENTIONS]->(e)
        ON CREATE SET m.count = count
        ON MATCH SET m.count = count
        """,
        parameters,
        counts,
    )
    transaction.run(
        "MATCH (p:Passage)-[m:MENTIONS]->(:Entity {id: $entity}) WHERE m.count = 0 DELETE m", parameters
    )
    if headed.num_rows:
        transaction.run(
            "LOAD FROM batch MATCH (p:Passage {id: passage}) SET p.heading = $entity", parameters, headed
        )


def ledgers_with(transaction: Transaction, entity: int, documents: Sequence[int]) -> pa.Table:
    """The ledgers in which an entity stands, and those of these documents: id and four lists."""
    return transaction.run(
        """
        MATCH (d:Document)
        WHERE list_contains(d.event_source, $entity) OR list_contains(d.event_target, $entity)
            OR d.id IN $documents
        RETURN d.id AS id, d.event_source AS event_source, d.event_target AS event_target,
            d.event_amount AS event_amount, d.event_time AS event_time
        """,
        # Kùzu takes no empty list; an entity's id is no document's
        {"entity": entity, "documents": list(documents) or [entity]},
    )


def existing(transaction: Transaction, entities: Sequence[int]) -> list[int]:
    """Which of these entities there are."""
    if not entities:
        return []
    table = transaction.run("MATCH (e:Entity) WHERE e.id IN $ids RETURN e.id AS id", {"ids": list(entities)})
    ids: list[int] = table["id"].to_pylist()
    return ids


def write_ledgers(transaction: Transaction, ledgers: pa.Table) -> None:
    """Put other events into documents; columns as of `ledgers_with`.

    The documents are written anew: a list that is SET beside new rows reaches those (see `writing`).
    """
    if not ledgers.num_rows:
        return
    ids = ledgers["id"].to_pylist()
    rest = transaction.run(
        """
        MATCH (d:Document) WHERE d.id IN $ids
        RETURN d.id AS id, d.source AS source, d.record AS record, d.title AS title, d.time AS time,
            d.digest AS digest, d.versions AS versions, d.positions AS positions
        """,
        {"ids": ids},
    )
    row = {identity: number for number, identity in enumerate(ids)}
    events = ledgers.take([row[identity] for identity in rest["id"].to_pylist()])
    for name in ("event_source", "event_target", "event_amount", "event_time"):
        rest = rest.append_column(name, events[name])
    replace_documents(transaction, ids, rest)


def mentioned_names(store: Store) -> pa.Table:
    """Key, name, label and mentions of all entities, those mentioned most first."""
    return store.read(
        """
        MATCH (e:Entity)
        RETURN e.key AS key, e.name AS name, e.label AS label, e.mentions AS mentions
        ORDER BY mentions DESC, key
        """
    )
