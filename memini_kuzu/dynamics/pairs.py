"""Pairs of entities: where those of some columns stand among others, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.tables import Edges, distinct, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["common_pairs", "group_pairs", "same_pairs", "without_pairs"]


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


def _keys(source: NDArray[np.int64], target: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """One number a pair of positions below `count` (at most three billion); -1 where either is missing."""
    return np.where((source >= 0) & (target >= 0), source * count + target, -1)
