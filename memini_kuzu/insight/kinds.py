"""What kinds of events an entity's associations are made of, each kind by the same dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import propagate
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.store import reading
from memini_kuzu.store.ledger import read_events_from
from memini_kuzu.store.loads import kind_names
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from memini_kuzu.store import Store

__all__ = ["KindOfEvents", "kinds"]


@dataclass(frozen=True, slots=True)
class KindOfEvents:
    """The events of one kind in an association.

    Parameters
    ----------
    source, target : str
        Names of the entities; the association leads from the one to the other.
    kind : str or None
        The kind; None for events without one, such as those of documents.
    strength, consolidated : float
        w_f and w_s as these events alone make them. Over all kinds they add up to the association's.
    events : int
        How many.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    source: str
    target: str
    kind: str | None
    strength: float
    consolidated: float
    events: int
    first_seen: datetime
    last_seen: datetime


def kinds(store: Store, entity: int, name: str, *, now: int, k: int) -> list[KindOfEvents]:
    """The kinds of events that lead from an entity, strongest first; see `Memory.kinds`."""
    ledger = read_events_from(store.read, np.array([entity], dtype=np.int64))
    ledger = ledger.take((ledger.time <= now) & ~np.isin(ledger.target, store.dropped()))
    # each kind is a source of its own
    edges = associate(ledger.kind, ledger.target, ledger.amount, ledger.time, store.parameters)
    fast, slow = propagate(edges.fast, edges.slow, (now - edges.as_of) / DAY, store.parameters)
    order = np.lexsort((edges.source, edges.target, -fast))[:k]
    names = reading.names_of(store, np.unique(edges.target[order]).tolist()) if len(order) else {}
    kind = kind_names(store.read)
    return [
        KindOfEvents(
            source=name,
            target=names[int(edges.target[row])],
            kind=kind.get(int(edges.source[row])),
            strength=float(fast[row]),
            consolidated=float(slow[row]),
            events=int(edges.events[row]),
            first_seen=from_millis(int(edges.first_seen[row])),
            last_seen=from_millis(int(edges.last_seen[row])),
        )
        for row in order.tolist()
    ]
