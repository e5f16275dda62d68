"""The associations of an entity, ordered by their strength or by how much they tell, now or at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.store import past
from memini_kuzu.store.reading import names_of
from memini_kuzu.tables import column, positions

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store

__all__ = ["ORDERS", "strongest_associations", "strongest_then"]

LIFT = """CASE WHEN s.mentions > 0 AND e.mentions > 0
    THEN CAST(a.events * $passages AS DOUBLE) / (s.mentions * e.mentions) END"""
"""The lift of an association: its events to the passages that would mention both ends by chance."""

ORDERS = ("strength", "telling")
"""By what associations are ordered: w_f, or w_f times the logarithm of the lift."""


def strongest_associations(store: Store, entity: int, now: datetime, top: int, by: str) -> pa.Table:
    """The first outgoing associations of an entity: target, both variables, lift, events and dates."""
    return store.read(
        f"""
        MATCH (s:Entity {{id: $entity}})-[a:ASSOCIATES]->(e:Entity)
        WITH s, a, e, $now AS now
        WHERE a.first_seen <= now AND NOT e.id IN $dropped
        WITH a, e.name AS target, memini_fast(a, now) AS strength, memini_slow(a, now) AS consolidated,
            {LIFT} AS lift
        RETURN target AS target, strength AS strength, consolidated AS consolidated, lift AS lift,
            a.events AS events, a.first_seen AS first_seen, a.last_seen AS last_seen
        ORDER BY CASE WHEN $telling THEN coalesce(strength * ln(lift), 0.0) ELSE strength END DESC,
            strength DESC, target
        LIMIT $top
        """,
        {
            "entity": entity,
            "now": now,
            "top": top,
            "telling": by == "telling",
            "passages": store.sums().passages,
            "dropped": store.dropped().tolist(),
        },
    )


def strongest_then(store: Store, entity: int, until: datetime, top: int, by: str) -> pa.Table:
    """What `strongest_associations` gave at a time.

    Raises
    ------
    TimeError
        If it cannot be known how strong one of them was.
    """
    known, unknown = (
        table.filter(pa.array(~np.isin(column(table, "id"), store.dropped()))) if table.num_rows else table
        for table in past.outgoing(store, [entity], until)
    )
    past.refuse(unknown, until)
    if not known.num_rows:
        return known
    names = names_of(store, known["id"].to_pylist())
    target = pa.array([names[each] for each in known["id"].to_pylist()], pa.string())
    known = known.append_column("target", target).rename_columns(
        {"began": "first_seen", "latest": "last_seen"}
    )
    lift = _lift_then(store, entity, known, until)
    strength = column(known, "strength")
    first = strength * np.nan_to_num(np.log(lift)) if by == "telling" else strength
    known = known.append_column("lift", pa.array(lift, from_pandas=True)).append_column(
        "first", pa.array(first)
    )
    order = [("first", "descending"), ("strength", "descending"), ("target", "ascending")]
    return known.sort_by(order)[:top]


def _lift_then(store: Store, entity: int, known: pa.Table, until: datetime) -> NDArray[np.float64]:
    """The lift of associations at a time; NaN where an end was in no passage."""
    ids = column(known, "id").astype(np.int64)
    counted = past.count_mentions(store, np.append(ids, entity), until)
    of = np.append(column(counted, "mentions").astype(np.float64), np.nan)
    mentions = of[positions(np.append(ids, entity), column(counted, "id").astype(np.int64))]
    lift: NDArray[np.float64] = (
        column(known, "events") * store.sums(until).passages / (mentions[:-1] * mentions[-1])
    )
    return lift
