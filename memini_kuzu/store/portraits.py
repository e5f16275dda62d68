"""What is read to show an entity and a store's life: passages, sources, names, dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.store import numbered
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store

__all__ = ["alias_names", "entities_named_like", "latest_mentions", "sources_mentioning", "told_dates"]


def entities_named_like(store: Store, key: str, top: int) -> pa.Table:
    """Entities with these characters in their canonical name or in that of an alias.

    Parameters
    ----------
    store : Store
        Where.
    key : str
        Canonical.
    top : int
        How many at most.

    Returns
    -------
    pyarrow.Table
        id, name, label and mentions: what begins so first, then the most mentioned.
    """
    known = {"key": key, "top": top, "dropped": store.dropped().tolist()}
    found = [
        store.read(query, known)
        for query in (
            """
            MATCH (e:Entity) WHERE contains(e.key, $key) AND NOT e.id IN $dropped
            RETURN e.id AS id, e.name AS name, e.label AS label, e.mentions AS mentions,
                CASE WHEN starts_with(e.key, $key) THEN 1 ELSE 0 END AS begins
            ORDER BY begins DESC, mentions DESC, name, id LIMIT $top
            """,
            """
            MATCH (a:Alias) WHERE contains(a.key, $key) AND NOT a.entity IN $dropped
            MATCH (e:Entity) WHERE e.id = a.entity
            RETURN DISTINCT e.id AS id, e.name AS name, e.label AS label, e.mentions AS mentions, 0 AS begins
            ORDER BY mentions DESC, name, id LIMIT $top
            """,
        )
    ]
    rows = [table for table in found if table.num_rows]
    if not rows:
        return found[0]
    joined = pa.concat_tables(rows, promote_options="permissive")
    ids = column(joined, "id")
    once = np.sort(np.unique(ids, return_index=True)[1])
    order = [("begins", "descending"), ("mentions", "descending"), ("name", "ascending"), ("id", "ascending")]
    return joined.take(pa.array(once)).sort_by(order)[:top]


def alias_names(store: Store, entity: int) -> list[str]:
    """The names that stand for an entity beside its own."""
    table = store.read(
        "MATCH (a:Alias) WHERE a.entity = $entity RETURN a.name AS name ORDER BY name", {"entity": entity}
    )
    return list(table["name"].to_pylist()) if table.num_rows else []


def latest_mentions(store: Store, entity: int, until: datetime, top: int) -> pa.Table:
    """The latest passages that mention an entity: record, source, title, time, text, document."""
    return store.read(
        """
        MATCH (:Entity {id: $entity})<-[:MENTIONS]-(p:Passage) WHERE p.time <= $until
        RETURN p.record AS record, p.source AS source, p.title AS title, p.time AS time, p.text AS text,
            p.document AS document, p.position AS position
        ORDER BY time DESC, source, position LIMIT $top
        """,
        {"entity": entity, "until": until, "top": top},
    )


def sources_mentioning(store: Store, entity: int, until: datetime) -> dict[str, int]:
    """How many passages of each source mention an entity, the most first."""
    table = store.read(
        """
        MATCH (:Entity {id: $entity})<-[:MENTIONS]-(p:Passage) WHERE p.time <= $until
        RETURN p.source AS source, count(*) AS passages ORDER BY passages DESC, source
        """,
        {"entity": entity, "until": until},
    )
    if not table.num_rows:
        return {}
    return dict(zip(table["source"].to_pylist(), table["passages"].to_pylist(), strict=True))


def told_dates(store: Store) -> NDArray[np.int64]:
    """When anything was told: the dates of all passages, and of the events that loads kept; in any order."""
    passages = store.read("MATCH (p:Passage) RETURN p.time AS time")
    events = store.read("MATCH (l:EventLog) RETURN l.event_times AS event_times, l.time_at AS time_at")
    dates = [column(passages, "time")] if passages.num_rows else []
    if events.num_rows:
        dates.append(numbered.dates(events))
    return np.concatenate(dates).astype(np.int64) if dates else np.zeros(0, dtype=np.int64)
