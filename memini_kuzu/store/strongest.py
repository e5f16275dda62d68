"""The associations of an entity, ordered by their strength or by how much they tell, now or at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.store import view as seeing
from memini_kuzu.store.reading import names_of
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.store import Store
    from memini_kuzu.store.view import View

__all__ = ["ORDERS", "lifts", "rank", "strongest_associations", "with_targets"]

LIFT = """CASE WHEN s.mentions > 0 AND e.mentions > 0
    THEN CAST(a.events * $passages AS DOUBLE) / (s.mentions * e.mentions) END"""
"""The lift of an association: its events to the passages that would mention both ends by chance."""

ORDERS = ("strength", "telling")
"""By what associations are ordered: w_f, or w_f times the logarithm of the lift, where there is one."""


def strongest_associations(
    store: Store, entity: int, now: int, top: int, by: str, *, asked: Filter | None = None
) -> pa.Table:
    """The first outgoing associations of an entity: target, both variables, lift, events and dates.

    Parameters
    ----------
    store : Store
        Where.
    entity : int
        Its id.
    now : int
        As of when, in milliseconds since 1970.
    top : int
        How many at most.
    by : str
        One of `ORDERS`.
    asked : Filter, optional
        Selects what is seen.

    Raises
    ------
    TimeError
        If it cannot be known how strong one of them is.
    """
    view = store.view(now, asked)
    if view is None:
        return _all(store, entity, from_millis(now), top, by)
    return _seen(store, entity, view, top, by)


def _all(store: Store, entity: int, now: datetime, top: int, by: str) -> pa.Table:
    return store.read(
        f"""
        MATCH (s:Entity {{id: $entity}})-[a:ASSOCIATES]->(e:Entity)
        WITH s, a, e, $now AS now
        WHERE a.first_seen <= now AND NOT e.id IN $dropped
        WITH a, e.name AS target, memini_fast(a, now) AS strength, memini_slow(a, now) AS consolidated,
            {LIFT} AS lift
        RETURN target AS target, strength AS strength, consolidated AS consolidated, lift AS lift,
            a.events AS events, a.first_seen AS first_seen, a.last_seen AS last_seen
        ORDER BY CASE WHEN $telling AND lift IS NOT NULL THEN strength * ln(lift) ELSE strength END DESC,
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


def _seen(store: Store, entity: int, view: View, top: int, by: str) -> pa.Table:
    known, unknown = (
        table.filter(pa.array(~np.isin(column(table, "id"), store.dropped()))) if table.num_rows else table
        for table in seeing.outgoing(store, [entity], view)
    )
    seeing.refuse(unknown, view)
    if not known.num_rows:
        return known
    known = with_targets(store, known)
    lift = _lift_seen(store, entity, known, view)
    first = rank(column(known, "strength"), lift, by)
    known = known.append_column("lift", pa.array(lift, from_pandas=True)).append_column(
        "first", pa.array(first)
    )
    order = [("first", "descending"), ("strength", "descending"), ("target", "ascending")]
    return known.sort_by(order)[:top]


def with_targets(store: Store, known: pa.Table) -> pa.Table:
    """Associations as `view.outgoing` gives them, with their targets' names, and dates as they are shown."""
    ids = known["id"].to_pylist()
    names = names_of(store, ids) if ids else {}
    return known.append_column("target", pa.array([names[each] for each in ids], pa.string())).rename_columns(
        {"began": "first_seen", "latest": "last_seen"}
    )


def _lift_seen(store: Store, entity: int, known: pa.Table, view: View) -> NDArray[np.float64]:
    """The lift of associations in a view; NaN where an end is in no passage."""
    ids = column(known, "id").astype(np.int64)
    counted, _ = seeing.count_mentions(store, np.append(ids, entity), view)
    return lifts(column(known, "events"), counted[-1:], counted[:-1], seeing.sums(store, view).passages)


def lifts(
    events: NDArray[np.int64], source: NDArray[np.int64], target: NDArray[np.int64], passages: int
) -> NDArray[np.float64]:
    """How much more often than chance the ends of associations meet.

    Parameters
    ----------
    events : int64 (n,)
        Of each association.
    source, target : int64 (n,)
        How many passages mention its ends.
    passages : int
        How many there are.

    Returns
    -------
    float64 (n,)
        NaN where no passage mentions an end.

    Examples
    --------
    >>> lifts(*(np.array(each) for each in ([2, 2], [4, 0], [5, 5])), 100)
    array([10., nan])
    """
    chance = source.astype(np.float64) * target
    lift: NDArray[np.float64] = events * passages / np.where(chance > 0, chance, np.nan)
    return lift


def rank(strength: NDArray[np.float64], lift: NDArray[np.float64], by: str) -> NDArray[np.float64]:
    """What associations are ordered by, one of `ORDERS`: the greatest first.

    Parameters
    ----------
    strength, lift : float64 (n,)
        As `lifts` gives the second.
    by : str
        One of `ORDERS`.
    """
    return np.where(np.isnan(lift), strength, strength * np.log(lift)) if by == "telling" else strength
