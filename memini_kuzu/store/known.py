"""What is read of the store before a change is computed: aliases, documents, events, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from memini_kuzu.identity import stable_id
from memini_kuzu.store.numbered import returned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "document_ids",
    "documents_from",
    "existing_documents",
    "existing_entities",
    "read_aliases",
    "read_by_digest",
    "read_counters",
    "read_documents",
    "read_event_lists",
    "read_moved",
    "read_sources",
    "read_splits",
]

ALIASES = "MATCH (a:Alias) RETURN a.key AS key, a.entity AS entity"

SPLITS = "MATCH (s:Split) RETURN s.source AS source, s.entity AS entity, s.key AS key, s.name AS name"

DOCUMENT = """
RETURN d.id AS id, d.source AS source, d.record AS record, d.title AS title, d.time AS time,
    d.digest AS digest, d.versions AS versions, d.positions AS positions, d.metadata AS metadata
"""

COUNTERS = "MATCH (s:Source) WHERE s.name IN $names RETURN s.name AS name, s.passages AS passages"

SOURCES = "MATCH (d:Document) RETURN d.source AS name, COUNT(*) AS documents"

LISTS = returned("d")

EVENTS = f"RETURN d.id AS id, {LISTS}"

HAS = "list_contains(d.event_entities, $entity)"

FILTERED = 250
"""Ids up to which a filter by their list is faster than a join."""


def read_event_lists(
    run: Callable[..., pa.Table], *, entity: int | None = None, documents: Sequence[int] | None = None
) -> pa.Table:
    """The ledgers of documents as they are stored: id, and the lists of events.

    Parameters
    ----------
    run : callable
        Executes a query.
    entity : int, optional
        Only of documents with an event that has this entity as source or target; all events of those.
    documents : sequence of int, optional
        Only of these documents, in addition to those selected by `entity`.
    """
    if entity is not None and documents:
        return run(
            f"MATCH (d:Document) WHERE {HAS} OR d.id IN $documents {EVENTS}",
            {"entity": entity, "documents": list(documents)},
        )
    if entity is not None:
        return run(f"MATCH (d:Document) WHERE {HAS} {EVENTS}", {"entity": entity})
    if documents is not None:
        return run(f"MATCH (d:Document) WHERE d.id IN $documents {EVENTS}", {"documents": list(documents)})
    return run(f"MATCH (d:Document) {EVENTS}")


def documents_from(run: Callable[..., pa.Table], sources: Sequence[int]) -> list[int]:
    """The documents with an event from or to one of these entities, in the order of their ids."""
    table = run(
        """
        UNWIND $sources AS source
        MATCH (d:Document) WHERE list_contains(d.event_entities, source)
        RETURN DISTINCT d.id AS id
        """,
        {"sources": list(sources)},
    )
    return sorted(table["id"].to_pylist()) if table.num_rows else []


def document_ids(run: Callable[..., pa.Table]) -> list[int]:
    """The ids of all documents."""
    table = run("MATCH (d:Document) RETURN d.id AS id")
    return list(table["id"].to_pylist()) if table.num_rows else []


def existing_documents(run: Callable[..., pa.Table], ids: Sequence[int]) -> list[int]:
    """Those of these documents that exist, in no order."""
    if not len(ids):
        return []
    batch = pa.table({"id": pa.array(ids, pa.int64())})
    # a join that reads one column: a filter by a list takes ten times as long at 100,000 documents
    table = run("LOAD FROM batch MATCH (d:Document {id: id}) RETURN DISTINCT d.id AS id", batch=batch)
    return list(table["id"].to_pylist()) if table.num_rows else []


def existing_entities(run: Callable[..., pa.Table], ids: Sequence[int]) -> list[int]:
    """Those of these entities that exist."""
    if not len(ids):
        return []
    table = run("MATCH (e:Entity) WHERE e.id IN $ids RETURN e.id AS id", {"ids": list(ids)})
    return list(table["id"].to_pylist()) if table.num_rows else []


def read_aliases(run: Callable[..., pa.Table]) -> dict[str, int]:
    """Aliases: canonical keys, and the entities that they resolve to."""
    return _pairs(run(ALIASES), "key", "entity")


def read_splits(run: Callable[..., pa.Table]) -> dict[str, dict[int, tuple[str, str]]]:
    """What entities are called in a source of their own: by source and entity, the key and the name there."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for row in run(SPLITS).to_pylist():
        found.setdefault(row["source"], {})[row["entity"]] = row["key"], row["name"]
    return found


def read_moved(run: Callable[..., pa.Table]) -> dict[int, int]:
    """Aliases by id: the id that the alias would have as an entity, and the entity that it resolves to."""
    return {stable_id(key): entity for key, entity in read_aliases(run).items()}


def read_documents(run: Callable[..., pa.Table], ids: Sequence[int] | None = None) -> pa.Table:
    """Documents with every column but their events.

    Parameters
    ----------
    run : callable
        Executes a query.
    ids : sequence of int, optional
        At least one; unknown ids are left out. All documents by default.
    """
    if ids is None:
        return run(f"MATCH (d:Document) {DOCUMENT}")
    if len(ids) == 1:
        # by the primary key, which a list of keys is not looked up by
        return run(f"MATCH (d:Document {{id: $id}}) {DOCUMENT}", {"id": ids[0]})
    if len(ids) > FILTERED:
        batch = pa.table({"id": pa.array(ids, pa.int64())})
        return run(f"LOAD FROM batch MATCH (d:Document {{id: id}}) {DOCUMENT}", batch=batch)
    return run(f"MATCH (d:Document) WHERE d.id IN $ids {DOCUMENT}", {"ids": list(ids)})


def read_by_digest(run: Callable[..., pa.Table], digests: Sequence[str]) -> pa.Table:
    """Documents whose newest text is one of these, with every column but their events."""
    return run(f"MATCH (d:Document) WHERE d.digest IN $digests {DOCUMENT}", {"digests": list(digests)})


def read_sources(run: Callable[..., pa.Table]) -> dict[str, int]:
    """The sources of all documents, and how many documents each has."""
    return _pairs(run(SOURCES), "name", "documents")


def read_counters(run: Callable[..., pa.Table], names: Sequence[str]) -> dict[str, int]:
    """How many positions each of these sources has assigned; new ones are left out."""
    return _pairs(run(COUNTERS, {"names": list(names)}), "name", "passages")


def _pairs(table: pa.Table, key: str, value: str) -> dict[str, int]:
    if not table.num_rows:
        return {}
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))
