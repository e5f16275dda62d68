"""Edges as columns: events folded into edges, edges added to edges and subtracted from them.

All of it is superposition: the state of an edge is the sum of the responses of its events, so neither the
order of the events nor how they are split over calls, batches or stores changes the sum. Where the remaining
events are known, they are summed again instead of subtracting the removed ones: subtraction would cancel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import fold, merge, propagate
from memini_kuzu.tables import EDGE_SCHEMA, Edges, distinct, positions
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

__all__ = [
    "add_edges",
    "associate",
    "common_pairs",
    "concatenate",
    "group_pairs",
    "redirect_edges",
    "redirected",
    "same_pairs",
    "subtract_edges",
    "superpose",
    "unaccounted",
    "unite",
    "without_events",
    "without_pairs",
]

ROUNDING = 1e-9
"""Relative difference between an edge and the sum over its events that rounding may explain."""


def associate(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    amount: NDArray[np.float64],
    time: NDArray[np.int64],
    parameters: Parameters,
) -> Edges:
    """Fold events into edges.

    Parameters
    ----------
    source, target : int64 (n_events,)
        Entity ids.
    amount : float64 (n_events,)
        What each event adds to the fast variable.
    time : int64 (n_events,)
        When, in milliseconds since 1970; in any order.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    Edges
        One a pair, sorted by source and target, each as of its last event.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> one = np.ones(2, dtype=np.int64)
    >>> edges = associate(one, one + 1, np.ones(2), np.array([0, DAY]), Parameters())
    >>> edges.fast.round(5), edges.events
    (array([1.452]), array([2]))
    """
    if not len(source):
        return Edges.empty()
    order, starts = group_pairs(source, target)
    source, target, amount, time = source[order], target[order], amount[order], time[order]
    sizes = np.diff(np.append(starts, len(source)))
    group = np.repeat(np.arange(len(starts)), sizes)
    as_of = np.maximum.reduceat(time, starts)
    fast, slow = fold(group, len(starts), amount, (as_of[group] - time) / DAY, parameters)
    return Edges(
        source[starts],
        target[starts],
        fast,
        slow,
        as_of,
        sizes,
        np.minimum.reduceat(time, starts),
        as_of.copy(),
    )


def superpose(edges: Edges, parameters: Parameters) -> Edges:
    """Add up all rows of each pair.

    Parameters
    ----------
    edges : Edges
        Any pair any number of times, in any order.
    parameters : Parameters
        The dynamics of all rows.

    Returns
    -------
    Edges
        One a pair, sorted by source and target, as of the latest of its rows.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> one = np.ones(1, dtype=np.int64)
    >>> first, second = (associate(one, one, np.ones(1), one * day * DAY, Parameters()) for day in (0, 1))
    >>> superpose(concatenate(first, second), Parameters()).fast.round(5)
    array([1.452])
    """
    if not len(edges):
        return edges
    order, starts = group_pairs(edges.source, edges.target)
    if len(starts) == len(edges):
        return edges.take(order)
    rows = edges.take(order)
    as_of = np.maximum.reduceat(rows.as_of, starts)
    sizes = np.diff(np.append(starts, len(rows)))
    fast, slow = propagate(rows.fast, rows.slow, (np.repeat(as_of, sizes) - rows.as_of) / DAY, parameters)
    return Edges(
        rows.source[starts],
        rows.target[starts],
        np.add.reduceat(fast, starts),
        np.add.reduceat(slow, starts),
        as_of,
        np.add.reduceat(rows.events, starts),
        np.minimum.reduceat(rows.first_seen, starts),
        np.maximum.reduceat(rows.last_seen, starts),
    )


def common_pairs(a: Edges, b: Edges) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the pairs that two sets of edges have in common.

    Parameters
    ----------
    a, b : Edges
        Both with every pair once.

    Returns
    -------
    rows_a, rows_b : int64 (n_common,)
        Positions of the common pairs in `a` and in `b`.

    Examples
    --------
    >>> common_pairs(Edges.empty(), Edges.empty())
    (array([], dtype=int64), array([], dtype=int64))
    """
    return same_pairs(a.source, a.target, b.source, b.target)


