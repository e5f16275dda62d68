"""The statements of `forget`: what refers to documents, entities and pairs, and taking it away.

Keys come as an Arrow table, ``LOAD FROM batch``: one hash join however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from memini_kuzu.store.writing import (
    LOWER_MENTIONS,
    READ_SUMS,
    SET_META,
    create_passages,
    delete_passages,
    replace_documents,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from memini_kuzu.store.engine import Transaction

__all__ = [
    "Run",
    "delete_aliases",
    "delete_entities",
    "delete_source",
    "lone_entities",
    "lower_mentions",
    "mentioned_by",
    "read_aliases_of",
    "read_documents",
    "read_entities",
    "read_incident",
    "read_ledger",
    "read_mentions",
    "read_passages",
    "replace_all_documents",
    "similar_sources",
    "subtract_words",
    "unhead",
    "update_dates",
]


class Run(Protocol):
    """Executes a query: `Transaction.run`, or `Store.read` where nothing is to be written."""

    def __call__(
        self, query: str, parameters: Mapping[str, Any] | None = None, batch: pa.Table | None = None
    ) -> pa.Table:
        """Give the result."""


EVENTS = """d.event_source AS event_source, d.event_target AS event_target, d.event_amount AS event_amount,
    d.event_time AS event_time"""

DOCUMENT = """d.id AS id, d.source AS source, d.record AS record, d.title AS title, d.time AS time,
    d.digest AS digest, d.versions AS versions, d.positions AS positions"""

PASSAGE = """p.id AS id, p.record AS record, p.source AS source, p.position AS position, p.title AS title,
    p.time AS time, p.document AS document, p.text AS text, p.terms AS terms, p.words AS words"""

DELETE_ENTITIES = "LOAD FROM batch MATCH (e:Entity {id: id}) DETACH DELETE e"

DELETE_ALIASES = "LOAD FROM batch MATCH (a:Alias {key: key}) DELETE a"

UPDATE_DATES = """
LOAD FROM batch
MATCH (e:Entity {id: id})
SET e.first_seen = first_seen, e.last_seen = last_seen
"""


def _keys(ids: Sequence[int] | Any) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64())})


def read_documents(run: Run) -> pa.Table:
    """All documents with every column but their events."""
    return run(f"MATCH (d:Document) RETURN {DOCUMENT}")


def read_ledger(run: Run) -> pa.Table:
    """Every document's events: id, and the parallel lists."""
    return run(f"MATCH (d:Document) RETURN d.id AS id, {EVENTS}")


def read_mentions(run: Run, entities: Any) -> pa.Table:
    """Who mentions these entities: entity, passage, time."""
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
    """What these passages mention: entity, and whether it heads the passage, as 0 or 1."""
    return run(
        """
        LOAD FROM batch
        MATCH (p:Passage {id: id})-[:MENTIONS]->(e:Entity)
        RETURN e.id AS entity, CASE WHEN p.heading = e.id THEN 1 ELSE 0 END AS headed
        """,
        batch=_keys(passages),
    )


def read_incident(run: Run, entities: Any) -> pa.Table:
    """The associations from and to these entities, twice where it joins two of them; `EDGE_SCHEMA`."""
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
    """Names of sources, the most similar first."""
    table = run(
        """
        MATCH (s:Source)
        RETURN s.name AS name, levenshtein(lower(s.name), lower($name)) AS edits
        ORDER BY edits, name LIMIT $top
        """,
        {"name": name, "top": top},
    )
    return list(table["name"].to_pylist())


def _load(transaction: Transaction, statement: str, batch: pa.Table) -> None:
    if batch.num_rows:
        transaction.run(statement, batch=batch)


def delete_entities(transaction: Transaction, ids: Any) -> None:
    """Delete entities with all that leads to and from them."""
    _load(transaction, DELETE_ENTITIES, _keys(ids))


def delete_aliases(transaction: Transaction, aliases: pa.Table) -> None:
    """Delete aliases: key."""
    _load(transaction, DELETE_ALIASES, aliases)


def replace_all_documents(transaction: Transaction, deleted: Any, changed: pa.Table) -> None:
    """Delete documents with their ledgers, and write others, with every column, in their own place."""
    replace_documents(transaction, [*deleted, *changed["id"].to_pylist()], changed)


def update_dates(transaction: Transaction, dates: pa.Table) -> None:
    """Write over the dates of entities: id, first_seen, last_seen."""
    _load(transaction, UPDATE_DATES, dates)


def lower_mentions(transaction: Transaction, counts: pa.Table) -> None:
    """Take mentions and headings from the entities' counts: id, mentions, headings."""
    _load(transaction, LOWER_MENTIONS, counts)


def subtract_words(transaction: Transaction, passages: int, words: int) -> None:
    """Take passages from the sums that the lexical score needs."""
    for row in transaction.run(READ_SUMS).to_pylist():
        less = {"passages": passages, "words": words}[row["key"]]
        transaction.run(SET_META, {"key": row["key"], "value": str(int(row["value"]) - less)})


def unhead(transaction: Transaction, entity: int) -> None:
    """Let no passage be headed by an entity, nor mention it.

    A passage that is updated loses its words where the log is replayed, so those are deleted and created.
    """
    passages = transaction.run(
        f"MATCH (p:Passage) WHERE p.heading = $entity RETURN {PASSAGE}", {"entity": entity}
    )
    if not passages.num_rows:
        return
    mentions = transaction.run(
        """
        LOAD FROM batch
        MATCH (p:Passage {id: id})-[m:MENTIONS]->(e:Entity)
        WHERE e.id <> $entity
        RETURN p.id AS passage, e.id AS entity, m.count AS count
        """,
        {"entity": entity},
        batch=passages.select(["id"]),
    )
    delete_passages(transaction, passages["id"].to_pylist())
    headless = passages.append_column("heading", pa.nulls(passages.num_rows, pa.int64()))
    create_passages(transaction, headless, mentions)


def delete_source(transaction: Transaction, names: Sequence[str]) -> None:
    """Delete sources that have no document left."""
    _load(
        transaction,
        "LOAD FROM batch MATCH (s:Source {name: name}) DELETE s",
        pa.table({"name": pa.array(names, pa.string())}),
    )
