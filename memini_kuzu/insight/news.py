"""The memory's own news: what became of its associations between two moments.

Strengths are those of w_f, computed at both moments from the ledgers by the closed form: the fold of the
events until then. What a maintenance pass dropped counts as its documents tell, as in a trajectory. Of
associations that hold events which were loaded and not kept, no ledger tells; they are brought forward from
the state that is stored, where that state is not later than the moment, and are unknown otherwise.

An association is

- new, if its first event came after the first moment and not after the second;
- confirmed, if it had events until the first moment, and again until the second;
- displaced, if it was the strongest that led from its entity at the first moment, and another one is stronger
  at the second; the strongest at the second is its rival;
- faded, if its strength has fallen below the threshold of maintenance without an event in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.dynamics import propagate
from memini_kuzu.dynamics.pairs import common_pairs, without_pairs
from memini_kuzu.dynamics.removal import ROUNDING
from memini_kuzu.notebook import Shown
from memini_kuzu.store import reading
from memini_kuzu.store.associations import unledgered
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import Edges, distinct, edges_from_arrow
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store import Store
    from memini_kuzu.store.ledger import Ledger

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["AssociationNews", "Displacement", "News", "news"]


@dataclass(frozen=True, slots=True)
class AssociationNews:
    """An association that is new, was confirmed, or has faded.

    Parameters
    ----------
    source, target : str
        Names of the entities; it leads from the one to the other.
    before : float or None
        w_f at the first moment; 0 before the first event, None where that is not known.
    strength : float or None
        w_f at the second moment; None where that is not known.
    first_seen : datetime
        When its first event was (UTC).
    """

    source: str
    target: str
    before: float | None
    strength: float | None
    first_seen: datetime


@dataclass(frozen=True, slots=True)
class Displacement:
    """An entity whose strongest association has given way to another one.

    Parameters
    ----------
    entity : str
        Where both lead from.
    former : str
        Where the association led that was the strongest at the first moment.
    former_before, former_strength : float
        Its w_f at the two moments.
    rival : str
        Where the one leads that is the strongest at the second moment.
    rival_before, rival_strength : float
        Its w_f at the two moments.
    """

    entity: str
    former: str
    former_before: float
    former_strength: float
    rival: str
    rival_before: float
    rival_strength: float


@dataclass(frozen=True, slots=True)
class News(Shown):
    """What became of a memory's associations between two moments.

    Parameters
    ----------
    since, now : datetime
        The moments (UTC).
    new, confirmed : list of AssociationNews
        The strongest at the second moment first.
    displaced : list of Displacement
        The one with the strongest rival first.
    faded : list of AssociationNews
        The strongest at the first moment first.
    counts : dict of str to int
        How many there are of each of the four, listed or not.
    unknown : int
        Associations with events that were not kept, whose strength at one of the moments no ledger tells.
        None of them is among the faded, and their entities are not among the displaced.
    """

    since: datetime
    now: datetime
    new: list[AssociationNews]
    confirmed: list[AssociationNews]
    displaced: list[Displacement]
    faded: list[AssociationNews]
    counts: dict[str, int]
    unknown: int


@dataclass(frozen=True, slots=True)
class Moments:
    """Associations at two moments; those that have an event until the second.

    Parameters
    ----------
    source, target : int64 (n,)
        Entity ids.
    before, strength : float64 (n,)
        w_f at the first and the second moment; NaN where it is not known.
    first : int64 (n,)
        When the first event was, milliseconds since 1970.
    told : bool (n,)
        Whether an event came between the moments, as far as is known.
    """

    source: Ints
    target: Ints
    before: Floats
    strength: Floats
    first: Ints
    told: Flags

    @property
    def unknown(self) -> Flags:
        """Which have a strength that is not known."""
        missing: Flags = np.isnan(self.before) | np.isnan(self.strength)
        return missing


def news(store: Store, *, since: int, now: int, k: int) -> News:
    """Read a store and compare it with what it was; see `Memory.changes`."""
    ledger, stored = read_ledger(store.read), edges_from_arrow(store.read_edges())
    dropped = store.dropped()
    if len(dropped):
        ledger = ledger.take(~np.isin(ledger.source, dropped) & ~np.isin(ledger.target, dropped))
        stored = stored.take(~np.isin(stored.source, dropped) & ~np.isin(stored.target, dropped))
    foreign = unledgered(store, stored, ledger.fold(store.parameters))
    found = compare(ledger, stored.take(foreign), since, now, store.parameters)
    span = found.first > since
    rows = {
        "new": _best(found, span, found.strength, k),
        "confirmed": _best(found, ~span & found.told, found.strength, k),
        "faded": _best(
            found,
            ~span & ~found.told & (found.before >= FORGET_BELOW) & (found.strength < FORGET_BELOW),
            found.before,
            k,
        ),
    }
    former, rival = displaced(found)
    order = np.lexsort((found.source[rival], -found.strength[rival]))[:k]
    listed = np.concatenate([former[order], rival[order], *(best for best, _ in rows.values())])
    ids = distinct(found.source[listed], found.target[listed]).tolist()
    names = reading.names_of(store, ids) if ids else {}

    def told(kind: str) -> list[AssociationNews]:
        return [
            AssociationNews(
                names[int(found.source[row])],
                names[int(found.target[row])],
                _known(found.before[row]),
                _known(found.strength[row]),
                from_millis(int(found.first[row])),
            )
            for row in rows[kind][0].tolist()
        ]

    return News(
        since=from_millis(since),
        now=from_millis(now),
        new=told("new"),
        confirmed=told("confirmed"),
        displaced=[
            Displacement(
                names[int(found.source[a])],
                names[int(found.target[a])],
                float(found.before[a]),
                float(found.strength[a]),
                names[int(found.target[b])],
                float(found.before[b]),
                float(found.strength[b]),
            )
            for a, b in zip(former[order].tolist(), rival[order].tolist(), strict=True)
        ],
        faded=told("faded"),
        counts={
            "new": rows["new"][1],
            "confirmed": rows["confirmed"][1],
            "displaced": len(former),
            "faded": rows["faded"][1],
        },
        unknown=int(found.unknown.sum()),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _best(found: Moments, chosen: Flags, value: Floats, k: int) -> tuple[Ints, int]:
    """The rows with the largest values among some, and how many these are; what is unknown comes last."""
    rows = np.flatnonzero(chosen)
    order = np.lexsort((found.target[rows], found.source[rows], -value[rows]))
    return rows[order[:k]], len(rows)


def compare(ledger: Ledger, foreign: Edges, since: int, now: int, parameters: Parameters) -> Moments:
    """Associations at two moments.

    Parameters
    ----------
    ledger : Ledger
        All events.
    foreign : Edges
        The stored associations that hold other events too, each once.
    since, now : int
        The moments, milliseconds since 1970; `since` is not later.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    Moments
        Each pair once.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> from memini_kuzu.store.ledger import Ledger
    >>> one = np.ones(2, dtype=np.int64)
    >>> ledger = Ledger(one, one, one + np.array([1, 2]), np.ones(2), np.array([0, DAY]), one * 0)
    >>> found = compare(ledger, Edges.empty(), 0, DAY, Parameters())
    >>> found.before, found.strength.round(3), found.told
    (array([1., 0.]), array([0.452, 1.   ]), array([False,  True]))
    """
    then = ledger.take(ledger.time <= since).fold(parameters)
    present = ledger.take(ledger.time <= now).fold(parameters)
    known = without_pairs(present, foreign)
    before = np.zeros(len(known))
    at, of = common_pairs(known, then)
    before[at] = _strength(then, since, parameters)[of]
    foreign = foreign.take(foreign.first_seen <= now)
    foreign_told = (foreign.last_seen > since) & (foreign.last_seen <= now)
    # of a pair that holds other events too, the ledgers tell only that it was told of in between
    here, there = common_pairs(foreign, present)
    foreign_told[here] |= present.last_seen[there] > since
    foreign_first = foreign.first_seen.copy()
    foreign_first[here] = np.minimum(foreign_first[here], present.first_seen[there])
    foreign_before = np.where(foreign_first > since, 0.0, _strength(foreign, since, parameters))
    return Moments(
        np.concatenate([known.source, foreign.source]),
        np.concatenate([known.target, foreign.target]),
        np.concatenate([before, foreign_before]),
        np.concatenate([_strength(known, now, parameters), _strength(foreign, now, parameters)]),
        np.concatenate([known.first_seen, foreign_first]),
        np.concatenate([known.last_seen > since, foreign_told]),
    )


def _strength(edges: Edges, moment: int, parameters: Parameters) -> Floats:
    """w_f at a moment; NaN where the state is of a later one."""
    days = np.maximum(moment - edges.as_of, 0) / DAY
    fast, _ = propagate(edges.fast, edges.slow, days, parameters)
    return np.where(edges.as_of <= moment, fast, np.nan)


def displaced(found: Moments) -> tuple[Ints, Ints]:
    """The entities whose strongest association has given way.

    Parameters
    ----------
    found : Moments
        Each pair once.

    Returns
    -------
    former, rival : int64 (n_displaced,)
        Rows of the association that was the strongest, and of the one that is; where several were the
        strongest, of the one that is the strongest of these. Entities are left out of which a strength is not
        known.

    Examples
    --------
    >>> one = np.ones(2, dtype=np.int64)
    >>> told = np.zeros(2, dtype=np.bool_)
    >>> displaced(Moments(one, one + 1, np.array([0.9, 0.5]), np.array([0.1, 0.3]), one, told))
    (array([0]), array([1]))
    """
    rows = np.flatnonzero(~np.isin(found.source, found.source[found.unknown]))
    if not len(rows):
        return rows, rows
    source, target = found.source[rows], found.target[rows]
    before, strength = found.before[rows], found.strength[rows]
    entities, number = np.unique(source, return_inverse=True)
    best = np.zeros(len(entities))
    np.maximum.at(best, number, before)
    # what differs by rounding alone is equally strong
    below = before < best[number] * (1 - ROUNDING)
    starts = np.searchsorted(np.sort(number), np.arange(len(entities)))
    former = np.lexsort((target, -strength, below, number))[starts]
    rival = np.lexsort((target, -before, -strength, number))[starts]
    gone = (best > 0) & (strength[former] < strength[rival] * (1 - ROUNDING))
    return rows[former[gone]], rows[rival[gone]]