def same_pairs(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    among_source: NDArray[np.int64],
    among_target: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where pairs of ids stand among others.

    Parameters
    ----------
    source, target : int64 (n,)
        The pairs to look for; the same one may stand there several times.
    among_source, among_target : int64 (k,)
        Where to look, each pair once.

    Returns
    -------
    rows, places : int64 (n_found,)
        Positions of the pairs that are found, and where.

    Examples
    --------
    >>> same_pairs(np.array([1, 1, 2]), np.array([2, 2, 3]), np.array([2, 1]), np.array([1, 2]))
    (array([0, 1]), array([1, 1]))
    """
    ids = distinct(among_source, among_target)
    wanted = _keys(positions(source, ids), positions(target, ids), len(ids))
    there = _keys(positions(among_source, ids), positions(among_target, ids), len(ids))
    place = positions(wanted, there)
    rows = np.flatnonzero(place >= 0)
    return rows, place[rows]


def add_edges(a: Edges, b: Edges, parameters: Parameters) -> tuple[Edges, NDArray[np.bool_]]:
    """Add the edges of `a` to the same pairs of `b`.

    Parameters
    ----------
    a, b : Edges
        Both with every pair once; the variables of a common pair are propagated to the later as_of and added.
    parameters : Parameters
        The dynamics of both.

    Returns
    -------
    edges : Edges
        The pairs of `b`, in their order, with the edges of `a` added.
    known : bool (len(b),)
        Which of them `a` has.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> add_edges(Edges.empty(), Edges.empty(), Parameters())[1]
    array([], dtype=bool)
    """
    in_a, in_b = common_pairs(a, b)
    edges = b.take(np.arange(len(b)))
    _assign(edges, in_b, _added(a.take(in_a), b.take(in_b), parameters))
    known = np.zeros(len(b), dtype=np.bool_)
    known[in_b] = True
    return edges, known


def unite(a: Edges, b: Edges, parameters: Parameters) -> Edges:
    """All pairs of both, those in common propagated to the later as_of and added.

    Parameters
    ----------
    a, b : Edges
        Both with every pair once; `a` is changed in place, because it may hold all edges of a store.
    parameters : Parameters
        The dynamics of both.

    Returns
    -------
    Edges
        The pairs of `a` in their order, then those that only `b` has.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> len(unite(Edges.empty(), Edges.empty(), Parameters()))
    0
    """
    if not len(a):
        return b
    in_a, in_b = common_pairs(a, b)
    _assign(a, in_a, _added(a.take(in_a), b.take(in_b), parameters))
    new = np.ones(len(b), dtype=np.bool_)
    new[in_b] = False
    return concatenate(a, b.take(new))


def redirect_edges(edges: Edges, moved: Mapping[int, int], parameters: Parameters) -> Edges:
    """Edges with some entities replaced by others.

    Parameters
    ----------
    edges : Edges
        Each pair once.
    moved : mapping of int to int
        Entities and their replacements.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    Edges
        Each pair once; edges whose source and target become the same entity are left out.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> one = np.ones(1, dtype=np.int64)
    >>> edges = associate(one, one + 1, np.ones(1), one * 0, Parameters())
    >>> redirect_edges(edges, {2: 3}, Parameters()).target
    array([3])
    """
    source, target = redirected(edges.source, moved), redirected(edges.target, moved)
    if source is edges.source and target is edges.target:
        return edges
    renamed = replace(edges, source=source, target=target)
    new_loops = (source == target) & (edges.source != edges.target)
    return superpose(renamed.take(~new_loops), parameters)


def redirected(ids: NDArray[np.int64], moved: Mapping[int, int]) -> NDArray[np.int64]:
    """Ids, with those in `moved` replaced; the same array where there are none.

    Examples
    --------
    >>> redirected(np.array([1, 2]), {2: 3})
    array([1, 3])
    """
    row = positions(ids, np.array(list(moved), dtype=np.int64))
    if not (row >= 0).any():
        return ids
    return np.where(row >= 0, np.append(np.array(list(moved.values()), dtype=np.int64), 0)[row], ids)


def without_pairs(edges: Edges, others: Edges) -> Edges:
    """The edges whose pairs are not among the others.

    Examples
    --------
    >>> len(without_pairs(Edges.empty(), Edges.empty()))
    0
    """
    kept = np.ones(len(edges), dtype=np.bool_)
    kept[common_pairs(edges, others)[0]] = False
    return edges.take(kept)


def subtract_edges(
    edges: Edges, removed: Edges, remaining: Edges, parameters: Parameters
) -> tuple[Edges, Edges]:
    """Remove events: exactly where the remaining ones are known, by subtraction where they are not.

    Parameters
    ----------
    edges : Edges
        As they are stored; each pair once.
    removed : Edges
        The fold of the events to remove; each pair once.
    remaining : Edges
        The fold of all known remaining events, of these pairs at least; each pair once.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    changed : Edges
        Those of `edges` that lose events and keep others.
    deleted : Edges
        Those without remaining events, as they were.

    Notes
    -----
    An edge holds more than the known events where some were added without a ledger, and less where a
    maintenance pass has dropped some. Only an edge that holds more is subtracted from; the result never falls
    below the remaining events.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> one = np.ones(1, dtype=np.int64)
    >>> first, second = (associate(one, one, np.ones(1), one * day * DAY, Parameters()) for day in (0, 1))
    >>> both = superpose(concatenate(first, second), Parameters())
    >>> changed, deleted = subtract_edges(both, second, first, Parameters())
    >>> changed.fast, len(deleted)
    (array([1.]), 0)
    """
    rows, removed_rows = common_pairs(edges, removed)
    before, minus = edges.take(rows), removed.take(removed_rows)
    plus = _aligned(remaining, before)
    # the latest as_of: propagation goes forward in time only
    latest = np.maximum(before.as_of, np.maximum(minus.as_of, plus.as_of))
    fast, slow = _propagated(before, latest, parameters)
    minus_fast, minus_slow = _propagated(minus, latest, parameters)
    plus_fast, plus_slow = _propagated(plus, latest, parameters)
    more = (
        (before.events > minus.events + plus.events)
        | (fast > (minus_fast + plus_fast) * (1 + ROUNDING))
        | (slow > (minus_slow + plus_slow) * (1 + ROUNDING))
    )
    # as_of is the last event's date, unless maintenance has moved it on
    moved = before.as_of > np.maximum(minus.last_seen, plus.last_seen)
    as_of = np.where(moved, before.as_of, plus.last_seen)
    exact_fast, exact_slow = _propagated(plus, as_of, parameters)
    after = Edges(
        before.source,
        before.target,
        np.where(more, np.maximum(fast - minus_fast, plus_fast), exact_fast),
        np.where(more, np.maximum(slow - minus_slow, plus_slow), exact_slow),
        np.where(more, latest, as_of),
        np.where(more, np.maximum(before.events - minus.events, np.maximum(plus.events, 1)), plus.events),
        np.where(more, before.first_seen, plus.first_seen),
        np.where(more, before.last_seen, plus.last_seen),
    )
    kept = after.events > 0
    return after.take(kept), before.take(~kept)


def without_events(edges: Edges, removed: Edges, remaining: Edges, parameters: Parameters) -> Edges:
    """All edges, also those that lose no event, without the removed events; see `subtract_edges`.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> len(without_events(Edges.empty(), Edges.empty(), Edges.empty(), Parameters()))
    0
    """
    changed, deleted = subtract_edges(edges, removed, remaining, parameters)
    return concatenate(without_pairs(edges, concatenate(changed, deleted)), changed)


def unaccounted(
    edges: Edges, sums: Edges, parameters: Parameters, rounding: float = ROUNDING
) -> NDArray[np.bool_]:
    """Which edges these events do not account for, also not after a maintenance pass.

    Parameters
    ----------
    edges : Edges
        As they are stored; each pair once.
    sums : Edges
        The fold of the events; each pair once.
    parameters : Parameters
        The dynamics.
    rounding : float
        Relative difference that does not count.

    Returns
    -------
    bool (len(edges),)
        Edges with more events or larger variables than the sum, or with as many events and smaller
        variables. Fewer events with smaller variables are accounted for: a maintenance pass may have dropped
        the edge before its latest events.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> unaccounted(Edges.empty(), Edges.empty(), Parameters())
    array([], dtype=bool)
    """
    whole = _aligned(sums, edges)
    later = np.maximum(edges.as_of, whole.as_of)
    fast, slow = _propagated(edges, later, parameters)
    whole_fast, whole_slow = _propagated(whole, later, parameters)
    slack = rounding * np.maximum(whole_fast, whole_slow)
    more = (edges.events > whole.events) | (fast > whole_fast + slack) | (slow > whole_slow + slack)
    less = (edges.events == whole.events) & ((fast < whole_fast - slack) | (slow < whole_slow - slack))
    differing: NDArray[np.bool_] = more | less
    return differing


def concatenate(*parts: Edges) -> Edges:
    """The rows of all, one after the other.

    Examples
    --------
    >>> len(concatenate(Edges.empty(), Edges.empty()))
    0
    """
    return Edges(*(np.concatenate([getattr(part, name) for part in parts]) for name in EDGE_SCHEMA.names))


def _added(left: Edges, right: Edges, parameters: Parameters) -> Edges:
    """The sum of two sets of edges of the same pairs, row by row."""
    as_of = np.maximum(left.as_of, right.as_of)
    fast, slow = merge(
        left.fast,
        left.slow,
        (as_of - left.as_of) / DAY,
        right.fast,
        right.slow,
        (as_of - right.as_of) / DAY,
        parameters,
    )
    return Edges(
        left.source,
        left.target,
        fast,
        slow,
        as_of,
        left.events + right.events,
        np.minimum(left.first_seen, right.first_seen),
        np.maximum(left.last_seen, right.last_seen),
    )


def _propagated(
    edges: Edges, time: NDArray[np.int64], parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return propagate(edges.fast, edges.slow, (time - edges.as_of) / DAY, parameters)


def _aligned(edges: Edges, pairs: Edges) -> Edges:
    """The edges of these pairs, in their order; a pair without an edge gets one without events."""
    zero = np.zeros(len(pairs))
    none = np.zeros(len(pairs), dtype=np.int64)
    aligned = Edges(
        pairs.source, pairs.target, zero, zero.copy(), none, none.copy(), none.copy(), none.copy()
    )
    rows, aligned_rows = common_pairs(edges, pairs)
    for name in ("fast", "slow", "as_of", "events", "first_seen", "last_seen"):
        getattr(aligned, name)[aligned_rows] = getattr(edges, name)[rows]
    return aligned


def _assign(edges: Edges, rows: NDArray[np.int64], values: Edges) -> None:
    for name in EDGE_SCHEMA.names:
        getattr(edges, name)[rows] = getattr(values, name)


def _keys(source: NDArray[np.int64], target: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """One number a pair of positions below `count` (at most three billion); -1 where either is missing."""
    return np.where((source >= 0) & (target >= 0), source * count + target, -1)


def group_pairs(
    source: NDArray[np.int64], target: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order that sorts pairs, and where each distinct pair starts in it.

    Parameters
    ----------
    source, target : int64 (n,)
        Ids.

    Returns
    -------
    order, starts : int64 (n,), int64 (n_pairs,)
        Positions of the pairs in ascending order, and positions in `order`.

    Examples
    --------
    >>> group_pairs(np.array([2, 1, 2]), np.array([3, 3, 3]))
    (array([1, 0, 2]), array([0, 1]))
    """
    # each pair is one number to sort by
    ids = distinct(source, target)
    keys = _keys(positions(source, ids), positions(target, ids), len(ids))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return order, np.flatnonzero(first)
