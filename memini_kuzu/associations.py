"""Associations as columns: events folded into edges, and edges added to edges.

Both are superposition: the state of an edge is the sum of the responses of its events, so neither the order
of the events nor how they are split over calls, batches or stores changes the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import fold, merge, propagate
from memini_kuzu.tables import EDGE_SCHEMA, Edges, distinct, positions
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

__all__ = ["add_edges", "associate", "common_pairs", "concatenate", "superpose", "unite"]


def associate(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    amount: NDArray[np.float64],
    time: NDArray[np.int64],
    parameters: Parameters,
) -> Edges:
    """Fold events into the edges that they alone would make.

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
    order, starts = _group(source, target)
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
    """Add up what several memories know of each pair.

    Parameters
    ----------
    edges : Edges
        Any pair any number of times, in any order.
    parameters : Parameters
        The dynamics, which all share.

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
    order, starts = _group(edges.source, edges.target)
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
    """Where the same pair stands on both sides.

    Parameters
    ----------
    a, b : Edges
        Each with every pair once.

    Returns
    -------
    rows_a, rows_b : int64 (n_common,)
        Positions of the common pairs in each.

    Examples
    --------
    >>> common_pairs(Edges.empty(), Edges.empty())
    (array([], dtype=int64), array([], dtype=int64))
    """
    ids = distinct(b.source, b.target)
    key_a = _keys(positions(a.source, ids), positions(a.target, ids), len(ids))
    key_b = _keys(positions(b.source, ids), positions(b.target, ids), len(ids))
    in_b = positions(key_a, key_b)
    in_a = np.flatnonzero(in_b >= 0)
    return in_a, in_b[in_a]


def add_edges(a: Edges, b: Edges, parameters: Parameters) -> tuple[Edges, NDArray[np.bool_]]:
    """The edges of one memory that has seen what both have seen.

    Parameters
    ----------
    a, b : Edges
        Each with every pair once; the variables of a common pair are brought to the later as_of and added.
    parameters : Parameters
        The dynamics, which both share.

    Returns
    -------
    edges : Edges
        The pairs of `b`, in their order, with what `a` has of them added.
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
    """All pairs of both, those in common brought to the later as_of and added.

    Parameters
    ----------
    a, b : Edges
        Each with every pair once; `a` is changed in place, for it may be all that a store holds.
    parameters : Parameters
        The dynamics, which both share.

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


def concatenate(*parts: Edges) -> Edges:
    """The rows of all, one after the other.

    Examples
    --------
    >>> len(concatenate(Edges.empty(), Edges.empty()))
    0
    """
    return Edges(*(np.concatenate([getattr(part, name) for part in parts]) for name in EDGE_SCHEMA.names))


def _added(left: Edges, right: Edges, parameters: Parameters) -> Edges:
    """The sum of two memories of the same pairs, row by row."""
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


def _assign(edges: Edges, rows: NDArray[np.int64], values: Edges) -> None:
    for name in EDGE_SCHEMA.names:
        getattr(edges, name)[rows] = getattr(values, name)


def _keys(source: NDArray[np.int64], target: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """One number a pair of positions below `count` (at most three billion); -1 where either is missing."""
    return np.where((source >= 0) & (target >= 0), source * count + target, -1)


def _group(
    source: NDArray[np.int64], target: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order that sorts pairs, and where in it each new pair starts: one sort of one number a pair."""
    ids = distinct(source, target)
    keys = _keys(positions(source, ids), positions(target, ids), len(ids))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return order, np.flatnonzero(first)
