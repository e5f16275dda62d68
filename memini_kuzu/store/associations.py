"""Writing associations: in place, or by replacing their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics.edges import add_edges, concatenate, unite
from memini_kuzu.dynamics.pairs import common_pairs, without_pairs
from memini_kuzu.dynamics.removal import ROUNDING, unaccounted
from memini_kuzu.store.loads import unkept_loads
from memini_kuzu.store.stored import edges_between
from memini_kuzu.tables import Edges, edges_from_arrow, edges_to_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change

__all__ = [
    "rewrite_edges",
    "unledgered",
    "write_edges",
]


NEVER_SWAPPED = 1_000
"""So few edges are written in place whatever the store holds (`Store.prefers_swap`)."""


def write_edges(store: Store, change: Change, edges: Edges) -> None:
    """Add edges to those of the store, in place or by replacing the table, whichever is cheaper.

    Parameters
    ----------
    store : Store
        An open store.
    change : Change
        The edges are added to it. The deletions of entities are in it: what is stored of these goes too.
    edges : Edges
        Each pair once; both entities are in the store or in the change.
    """
    if not len(edges):
        return
    moved = edges.as_of > edges.last_seen
    if moved.any():
        store.note_advance(change, int(edges.as_of[moved].max()))
    if _swaps(store, len(edges)):
        stored = edges_from_arrow(store.read_edges())
        gone = np.isin(stored.source, change.deleted) | np.isin(stored.target, change.deleted)
        stored = stored.take(~gone) if gone.any() else stored
        change.replace("ASSOCIATES", edges_to_arrow(unite(stored, edges, store.parameters)))
        return
    ends = np.unique(np.concatenate([edges.source, edges.target]))
    stored = edges_from_arrow(edges_between(store, ends))
    merged, known = add_edges(stored, edges, store.parameters)
    change.update("ASSOCIATES", edges_to_arrow(merged.take(known)))
    change.create("ASSOCIATES", edges_to_arrow(merged.take(~known)))


def _swaps(store: Store, changed: int) -> bool:
    """Whether so many edges are written by replacing the table; few never are, and need no count of all."""
    return changed > NEVER_SWAPPED and store.prefers_swap(changed, store.count("associations"))


def rewrite_edges(store: Store, change: Change, updated: Edges, deleted: Edges) -> None:
    """Write associations with fewer events, and delete those without events.

    Parameters
    ----------
    store : Store
        An open store.
    change : Change
        The updates and deletions are added to it.
    updated, deleted : Edges
        Each pair once, all of them in the store.
    """
    changed = concatenate(updated, deleted)
    if not len(changed):
        return
    if _swaps(store, len(changed)):
        stored = edges_from_arrow(store.read_edges())
        change.replace("ASSOCIATES", edges_to_arrow(concatenate(without_pairs(stored, changed), updated)))
        return
    change.update("ASSOCIATES", edges_to_arrow(updated))
    change.delete("ASSOCIATES", edges_to_arrow(deleted))


def unledgered(store: Store, stored: Edges, sums: Edges, rounding: float = ROUNDING) -> NDArray[np.bool_]:
    """Which associations hold, or may hold, events that are in no ledger.

    Parameters
    ----------
    store : Store
        Where.
    stored : Edges
        Its associations; each pair once.
    sums : Edges
        The fold of its ledgers; each pair once.
    rounding : float
        As for `dynamics.removal.unaccounted`.

    Returns
    -------
    bool (len(stored),)
        Those without an event in the ledgers among them.
    """
    found = unaccounted(stored, sums, store.parameters, rounding)
    if unkept_loads(store.read):
        # a loaded event may take the place of an ingested one that maintenance had dropped
        here, there = common_pairs(stored, sums)
        found[here] |= stored.events[here] != sums.events[there]
    return found
