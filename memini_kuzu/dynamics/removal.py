"""Edges without some of their events, and edges that events do not account for.

Where the remaining events are known, they are summed again instead of subtracting the removed ones:
subtraction would cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import propagate
from memini_kuzu.dynamics.edges import concatenate
from memini_kuzu.dynamics.pairs import common_pairs, without_pairs
from memini_kuzu.tables import Edges
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

__all__ = ["ROUNDING", "subtract_edges", "unaccounted", "without_events"]

ROUNDING = 1e-9
"""Relative difference between an edge and the sum over its events that rounding may explain."""


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
    >>> from memini_kuzu.dynamics.edges import associate, superpose
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
