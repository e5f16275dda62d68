"""Spreading over the graph: three steps with a beam of 32, at two sizes, and scipy's product of them."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bench_common import FAN_OUT, NOW, Row, alternate, compare, entity_ids, generated_store, timed
from scipy import sparse

from memini_kuzu.store.in_file import InFile
from memini_kuzu.store.model import InMemory
from memini_kuzu.tables import positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.lookup import Lookup

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
            in_file = _series(sides, max(runs, 5) * 2, _in_file)
            held = [_hold(each) for each, _ in sides]
            series = _series(sides, max(runs, 5) * 20, _in_memory)
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


def _series(
    sides: Iterable[tuple[Store, int]], runs: int, lookup: Callable[[Store], Lookup]
) -> list[list[float]]:
    """Seconds of so many spreads over each store, in turns."""
    series: list[list[float]] = [[], []]
    for number in range(runs + 1):
        for place, (memory, count) in zip(series, sides, strict=True):
            seconds = timed(partial(spread, lookup(memory), _seeds(count, number)))
            if number:
                place.append(seconds)
    return series


class _Held(NamedTuple):
    """What reading all into memory took: seconds, and megabytes at most."""

    seconds: float
    most: int


def _in_file(store: Store) -> Lookup:
    return InFile(store, NOW, None)


def _in_memory(store: Store) -> Lookup:
    return InMemory(store.hold(), NOW, store.parameters)


def _hold(store: Store) -> _Held:
    """Read all into memory."""
    before = _memory("VmRSS")
    # from here on, the most that was held is counted anew (Linux)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    seconds = timed(store.hold)
    return _Held(seconds, (_memory("VmHWM") - before) >> 10)


def _memory(kind: str) -> int:
    """Kilobytes that this process holds (VmRSS), or has held at most (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{kind}:")[2].split()[0])


def _seeds(edges: int, number: int) -> NDArray[np.int64]:
    entities = entity_ids(edges // FAN_OUT)
    return np.random.default_rng(number).choice(entities, SEEDS, replace=False)


def _led(
    lookup: Lookup, front: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The sources, targets and strengths of all associations that lead from some entities."""
    outgoing = lookup.associations(front)
    found = outgoing.leading(np.arange(len(front)))
    return front[found.source], outgoing.entities(found.target)[0], found.strength


def spread(lookup: Lookup, seeds: NDArray[np.int64]) -> dict[int, float]:
    """Activation after the steps; of each step, the strongest go on."""
    activation = dict.fromkeys(seeds.tolist(), 1.0)
    total: dict[int, float] = {}
    for _ in range(STEPS):
        front = np.array(list(activation), dtype=np.int64)
        source, target, strength = _led(lookup, front)
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
    front, steps, lookup = seeds, [], _in_memory(store)
    for _ in range(STEPS):
        steps.append(_led(lookup, front))
        front = np.unique(steps[-1][1])[:BEAM]
    source, target, strength = (np.concatenate(columns) for columns in zip(*steps, strict=True))
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
