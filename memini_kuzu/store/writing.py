"""The statements that change a store; each takes an Arrow table and runs inside a transaction.

What Kùzu 0.11.3 does not survive is not done here:

- COPY goes only into a table made in the same transaction: a ROLLBACK over a COPY into an older one empties
  it.
- Rows of Passage are created one to a chunk, and deleted rather than updated. CREATE from a longer chunk
  gives every row the words of the first in the full-text index. MERGE and SET index rightly, but where a
  crash makes the write-ahead log be replayed, their words are lost.
- Rows of Document are deleted and created rather than updated: SET of a list together with new rows gives
  the new rows the lists of others at the next checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.store.engine import Transaction

__all__ = [
    "SET_META",
    "count_words",
    "create_edges",
    "create_passages",
    "delete_edges",
    "delete_passages",
    "remove_mentions",
    "replace_documents",
    "replace_edges",
    "update_edges",
    "upsert_entities",
    "upsert_sources",
]

UPSERT_ENTITIES = """
LOAD FROM batch
MERGE (e:Entity {id: id})
ON CREATE SET e.key = key, e.name = name, e.label = label, e.first_seen = first_seen, e.last_seen = last_seen,
    e.mentions = mentions, e.headings = headings
ON MATCH SET e.label = CASE WHEN e.label IN ['CONCEPT', 'TITLE'] THEN label ELSE e.label END,
    e.first_seen = least(e.first_seen, first_seen), e.last_seen = greatest(e.last_seen, last_seen),
    e.mentions = e.mentions + mentions, e.headings = e.headings + headings
"""

UPSERT_SOURCES = "LOAD FROM batch MERGE (s:Source {name: name}) SET s.passages = passages"

DELETE_DOCUMENTS = "LOAD FROM batch MATCH (d:Document {id: id}) DELETE d"

CREATE_DOCUMENTS = """
LOAD FROM batch
CREATE (:Document {id: id, source: source, record: record, title: title, time: time, digest: digest,
    versions: versions, positions: positions, event_source: event_source, event_target: event_target,
    event_amount: event_amount, event_time: event_time})
"""

CREATE_PASSAGES = """
LOAD FROM batch
CREATE (:Passage {id: id, record: record, source: source, position: position, title: title, time: time,
    document: document, heading: heading, text: text, terms: terms, words: words})
"""

CREATE_MENTIONS = """
LOAD FROM batch
MATCH (p:Passage {id: passage})
MATCH (e:Entity {id: entity})
CREATE (p)-[:MENTIONS {count: count}]->(e)
"""

DELETE_PASSAGES = "LOAD FROM batch MATCH (p:Passage {id: id}) DETACH DELETE p"

COUNT_MENTIONS = """
MATCH (p:Passage)-[:MENTIONS]->(e:Entity)
WHERE p.id IN $ids
RETURN e.id AS id, count(*) AS mentions, count(CASE WHEN p.heading = e.id THEN 1 END) AS headings
"""

LOWER_MENTIONS = """
LOAD FROM batch
MATCH (e:Entity {id: id})
SET e.mentions = e.mentions - mentions, e.headings = e.headings - coalesce(headings, 0)
"""

REMOVE_MENTIONS = "MATCH (p:Passage)-[m:MENTIONS]->(:Entity) WHERE p.id IN $ids DELETE m"

READ_SUMS = "MATCH (m:MeminiMeta) WHERE m.key IN ['passages', 'words'] RETURN m.key AS key, m.value AS value"

SUM_WORDS = "MATCH (p:Passage) WHERE p.id IN $ids RETURN count(*) AS passages, sum(p.words) AS words"

SET_META = "MERGE (m:MeminiMeta {key: $key}) SET m.value = $value"

CREATE_EDGES = """
LOAD FROM batch
MATCH (a:Entity {id: source})
MATCH (b:Entity {id: target})
CREATE (a)-[:ASSOCIATES {fast: fast, slow: slow, as_of: as_of, events: events, first_seen: first_seen,
    last_seen: last_seen}]->(b)
"""

# One pattern (a {id})-[e]->(b {id}) takes twice as long from 2,000 rows on.
UPDATE_EDGES = """
LOAD FROM batch
MATCH (a:Entity {id: source})
MATCH (b:Entity {id: target})
MATCH (a)-[e:ASSOCIATES]->(b)
SET e.fast = fast, e.slow = slow, e.as_of = as_of, e.events = events, e.first_seen = first_seen,
    e.last_seen = last_seen
"""

UPDATE_EDGE = """
MATCH (a:Entity {id: $source})-[e:ASSOCIATES]->(b:Entity {id: $target})
SET e.fast = $fast, e.slow = $slow, e.as_of = $as_of, e.events = $events, e.first_seen = $first_seen,
    e.last_seen = $last_seen
