"""The maintenance pass: read → propagate → forget → write back, one change.

Never needed for correctness: a query computes every strength at the moment it is asked. The pass keeps the
file small, by dropping associations that can never matter again, and brings all of them to one date.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.dynamics import propagate, retained
from memini_kuzu.errors import InputError
from memini_kuzu.tables import Edges, edges_from_arrow, edges_to_arrow
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
    strengthened : int
        Those whose slow variable grew since they were last brought up to date.
    seconds : float
        How long it took.
    strengths : dict of str to float
        Quantiles of the fast variable now, of those kept.
    dry_run : bool
        Whether nothing was written.
    """

    edges: int
    forgotten: int
    strengthened: int
    seconds: float
    strengths: dict[str, float]
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def consolidate(
    store: Store, *, now: int, threshold: float = FORGET_BELOW, dry_run: bool = False
) -> MaintenanceReport:
    """Bring every association to one date and delete the weak; see `Memory.consolidate`.

    Associations with evidence later than `now` stay as they are.
    """
    if not threshold >= 0:
        raise InputError(f"threshold = {threshold}; pass a strength of at least 0, such as {FORGET_BELOW}")
    began = time.perf_counter()
    if dry_run:
        before = edges_from_arrow(store.read_edges())
        after, kept = advance(before, now, threshold, store)
    else:
        with store.changing() as change:
            before = edges_from_arrow(store.read_edges())
            after, kept = advance(before, now, threshold, store)
            change.replace("ASSOCIATES", edges_to_arrow(after.take(kept)))
    fast = after.fast[kept]
    return MaintenanceReport(
        edges=len(before),
        forgotten=int(len(before) - kept.sum()),
        strengthened=int((after.slow > before.slow).sum()),
        seconds=time.perf_counter() - began,
        strengths=dict(
            zip((f"{q:.0%}" for q in QUANTILES), np.quantile(fast, QUANTILES).tolist(), strict=True)
        )
        if len(fast)
        else {},
        dry_run=dry_run,
    )


def advance(edges: Edges, now: int, threshold: float, store: Store) -> tuple[Edges, NDArray[np.bool_]]:
    """All edges as they stand now, and which of them stay."""
    later = np.maximum(edges.as_of, now)
    fast, slow = propagate(edges.fast, edges.slow, (later - edges.as_of) / DAY, store.parameters)
    after = Edges(
        edges.source, edges.target, fast, slow, later, edges.events, edges.first_seen, edges.last_seen
    )
    return after, retained(fast, slow, threshold)
