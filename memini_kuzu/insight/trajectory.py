"""How an association came to be what it is: both variables over time, from its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import fold, kernel, propagate, respond
from memini_kuzu.dynamics.pairs import group_pairs
from memini_kuzu.errors import InputError
from memini_kuzu.store import reading
from memini_kuzu.store import view as seeing
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import column, edges_from_arrow
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store import Store
    from memini_kuzu.store.ledger import Ledger

__all__ = ["Consolidated", "Overview", "Rivals", "Trajectory", "learned", "overview", "trace"]

MARKED = 1_000
"""Events up to which each one's instant is among the moments, so that a jump is drawn as one."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """An association over time.

    Parameters
    ----------
    source : str
        Where it leads from.
    target : str or None
        Where it leads to; None for the sum over all that leads from `source`.
    time : int64 (n,)
        Milliseconds since 1970, ascending.
    fast, slow : float64 (n,)
        The two variables then; at an event's instant, just after it.
    event_time : int64 (n_events,)
        When the events were.
    event_amount : float64 (n_events,)
        What each added to the fast variable.
    """

    source: str
    target: str | None
    time: NDArray[np.int64]
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    event_time: NDArray[np.int64]
    event_amount: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rivals:
    """What answers a cue over time.

    Parameters
    ----------
    cue : str
        What was asked.
    answers : tuple of Trajectory
        The associations whose targets answer it.
    time : int64 (n,)
        When it was asked, milliseconds since 1970, ascending.
    first : int64 (n,)
        The position among `answers` of what the first passage then mentioned; -1 for none of them.
    """

    cue: str
    answers: tuple[Trajectory, ...]
    time: NDArray[np.int64]
    first: NDArray[np.int64]


def trace(
    amount: NDArray[np.float64],
    time: NDArray[np.int64],
    until: int,
    parameters: Parameters,
    *,
    points: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The two variables from the first event to a last moment.

    Parameters
    ----------
    amount : float64 (n_events,)
        What each event added to the fast variable.
    time : int64 (n_events,)
        When, milliseconds since 1970; in any order.
    until : int
        The last moment; later events are left out.
    parameters : Parameters
        The dynamics.
    points : int
        Evenly spaced moments, ≥ 2; those of the events, and the milliseconds before them, come on top.

    Returns
    -------
    time, fast, slow : int64 (n,), float64 (n,), float64 (n,)
        Exact at each moment; empty without events.

    Raises
    ------
    InputError
        If `points` is below 2.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> time, fast, slow = trace(np.ones(2), np.array([0, DAY]), DAY, Parameters(), points=2)
    >>> time.tolist(), fast.round(3).tolist()
    ([0, 86399999, 86400000], [1.0, 0.452, 1.452])
    """
    if points < 2:  # noqa: PLR2004 - the first moment and the last
        raise InputError(f"points = {points}; pass at least 2")
    past = time <= until
    amount, time = amount[past], time[past]
    if not len(time):
        return time, np.array([]), np.array([])
    marks = time if len(time) <= MARKED else time[:0]
    moments = np.concatenate([np.linspace(time.min(), until, points).astype(np.int64), marks, marks - 1])
    moments = np.unique(np.append(moments, until))
    moments = moments[moments >= time.min()]
    # each event becomes part of the first moment that is not before it
    at = np.searchsorted(moments, time)
    added_fast, added_slow = fold(at, len(moments), amount, (moments[at] - time) / DAY, parameters)
    between = kernel(np.diff(moments) / DAY, parameters)
    fast, slow = added_fast.copy(), added_slow.copy()
    for n, (ff, fs, sf, ss) in enumerate(zip(*map(np.atleast_1d, between), strict=True)):
        fast[n + 1] += ff * fast[n] + fs * slow[n]
        slow[n + 1] += sf * fast[n] + ss * slow[n]
    return moments, fast, slow


def learned(
    ledger: Ledger, since: int, until: int, parameters: Parameters
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """By how much the slow variable of each pair grew between two moments.

    Parameters
    ----------
    ledger : Ledger
        Events.
    since, until : int
        The moments, milliseconds since 1970.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    source, target, gain : int64 (n_pairs,), int64 (n_pairs,), float64 (n_pairs,)
        Entity ids, and the difference; pairs with events up to `until`.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> from memini_kuzu.store.ledger import Ledger
    >>> one = np.array([1])
    >>> learned(Ledger(one, one, one + 1, np.ones(1), one * 0, one * 0), 0, DAY, Parameters())[2].round(4)
    array([0.0103])
    """
    past = ledger.take(ledger.time <= until)
    order, starts = group_pairs(past.source, past.target)
    past = past.take(order)
    slow_now = respond(past.amount, (until - past.time) / DAY, parameters)[1]
    before = np.maximum(since - past.time, 0) / DAY
    slow_then = np.where(past.time <= since, respond(past.amount, before, parameters)[1], 0.0)
    grew = slow_now - slow_then
    gain = np.add.reduceat(grew, starts) if len(starts) else grew
    return past.source[starts], past.target[starts], np.asarray(gain, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Consolidated:
    """A pair whose slow variable grew.

    Parameters
    ----------
    source, target : str
        Names.
    gain : float
        By how much.
    """

    source: str
    target: str
    gain: float


@dataclass(frozen=True, slots=True)
class Overview:
    """A store at one moment.

    Parameters
    ----------
    parameters : Parameters
        Of its dynamics.
    since, now : int
        From when to when pairs consolidated; milliseconds since 1970.
    fast, slow : float64 (n_edges,)
        The two variables of each association now.
    consolidated : list of Consolidated
        The pairs whose slow variable grew most, by the events in the ledgers.
    unknown : int
        Associations that are left out: they have had evidence since, from events that were loaded and not
        kept, so that it cannot be known how strong they were.
    """

    parameters: Parameters
    since: int
    now: int
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    consolidated: list[Consolidated]
    unknown: int = 0


def overview(store: Store, *, now: int, since: int, k: int) -> Overview:
    """Read a store and bring it to one moment; see `Memory.overview`.

    What consolidated is computed from the ledgers.
    """
    unknown = 0
    if store.looks_back(now):
        then, doubtful = seeing.all_associations(store, from_millis(now))
        fast, slow, unknown = column(then, "strength"), column(then, "consolidated"), doubtful.num_rows
    else:
        edges = edges_from_arrow(store.read_edges())
        days = np.maximum(now - edges.as_of, 0) / DAY
        fast, slow = propagate(edges.fast, edges.slow, days, store.parameters)
    source, target, gain = learned(read_ledger(store.read), since, now, store.parameters)
    dropped = store.dropped()
    shown = ~np.isin(source, dropped) & ~np.isin(target, dropped)
    source, target, gain = source[shown], target[shown], gain[shown]
    best = np.argsort(-gain, kind="stable")[:k]
    best = best[gain[best] > 0]
    ids = np.unique(np.concatenate([source[best], target[best]])).tolist()
    names = reading.names_of(store, ids) if ids else {}
    consolidated = [
        Consolidated(names[a], names[b], g)
        for a, b, g in zip(source[best].tolist(), target[best].tolist(), gain[best].tolist(), strict=True)
        if a in names and b in names
    ]
    return Overview(store.parameters, since, now, fast, slow, consolidated, unknown)
