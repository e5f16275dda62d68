"""Rows as they are stored now, which a change starts from: in memory where they are held, or in the file.

Within `Store.changing` both are of the state that the change follows on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.store.known import (
    existing_documents,
    read_aliases,
    read_counters,
    read_documents,
    read_splits,
)
from memini_kuzu.store.terms import read_frequencies
from memini_kuzu.tables import EDGE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store

    Ints = NDArray[np.int64]

__all__ = [
    "aliases_stored",
    "counters_stored",
    "documents_stored",
    "edges_between",
    "entities_stored",
    "frequencies_stored",
    "splits_stored",
]

FEW = 5_000
"""Up to this many entities are looked up by id; for more, reading all of them is cheaper."""

READ_ENTITIES = """
MATCH (e:Entity){where}
RETURN e.id AS id, e.key AS key, e.name AS name, e.label AS label, e.first_seen AS first_seen,
    e.last_seen AS last_seen, e.mentions AS mentions, e.headings AS headings,
    coalesce(e.votes, '{{}}') AS votes
"""

READ_EDGES_BETWEEN = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
WHERE a.id IN $ids AND b.id IN $ids
RETURN a.id AS source, b.id AS target, e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events,
    e.first_seen AS first_seen, e.last_seen AS last_seen
"""


def documents_stored(store: Store, ids: Sequence[int]) -> pa.Table:
    """Documents with every column but their events; unknown ids are left out."""
    model = store.model
    # mostly none is known, as with every new sentence: then no row is read
    if model is not None:
        ids = np.array(ids, dtype=np.int64)[model.has_document(np.array(ids, dtype=np.int64))].tolist()
    elif len(ids) > 1:
        ids = existing_documents(store.read, ids)
    return read_documents(store.read, ids) if len(ids) else pa.table({})


def counters_stored(store: Store, sources: Sequence[str]) -> dict[str, int]:
    """How many positions each of these sources has assigned; new ones are left out."""
    model = store.model
    return read_counters(store.read, sources) if model is None else model.assigned(sources)


def splits_stored(store: Store) -> dict[str, dict[int, tuple[str, str]]]:
    """What entities are called in a source of their own: by source and entity, the key and the name there."""
    model = store.model
    if model is None:
        return read_splits(store.read)
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for split in model.splits.values():
        found.setdefault(split.source, {})[split.entity] = split.key, split.name
    return found


def aliases_stored(store: Store) -> dict[str, int]:
    """Aliases: canonical keys, and the entities that they resolve to."""
    model = store.model
    return read_aliases(store.read) if model is None else dict(model.aliases)


def entities_stored(store: Store, ids: Ints) -> pa.Table:
    """Entities with every column; of many, others too. Unknown ids are left out."""
    model = store.model
    if model is not None:
        return model.entities_of(ids)
    if len(ids) <= FEW:
        return store.read(READ_ENTITIES.format(where=" WHERE e.id IN $ids"), {"ids": ids.tolist()})
    return store.read(READ_ENTITIES.format(where=""))


def edges_between(store: Store, ids: Ints) -> pa.Table:
    """The associations between these entities; `tables.EDGE_SCHEMA`."""
    model = store.model
    if model is not None:
        return model.edges_between(ids)
    table = store.read(READ_EDGES_BETWEEN, {"ids": ids.tolist()}) if len(ids) else pa.table({})
    return table if table.num_columns else EDGE_SCHEMA.empty_table()


def frequencies_stored(store: Store, words: Sequence[str]) -> dict[str, int]:
    """In how many passages each of these terms occurs; terms of no passage may be left out."""
    model = store.model
    if model is None:
        return read_frequencies(store.read, words)
    df = model.words.frequency(model.terms.find(words))
    return dict(zip(words, df.tolist(), strict=True))
