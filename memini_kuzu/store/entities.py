"""The queries of `memini entities` and `memini entity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.store.store import Store

__all__ = ["count_events", "list_entities", "mentions_in_sources", "read_dropped", "splits_into"]


def list_entities(store: Store) -> pa.Table:
    """All entities that are shown: id, name, label and mentions, the most mentioned first."""
    rows = store.read(
        """
        MATCH (e:Entity)
        RETURN e.id AS id, e.name AS name, e.label AS label, e.mentions AS mentions
        ORDER BY mentions DESC, name, id
        """
    )
    dropped = store.dropped()
    return rows.filter(pa.array(~np.isin(column(rows, "id"), dropped))) if len(dropped) else rows


def count_events(store: Store, ids: Sequence[int]) -> dict[int, int]:
    """How many events the associations that lead from these entities have had; nothing for those without."""
    rows = store.read(
        """
        LOAD FROM batch
        MATCH (e:Entity {id: id})-[a:ASSOCIATES]->(:Entity)
        RETURN e.id AS id, CAST(sum(a.events) AS INT64) AS events
        """,
        batch=pa.table({"id": pa.array(ids, pa.int64())}),
    ).to_pylist()
    return {row["id"]: row["events"] for row in rows}


def mentions_in_sources(store: Store, entity: int) -> pa.Table:
    """The passages that mention an entity: passage, source, time, count, label, heading, title and text."""
    return store.read(
        """
        MATCH (:Entity {id: $id})<-[m:MENTIONS]-(p:Passage)
        RETURN p.id AS passage, p.source AS source, p.time AS time, m.count AS count, m.label AS label,
            p.heading AS heading, p.text AS text, p.title AS title
        """,
        {"id": entity},
    )


def splits_into(store: Store, key: str) -> list[dict[str, Any]]:
    """The sources in which an entity is called so: id, source, entity."""
    rows: list[dict[str, Any]] = store.read(
        "MATCH (s:Split) WHERE s.key = $key RETURN s.id AS id, s.source AS source, s.entity AS entity",
        {"key": key},
    ).to_pylist()
    return rows


def read_dropped(store: Store) -> list[dict[str, Any]]:
    """The names that people have dropped: key and name."""
    rows: list[dict[str, Any]] = store.read(
        "MATCH (d:Dropped) RETURN d.key AS key, d.name AS name ORDER BY key"
    ).to_pylist()
    return rows
