"""The strongest associations of a whole store, at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics import propagate
from memini_kuzu.store import view as seeing
from memini_kuzu.store.reading import names_of
from memini_kuzu.store.strongest import lifts, rank
from memini_kuzu.tables import column, distinct, edges_from_arrow, positions, timestamps
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store.store import Store
    from memini_kuzu.tables import Edges

__all__ = ["associations_at", "at_present", "strongest_of_all"]


def strongest_of_all(store: Store, now: int, top: int, by: str) -> pa.Table:
    """The first associations at a moment, whether or not there is anything later.

    Parameters
    ----------
    store : Store
        Where.
    now : int
        The moment, in milliseconds since 1970.
    top : int
        How many at most.
    by : str
        One of `strongest.ORDERS`.

    Returns
    -------
    pyarrow.Table
        source and target (names), strength, consolidated, lift, events, first_seen, last_seen; in order,
        equals by their names.

    Raises
    ------
    TimeError
        If it cannot be known how strong one of them was.
    """
    found, unknown = associations_at(store, now)
    seeing.refuse(unknown, seeing.View(from_millis(now)))
    if not found.num_rows:
        return found
    source, target = (column(found, name).astype(np.int64) for name in ("source", "target"))
    lift = _lift(store, found, now)
    strength = column(found, "strength")
    first = rank(strength, lift, by)
    found = found.append_column("lift", pa.array(lift, from_pandas=True)).append_column(
        "first", pa.array(first)
    )
    # equals by id, so that a thousand of one strength need no names
    best = found.take(pa.array(np.lexsort((target, source, -strength, -first))[:top]))
    names = names_of(store, distinct(column(best, "source"), column(best, "target")).tolist())
    for place, name in enumerate(("source", "target")):
        known = pa.array([names[each] for each in best[name].to_pylist()], pa.string())
        best = best.set_column(place, name, known)
    order = [
        ("first", "descending"),
        ("strength", "descending"),
        ("source", "ascending"),
        ("target", "ascending"),
    ]
    return best.sort_by(order)


def associations_at(store: Store, now: int) -> tuple[pa.Table, pa.Table]:
    """All associations at a moment, but for those of dropped entities.

    Parameters
    ----------
    store : Store
        Where.
    now : int
        The moment, in milliseconds since 1970.

    Returns
    -------
    known : pyarrow.Table
        source and target (ids), strength, consolidated, events, first_seen, last_seen.
    unknown : pyarrow.Table
        source, id and latest of those of which it cannot be known how strong they were.
    """
    if store.looks_back(now):
        known, unknown = seeing.all_associations(store, from_millis(now))
        known = known.rename_columns({"id": "target", "began": "first_seen", "latest": "last_seen"})
    else:
        known, unknown = _present(store, now), seeing.UNKNOWN
    dropped = store.dropped()
    if len(dropped) and known.num_rows:
        ends = (column(known, name).astype(np.int64) for name in ("source", "target"))
        known = known.filter(pa.array(~np.any([np.isin(end, dropped) for end in ends], axis=0)))
    return known, unknown


def _lift(store: Store, found: pa.Table, now: int) -> NDArray[np.float64]:
    """The lift of associations at a moment; NaN where an end is in no passage then."""
    source, target = (column(found, name).astype(np.int64) for name in ("source", "target"))
    ids = distinct(source, target)
    if store.looks_back(now):
        view = seeing.View(from_millis(now))
        counts, passages = seeing.count_mentions(store, ids, view)[0], seeing.sums(store, view).passages
    else:
        known = store.read("MATCH (e:Entity) RETURN e.id AS id, e.mentions AS mentions")
        order = positions(ids, column(known, "id").astype(np.int64))
        counts, passages = column(known, "mentions").astype(np.int64)[order], store.sums().passages
    of_source, of_target = (counts[np.searchsorted(ids, end)] for end in (source, target))
    return lifts(column(found, "events"), of_source, of_target, passages)


def _present(store: Store, now: int) -> pa.Table:
    return at_present(store, edges_from_arrow(store.read_edges()), now)


def at_present(store: Store, edges: Edges, now: int) -> pa.Table:
    """Stored associations brought forward to a moment; columns as of `associations_at`."""
    edges = edges.take(edges.first_seen <= now)
    fast, slow = propagate(edges.fast, edges.slow, np.maximum(now - edges.as_of, 0) / DAY, store.parameters)
    return pa.table(
        {
            "source": edges.source,
            "target": edges.target,
            "strength": fast,
            "consolidated": slow,
            "events": edges.events,
            "first_seen": timestamps(edges.first_seen),
            "last_seen": timestamps(edges.last_seen),
        }
    )
