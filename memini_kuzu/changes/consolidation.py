"""The maintenance pass: read → propagate → forget → write back, one change.

Never needed for correctness: a query computes every strength at the moment it is asked. The pass keeps the
file small, by dropping associations that can never matter again, and brings all of them to one date. With a
budget it also drops what matters least: all but the strongest.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.dynamics import propagate, retained
from memini_kuzu.errors import InputError
from memini_kuzu.store.evidence import passages_beside
from memini_kuzu.tables import EDGE_SCHEMA, checked_edges, kth_greatest, millis, timestamps
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store import Store

__all__ = ["MaintenanceReport", "consolidate"]

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)

PIECE = 1 << 16
"""Associations brought to a date at a time: what is computed on the way stays in the processor's cache."""


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
            change.replace("ASSOCIATES", outcome.kept)
            store.note_advance(change, now)
    fast = outcome.kept["fast"].to_numpy()
    return MaintenanceReport(
        edges=outcome.edges,
        forgotten=outcome.forgotten,
        over_budget=outcome.edges - outcome.forgotten - len(fast),
        strengthened=outcome.strengthened,
        seconds=time.perf_counter() - began,
        strengths=dict(
            zip((f"{q:.0%}" for q in QUANTILES), np.quantile(fast, QUANTILES).tolist(), strict=True)
        )
        if len(fast)
        else {},
        unneeded_passages=outcome.unneeded_passages,
        dry_run=dry_run,
    )


class _Outcome(NamedTuple):
    """What a pass comes to; `kept` is those that stay as they stand now, `tables.EDGE_SCHEMA`."""

    edges: int
    forgotten: int
    strengthened: int
    kept: pa.Table
    unneeded_passages: int


def _judge(store: Store, now: int, threshold: float, keep: int | None) -> _Outcome:
    stored = checked_edges(store.read_edges())
    edges, strengthened = advance(stored, now, store.parameters)
    fast, slow = (edges[name].to_numpy() for name in ("fast", "slow"))
    kept = retained(fast, slow, threshold)
    forgotten = int((~kept).sum())
    if keep is not None:
        kept = strongest(edges, kept, keep)
    # as a rule all stay: then nothing is copied
    rows = edges if kept.all() else edges.filter(pa.array(kept))
    ends = pc.unique(pa.chunked_array([*rows["source"].chunks, *rows["target"].chunks], pa.int64()))
    return _Outcome(len(edges), forgotten, strengthened, rows, passages_beside(store.read, ends))


def advance(edges: pa.Table, now: int, parameters: Parameters) -> tuple[pa.Table, int]:
    """Edges as they stand now.

    Parameters
    ----------
    edges : pyarrow.Table
        `tables.EDGE_SCHEMA`. What does not change is not copied: a pass may be over all edges of a store.
    now : int
        Milliseconds since 1970; edges with a later as_of stay as they are.
    parameters : Parameters
        The dynamics.

    Returns
    -------
    edges : pyarrow.Table
        The same rows.
    strengthened : int
        How many have a larger slow variable than before.
    """
    fast, slow = np.empty(len(edges)), np.empty(len(edges))
    strengthened = begin = 0
    for batch in edges.to_batches(PIECE):
        end = begin + len(batch)
        before = batch["slow"].to_numpy()
        as_of = millis(batch["as_of"])
        days = (np.maximum(as_of, now) - as_of) / DAY
        fast[begin:end], slow[begin:end] = propagate(batch["fast"].to_numpy(), before, days, parameters)
        strengthened += int((slow[begin:end] > before).sum())
        begin = end
    as_of = pc.max_element_wise(edges["as_of"], timestamps([now])[0])
    now_other = {"fast": fast, "slow": slow, "as_of": as_of}
    columns = [now_other.get(name, edges[name]) for name in EDGE_SCHEMA.names]
    return pa.table(columns, schema=EDGE_SCHEMA), strengthened


def strongest(edges: pa.Table, among: NDArray[np.bool_], keep: int) -> NDArray[np.bool_]:
    """The edges that a budget keeps.

    Parameters
    ----------
    edges : pyarrow.Table
        `tables.EDGE_SCHEMA`, brought to one date.
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
    >>> edges = pa.table({"source": [0, 1, 2], "target": [1, 2, 3], "fast": [0.2, 0.9, 0.2]})
    >>> strongest(edges, np.array([True, True, True]), 2)
    array([ True,  True, False])
    """
    if keep >= among.sum():
        return among
    fast = edges["fast"].to_numpy()
    least = kth_greatest(fast[among], keep) if keep else np.inf
    best: NDArray[np.bool_] = among & (fast > least)
    tied = np.flatnonzero(among & (fast == least))
    source, target = (edges[name].take(pa.array(tied)).to_numpy() for name in ("source", "target"))
    best[tied[np.lexsort((target, source))[: keep - int(best.sum())]]] = True
    return best
