"""Associations as columns: events folded into edges, and edges added to edges.

Both are superposition: the state of an edge is the sum of the responses of its events, so neither the order
of the events nor how they are split over calls, batches or stores changes the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import fold, merge
from memini_kuzu.tables import EDGE_SCHEMA, Edges
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

__all__ = ["add_edges", "associate", "common_pairs", "concatenate"]


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
    order = np.lexsort((target, source))
    source, target, amount, time = source[order], target[order], amount[order], time[order]
    starts = _starts(source, target)
    if not len(starts):
        return Edges.empty()
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(source))))
    as_of = np.maximum.reduceat(time, starts)
    fast, slow = fold(group, len(starts), amount, (as_of[group] - time) / DAY, parameters)
    return Edges(
        source[starts],
        target[starts],
        fast,
        slow,
        as_of,
        np.bincount(group).astype(np.int64),
        np.minimum.reduceat(time, starts),
        as_of.copy(),
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
    source = np.concatenate([a.source, b.source])
    target = np.concatenate([a.target, b.target])
    # stable: of two equal pairs a's stands first
    order = np.lexsort((target, source))
    again = np.flatnonzero(~_first(source[order], target[order]))
    return order[again - 1], order[again] - len(a)


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
    left, right = a.take(in_a), b.take(in_b)
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
    edges = b.take(np.arange(len(b)))
    edges.fast[in_b], edges.slow[in_b], edges.as_of[in_b] = fast, slow, as_of
    edges.events[in_b] = left.events + right.events
    edges.first_seen[in_b] = np.minimum(left.first_seen, right.first_seen)
    edges.last_seen[in_b] = np.maximum(left.last_seen, right.last_seen)
    known = np.zeros(len(b), dtype=np.bool_)
    known[in_b] = True
    return edges, known


def concatenate(a: Edges, b: Edges) -> Edges:
    """The rows of both, one after the other.

    Examples
    --------
    >>> len(concatenate(Edges.empty(), Edges.empty()))
    0
    """
    return Edges(*(np.concatenate([getattr(a, name), getattr(b, name)]) for name in EDGE_SCHEMA.names))


def _first(source: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows of sorted pairs begin a new pair."""
    first = np.ones(len(source), dtype=np.bool_)
    first[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    return first


def _starts(source: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(_first(source, target))