"""

DELETE_EDGES = """
LOAD FROM batch
MATCH (a:Entity {id: source})
MATCH (b:Entity {id: target})
MATCH (a)-[e:ASSOCIATES]->(b)
DELETE e
"""

DELETE_EDGE = "MATCH (a:Entity {id: $source})-[e:ASSOCIATES]->(b:Entity {id: $target}) DELETE e"

SWAP = (
    """CREATE REL TABLE ASSOCIATES_NEW(
        FROM Entity TO Entity,
        fast DOUBLE, slow DOUBLE, as_of TIMESTAMP, events INT64, first_seen TIMESTAMP, last_seen TIMESTAMP
    )""",
    "COPY ASSOCIATES_NEW FROM batch",
    "DROP TABLE ASSOCIATES",
    "ALTER TABLE ASSOCIATES_NEW RENAME TO ASSOCIATES",
)

SINGLY = 70
"""Up to so many edges are updated or deleted one by one, at about 1 ms each: a join costs 70 ms at least."""


def _load(transaction: Transaction, statement: str, batch: pa.Table) -> None:
    if batch.num_rows:
        transaction.run(statement, batch=batch)


def upsert_entities(transaction: Transaction, batch: pa.Table) -> None:
    """Add entities, or to what is known of them.

    Parameters
    ----------
    transaction : Transaction
        The open one.
    batch : pyarrow.Table
        id, key, name, label, first_seen, last_seen; mentions and headings, which are added.
    """
    _load(transaction, UPSERT_ENTITIES, batch)


def upsert_sources(transaction: Transaction, batch: pa.Table) -> None:
    """Set how many positions each source has given out: name, passages."""
    _load(transaction, UPSERT_SOURCES, batch)


def replace_documents(transaction: Transaction, old: Sequence[int], batch: pa.Table) -> None:
    """Write documents with all their columns, in the place of those that were there.

    Parameters
    ----------
    transaction : Transaction
        The open one.
    old : sequence of int
        Ids of those of the batch that are there already.
    batch : pyarrow.Table
        Every column of Document.
    """
    _load(transaction, DELETE_DOCUMENTS, pa.table({"id": pa.array(old, pa.int64())}))
    _load(transaction, CREATE_DOCUMENTS, batch)


def create_passages(transaction: Transaction, passages: pa.Table, mentions: pa.Table) -> None:
    """Write passages that are not there, and what they mention: passage, entity, count.

    Those that are written over must have been deleted before (`remove_mentions`, `delete_passages`).
    """
    if passages.num_rows:
        rows = pa.concat_tables([passages.slice(row, 1) for row in range(passages.num_rows)])
        _load(transaction, CREATE_PASSAGES, rows)
    _load(transaction, CREATE_MENTIONS, mentions)


def remove_mentions(transaction: Transaction, passages: list[int]) -> None:
    """Take back what these passages mention, and from the entities' counts."""
    if not passages:
        return
    _load(transaction, LOWER_MENTIONS, transaction.run(COUNT_MENTIONS, {"ids": passages}))
    transaction.run(REMOVE_MENTIONS, {"ids": passages})


def delete_passages(transaction: Transaction, passages: list[int]) -> None:
    """Delete passages that have lost their mentions, and their full-text entries with them."""
    _load(transaction, DELETE_PASSAGES, pa.table({"id": pa.array(passages, pa.int64())}))


def count_words(transaction: Transaction, removed: list[int], added: pa.Table) -> None:
    """Keep the sums over all passages, which the lexical score needs, in step with a batch.

    Parameters
    ----------
    transaction : Transaction
        The open one, before the passages are written.
    removed : list of int
        Ids of passages that are written over or deleted.
    added : pyarrow.Table
        With the column ``words`` of those written.
    """
    sums = {row["key"]: int(row["value"]) for row in transaction.run(READ_SUMS).to_pylist()}
    passages = sums.get("passages", 0) + added.num_rows
    words = sums.get("words", 0) + sum(added["words"].to_pylist())
    if removed:
        gone = transaction.run(SUM_WORDS, {"ids": removed}).to_pylist()[0]
        passages -= gone["passages"]
        words -= int(gone["words"] or 0)
    for key, value in (("passages", passages), ("words", words)):
        transaction.run(SET_META, {"key": key, "value": str(value)})


def create_edges(transaction: Transaction, edges: pa.Table) -> None:
    """Add associations that are not there yet; `tables.EDGE_SCHEMA`."""
    _load(transaction, CREATE_EDGES, edges)


def update_edges(transaction: Transaction, edges: pa.Table) -> None:
    """Write over associations that are there; `tables.EDGE_SCHEMA`."""
    if edges.num_rows > SINGLY:
        _load(transaction, UPDATE_EDGES, edges)
    else:
        for edge in edges.to_pylist():
            transaction.run(UPDATE_EDGE, edge)


def delete_edges(transaction: Transaction, edges: pa.Table) -> None:
    """Remove associations: source, target."""
    pairs = edges.select(["source", "target"])
    if pairs.num_rows > SINGLY:
        _load(transaction, DELETE_EDGES, pairs)
    else:
        for pair in pairs.to_pylist():
            transaction.run(DELETE_EDGE, pair)


def replace_edges(transaction: Transaction, edges: pa.Table) -> None:
    """Put these associations in the place of all that there are, by swapping the table.

    Parameters
    ----------
    transaction : Transaction
        The open one; whatever it does after sees the new table.
    edges : pyarrow.Table
        With `tables.EDGE_SCHEMA`.
    """
    for statement in SWAP:
        transaction.run(statement, batch=edges if "FROM batch" in statement else None)
