"""The maintenance pass: read → propagate → forget → write back, one change.

Never needed for correctness: a query computes every strength at the moment it is asked. The pass keeps the
file small, by dropping associations that can never matter again, and brings all of them to one date. With a
budget it also drops what matters least: all but the strongest.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.dynamics import propagate, retained
from memini_kuzu.errors import InputError
from memini_kuzu.store.evidence import passages_beside
from memini_kuzu.tables import Edges, distinct, edges_from_arrow, edges_to_arrow
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store

__all__ = ["MaintenanceReport", "consolidate"]

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What a maintenance pass did, or would do.

    Parameters
    ----------
    edges : int
        Associations before the pass.
    forgotten : int
        Those whose two variables were both below the threshold: they can never reach it without new evidence.
    over_budget : int
        Those dropped beside them because the budget held stronger ones only; 0 without a budget.
    strengthened : int
        Those whose slow variable grew since they were last brought up to date.
    seconds : float
        How long it took.
    strengths : dict of str to float
        Quantiles of the fast variable now, of those kept.
    unneeded_passages : int
        Passages that no association needs: none of the entities that they mention takes part in a kept
        association, or they mention none. They stay, and recall finds them by their words.
    dry_run : bool
        Whether nothing was written.
    """

    edges: int
    forgotten: int
    over_budget: int
    strengthened: int
    seconds: float
    strengths: dict[str, float]
    unneeded_passages: int
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def consolidate(
    store: Store,
    *,
    now: int,
    threshold: float = FORGET_BELOW,
    keep: int | None = None,
    dry_run: bool = False,
) -> MaintenanceReport:
    """Bring every association to one date and delete the weak; see `Memory.consolidate`.

    Associations with evidence later than `now` are not brought back to it: they count as they are then.
    """
    if not threshold >= 0:
        raise InputError(f"threshold = {threshold}; pass a strength of at least 0, such as {FORGET_BELOW}")
    if keep is not None and keep < 0:
        raise InputError(f"keep = {keep}; pass how many associations to keep at most, 0 or more")
    began = time.perf_counter()
    if dry_run:
        with store.snapshot():
            outcome = _judge(store, now, threshold, keep)
    else:
        with store.changing() as change:
            outcome = _judge(store, now, threshold, keep)
            change.replace("ASSOCIATES", edges_to_arrow(outcome.after.take(outcome.kept)))
    fast = outcome.after.fast[outcome.kept]
    return MaintenanceReport(
        edges=len(outcome.before),
        forgotten=int((~outcome.lasting).sum()),
        over_budget=int((outcome.lasting & ~outcome.kept).sum()),
        strengthened=int((outcome.after.slow > outcome.before.slow).sum()),
        seconds=time.perf_counter() - began,
        strengths=dict(
            zip((f"{q:.0%}" for q in QUANTILES), np.quantile(fast, QUANTILES).tolist(), strict=True)
        )
        if len(fast)
        else {},
        unneeded_passages=outcome.unneeded_passages,
        dry_run=dry_run,
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """All edges before and after, which of them outlast the threshold, and which also fit the budget."""

    before: Edges
    after: Edges
    lasting: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    unneeded_passages: int


def _judge(store: Store, now: int, threshold: float, keep: int | None) -> _Outcome:
    before = edges_from_arrow(store.read_edges())
    after = advance(before, now, store)
    lasting = retained(after.fast, after.slow, threshold)
    kept = lasting if keep is None else lasting & strongest(after, lasting, keep)
    ends = distinct(after.source[kept], after.target[kept])
    return _Outcome(before, after, lasting, kept, passages_beside(store.read, ends))


def advance(edges: Edges, now: int, store: Store) -> Edges:
    """All edges as they stand now."""
    later = np.maximum(edges.as_of, now)
    fast, slow = propagate(edges.fast, edges.slow, (later - edges.as_of) / DAY, store.parameters)
    return Edges(
        edges.source, edges.target, fast, slow, later, edges.events, edges.first_seen, edges.last_seen
    )


def strongest(edges: Edges, among: NDArray[np.bool_], keep: int) -> NDArray[np.bool_]:
    """The edges that a budget keeps.

    Parameters
    ----------
    edges : Edges
        Brought to one date.
    among : bool (n_edges,)
        Those that may be kept.
    keep : int
        How many at most, ≥ 0.

    Returns
    -------
    bool (n_edges,)
        Those with the largest w_f; where it ties, those with the smaller id of the source, then of the
        target.

    Examples
    --------
    >>> ids, ones = np.arange(3), np.ones(3)
    >>> edges = Edges(ids, ids + 1, np.array([0.2, 0.9, 0.2]), ones, ids, ids, ids, ids)
    >>> strongest(edges, np.array([True, True, True]), 2)
    array([ True,  True, False])
    """
    rows = np.flatnonzero(among)
    order = np.lexsort((edges.target[rows], edges.source[rows], -edges.fast[rows]))
    best = np.zeros(len(edges), dtype=np.bool_)
    best[rows[order[:keep]]] = True
    return best
