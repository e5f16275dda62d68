"""Spreading over the graph: three steps with a beam of 32, at two sizes, and scipy's product of them."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bench_common import FAN_OUT, NOW, Row, alternate, compare, entity_ids, generated_store, timed
from scipy import sparse

from memini_kuzu.store import reading
from memini_kuzu.tables import positions
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
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
            sides = ((floor, small), (store, edges))
            in_file = _series(sides, max(runs, 5) * 2, reading.associations_in_file)
            held = [_hold(*side) for side in sides]
            series = _series(sides, max(runs, 5) * 20, reading.associations_from)
            products = _products(store, _seeds(edges, 0), runs)
    case = f"{STEPS} steps, beam {BEAM}"
    note = f"floor: the same at {small:,} edges"
    return [
        compare("recall", case, edges, series[1], series[0], goal="≤ 1.5", note=note),
        compare(
            "recall", "against scipy", edges, series[1], products, note="floor: a sparse product, in memory"
        ),
        compare("recall", "the first ones, asked of the file", edges, in_file[1], in_file[0], note=note),
        compare(
            "recall",
            "reading all into memory",
            edges,
            [held[1].seconds],
            in_file[1],
            note=f"floor: one recall asked of the file; takes {held[1].most:,} MB while it reads",
        ),
    ]


def _series(sides: Iterable[tuple[Store, int]], runs: int, hop: Callable[..., pa.Table]) -> list[list[float]]:
    """Seconds of so many spreads over each store, in turns."""
    series: list[list[float]] = [[], []]
    for number in range(runs + 1):
        for place, (memory, count) in zip(series, sides, strict=True):
            seconds = timed(partial(spread, memory, _seeds(count, number), hop))
            if number:
                place.append(seconds)
    return series


class _Held(NamedTuple):
    """What reading all associations into memory took: seconds, and megabytes at most."""

    seconds: float
    most: int


def _hold(store: Store, count: int) -> _Held:
    """Hop until all associations are read into memory; those hops ask the file."""
    ids, now = entity_ids(count // FAN_OUT)[:BEAM].tolist(), from_millis(NOW)
    while store.adjacency() is None:
        reading.associations_from(store, ids, now)
        before = _memory("VmRSS")
        # from here on, the most that was held is counted anew (Linux)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        began = time.perf_counter()
        store.adjacency()
        seconds = time.perf_counter() - began
    return _Held(seconds, (_memory("VmHWM") - before) >> 10)


def _memory(kind: str) -> int:
    """Kilobytes that this process holds (VmRSS), or has held at most (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{kind}:")[2].split()[0])


def _seeds(edges: int, number: int) -> NDArray[np.int64]:
    entities = entity_ids(edges // FAN_OUT)
    return np.random.default_rng(number).choice(entities, SEEDS, replace=False)


def spread(store: Store, seeds: NDArray[np.int64], hop: Callable[..., pa.Table]) -> dict[int, float]:
    """Activation after the steps; of each step, the strongest go on."""
    activation = dict.fromkeys(seeds.tolist(), 1.0)
    total: dict[int, float] = {}
    for _ in range(STEPS):
        table = hop(store, list(activation), from_millis(NOW))
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
