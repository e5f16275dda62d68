"""Edges as columns: events folded into edges, edges added to edges, and led to other entities.

All of it is superposition: the state of an edge is the sum of the responses of its events, so neither the
order of the events nor how they are split over calls, batches or stores changes the sum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import fold, merge, propagate
from memini_kuzu.dynamics.pairs import common_pairs, group_pairs
from memini_kuzu.tables import EDGE_SCHEMA, Edges, positions
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

__all__ = [
    "add_edges",
    "associate",
    "concatenate",
    "redirect_edges",
    "redirected",
    "superpose",
    "unite",
]


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


def _assign(edges: Edges, rows: NDArray[np.int64], values: Edges) -> None:
    for name in EDGE_SCHEMA.names:
        getattr(edges, name)[rows] = getattr(values, name)
