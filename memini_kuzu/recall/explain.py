"""Why a passage is recalled, and how the associations that lead to it have changed.

How strong an association was a month before is not read off its present state, from which what has happened
since cannot be taken away: it is computed anew from the events of that time, which the documents' ledgers
hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import respond
from memini_kuzu.errors import InputError
from memini_kuzu.recall.reasons import reasons, resolve
from memini_kuzu.recall.recollection import recollect, shown
from memini_kuzu.store import reading
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import column
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.recall.result import Path, RecalledPassage
    from memini_kuzu.store import Store
    from memini_kuzu.store.filters import Filter
    from memini_kuzu.store.lookup import Name
    from memini_kuzu.store.view import View

__all__ = ["AssociationHistory", "Explanation", "explain"]

MONTH = 30 * DAY
"""How far back an association is compared with itself."""

WAYS = 12
"""Reasons that an explanation gives."""


@dataclass(frozen=True, slots=True)
class AssociationHistory:
    """An association on the way to a passage, then and a month before.

    Parameters
    ----------
    source, target : str
        Names of the entities; it leads from the one to the other.
    strength : float
        w_f at the time of the cue.
    month_before : float or None
        w_f 30 days earlier. None where the ledgers do not hold all of its events: those of a load may not
        have been kept, and maintenance may have dropped some.
    events : int
        How many events it has had.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    source: str
    target: str
    strength: float
    month_before: float | None
    events: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a passage is recalled.

    Parameters
    ----------
    cue : str
        What was asked.
    now : datetime
        As of when.
    passage : RecalledPassage
        The passage.
    rank : int
        Its place among all that the cue brings to mind, from 1.
    paths : tuple of Path
        The ways on which words of the cue came to it, the one that brought most first.
    associations : tuple of AssociationHistory
        Those on these paths.
    """

    cue: str
    now: datetime
    passage: RecalledPassage
    rank: int
    paths: tuple[Path, ...]
    associations: tuple[AssociationHistory, ...]


def explain(
    store: Store,
    cue: str,
    passage: str,
    *,
    now: int,
    source: str | None = None,
    asked: Filter | None = None,
    embedder: Embedder | None = None,
) -> Explanation:
    """Why a cue brings a passage to mind; see `Memory.explain`.

    Of several passages with that id the best is meant.
    """
    with store.lookup(now, asked, vectors=True) as lookup:
        found = recollect(store, lookup, cue, embedder=embedder)
        ids = found.passages.id[found.order].tolist()
        records = lookup.records(ids)
        rank = next(
            (
                place
                for place, (record, its_source) in enumerate(map(records.__getitem__, ids))
                if record == passage and source in {None, its_source}
            ),
            None,
        )
        if rank is None:
            where = "" if source is None else f" of {source!r}"
            raise InputError(
                f"the cue {cue!r} leads to no passage {passage!r}{where}; recall shows those that it does"
            )
        told = reasons(found, found.order[rank : rank + 1], WAYS)
        names = lookup.names(sorted({entity for reason in told for entity in reason.entities}))
        pairs = dict.fromkeys(reason.entities for reason in told if reason.kind == "association")
        view = store.view(now, asked)
        return Explanation(
            cue,
            from_millis(now),
            shown(lookup, found, found.order[rank : rank + 1])[0],
            rank + 1,
            resolve(lookup, found, told, names),
            tuple(_history(store, names, *pair, now=now, view=view) for pair in pairs),
        )


def _history(
    store: Store, names: dict[int, Name], source: int, target: int, *, now: int, view: View | None
) -> AssociationHistory:
    if view is None:
        edge = reading.association(store, source, target, from_millis(now))
    else:
        edge = reading.association_seen(store, source, target, view)
    events = int(edge["events"][0].as_py())
    if view is None or view.selection is None:
        ledger = read_ledger(store.read, entity=source)
    else:
        ledger = view.selection.events_from(store.read, np.array([source]))
    ledger = ledger.take((ledger.source == source) & (ledger.target == target) & (ledger.time <= now))
    before: float | None = None
    if len(ledger) == events:
        earlier = ledger.take(ledger.time <= now - MONTH)
        fast, _ = respond(earlier.amount, (now - MONTH - earlier.time) / DAY, store.parameters)
        before = float(fast.sum())
    return AssociationHistory(
        names[source].name,
        names[target].name,
        float(edge["strength"][0].as_py()),
        before,
        events,
        from_millis(int(column(edge, "first_seen")[0])),
        from_millis(int(column(edge, "last_seen")[0])),
    )
