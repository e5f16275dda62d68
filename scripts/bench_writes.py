"""Writing some edges into many, in place and by a table swap: what the store's cost model is fitted to."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_common import FAN_OUT, Row, alternate, compare, generated_edges, generated_store

from memini_kuzu.dynamics.edges import concatenate, superpose
from memini_kuzu.store.associations import write_edges

if TYPE_CHECKING:
    from memini_kuzu.store import Store
    from memini_kuzu.tables import Edges

CHANGED = (20, 1_000, 50_000)
"""A remembered passage, a batch of short ones, and a batch of long ones."""


def writes(edges: int, runs: int) -> list[Row]:
    """Each number of changed edges both ways; half of them are there already."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        generated_store(Path(folder) / "writes.memini", edges) as store,
    ):
        for changed in filter(lambda changed: changed <= edges, CHANGED):
            batch = _batch(edges, changed, store)
            sides = (partial(_write, store, batch, swap=swap) for swap in (False, True))
            in_place, swap = alternate(runs, *sides)
            chosen = "a swap" if store.prefers_swap(changed, edges) else "in place"
            note = f"floor: by a table swap; the cost model chooses {chosen}"
            rows.append(compare("writes", f"{changed:,} in place", edges, in_place, swap, note=note))
    return rows


def _batch(edges: int, changed: int, store: Store) -> Edges:
    everything = generated_edges(edges)
    known = everything.take(np.random.default_rng(0).choice(edges, changed // 2, replace=False))
    new = replace(known, target=np.roll(known.target, FAN_OUT))
    return superpose(concatenate(known, new), store.parameters)


def _write(store: Store, batch: Edges, *, swap: bool) -> None:
    chooser = store.prefers_swap
    store.prefers_swap = lambda changed, total: swap  # type: ignore[method-assign]  # noqa: ARG005
    try:
        with store.changing() as change:
            write_edges(store, change, batch)
    finally:
        store.prefers_swap = chooser  # type: ignore[method-assign]
