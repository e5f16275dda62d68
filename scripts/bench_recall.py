"""Spreading over the graph: three steps with a beam of 32, at two sizes, and scipy's product of them."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench_common import NOW, Row, alternate, compare, entity_ids, generated_store, timed
from scipy import sparse

from memini_kuzu.store import reading
from memini_kuzu.tables import positions
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store

STEPS, BEAM, SEEDS = 3, 32, 5

SMALL = 100_000
"""Edges of the memory that the large one is compared with."""


def recall(edges: int, runs: int) -> list[Row]:
    """A spread at `edges` against one at `SMALL`, in one run; and against scipy on the same edges."""
    with tempfile.TemporaryDirectory() as folder:
        small = min(SMALL, edges)
        with (
            generated_store(Path(folder) / "small.memini", small) as floor,
            generated_store(Path(folder) / "large.memini", edges) as store,
        ):
            series: list[list[float]] = [[], []]
            for number in range(max(runs, 5) * 5):
                for place, (memory, count) in zip(series, ((floor, small), (store, edges)), strict=True):
                    seeds = _seeds(count, number)
                    if number == 0:
                        spread(memory, seeds)
                    place.append(timed(partial(spread, memory, seeds)))
            products = _products(store, _seeds(edges, 0), runs)
    note = f"floor: the same at {small:,} edges"
    return [
        compare(
            "recall", f"{STEPS} steps, beam {BEAM}", edges, series[1], series[0], goal="≤ 1.5", note=note
        ),
        compare(
            "recall", "against scipy", edges, series[1], products, note="floor: a sparse product, in memory"
        ),
    ]


def _seeds(edges: int, number: int) -> NDArray[np.int64]:
    entities = entity_ids(edges // 10)
    return np.random.default_rng(number).choice(entities, SEEDS, replace=False)


def spread(store: Store, seeds: NDArray[np.int64]) -> dict[int, float]:
    """Activation after the steps; of each step, the strongest go on."""
    activation = dict.fromkeys(seeds.tolist(), 1.0)
    total: dict[int, float] = {}
    for _ in range(STEPS):
        table = reading.associations_from(store, list(activation), from_millis(NOW))
        source, target = table["source"].to_numpy(), table["id"].to_numpy()
        strength = table["strength"].to_numpy()
        ends = np.unique(target)
        starts, row = np.unique(source, return_inverse=True)
        sums = np.bincount(row, weights=strength)
        sent = np.array([activation[start] for start in starts.tolist()])[row] * strength / sums[row]
        reached = np.bincount(positions(target, ends), weights=sent)
        best = np.argsort(-reached, kind="stable")[:BEAM]
        activation = dict(zip(ends[best].tolist(), reached[best].tolist(), strict=True))
        total |= activation
    return total


def _products(store: Store, seeds: NDArray[np.int64], runs: int) -> list[float]:
    """Seconds of three products with the matrix of what the spread reads."""
    front, tables = seeds, []
    for _ in range(STEPS):
        table = reading.associations_from(store, front.tolist(), from_millis(NOW))
        tables.append(table)
        front = np.unique(table["id"].to_numpy())[:BEAM]
    source = np.concatenate([table["source"].to_numpy() for table in tables])
    target = np.concatenate([table["id"].to_numpy() for table in tables])
    strength = np.concatenate([table["strength"].to_numpy() for table in tables])
    ids = np.unique(np.concatenate([source, target]))
    shape = (len(ids), len(ids))
    matrix = sparse.csr_array((strength, (positions(target, ids), positions(source, ids))), shape=shape)
    start: NDArray[np.float64] = np.zeros(len(ids))
    start[positions(np.intersect1d(seeds, ids), ids)] = 1.0

    def product() -> None:
        vector: Any = start
        for _ in range(STEPS):
            vector = matrix @ vector

    return alternate(max(runs, 5), product)[0]
