"""The maintenance pass against reading all edges and copying them back, and against Cypher's SET."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_common import NOW, Row, alternate, compare, generated_store

from memini_kuzu.changes.consolidation import consolidate
from memini_kuzu.tables import edges_from_arrow
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    import pyarrow as pa

    from memini_kuzu.store import Store

SET_ALL = """
MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity)
WITH e, $now AS now
WITH e, now, memini_fast(e, now) AS fast, memini_slow(e, now) AS slow
SET e.fast = fast, e.slow = slow, e.as_of = now
"""

LATER = NOW + 7 * DAY

SAME = 1e-9
"""Relative difference that the two ways may have."""


def maintenance(edges: int, runs: int) -> list[Row]:
    """The pass at `edges`, its cost an edge against that at a tenth, and Cypher's SET at 100,000 or fewer."""
    with tempfile.TemporaryDirectory() as folder:
        whole = _pass(Path(folder) / "pass.memini", edges, runs)
        tenth = _pass(Path(folder) / "tenth.memini", edges // 10, runs)
        return [
            whole,
            replace(
                whole,
                case="per_edge",
                floor_s=10 * (tenth.median_s or 0.0),
                ratio=(whole.median_s or 0.0) / (10 * (tenth.median_s or 1.0)),
                goal="≤ 1.2",
                note=f"floor: ten times the pass at {edges // 10:,} edges",
            ),
            _cypher_set(Path(folder) / "set.memini", min(edges, 100_000)),
        ]


def _pass(path: Path, edges: int, runs: int) -> Row:
    """Our whole pass, and the floor: read all, COPY as much back into a new table, drop, rename, commit."""
    with generated_store(path, edges) as store:
        before = store.read_edges()

        def floor() -> None:
            with store.changing() as change:
                store.read_edges()
                # not what was just read but the table from before the pass: the next pass finds the same work
                change.replace("ASSOCIATES", before)

        def ours() -> None:
            outcome = consolidate(store, now=LATER)
            if outcome.edges != edges or outcome.forgotten:
                raise RuntimeError(f"the pass should keep {edges} edges: {outcome}")

        floor()
        floors, passes = alternate(runs, floor, ours)
    return compare(
        "maintenance",
        "pass",
        edges,
        passes,
        floors,
        goal="≤ 1.2",
        note="floor: read all, COPY back, no dynamics",
    )


def _cypher_set(path: Path, edges: int) -> Row:
    """A plain Cypher SET of the same values; its "floor" is our pass."""
    with generated_store(path, edges) as store:
        before = store.read_edges()
        states: list[pa.Table] = []

        def cypher() -> None:
            store.query(SET_ALL, {"now": from_millis(LATER)}, write=True)

        (sets,) = alternate(1, cypher)
        states.append(store.read_edges())
        passes = []
        for _ in range(3):
            _restore(store, before)
            passes += alternate(1, lambda: consolidate(store, now=LATER))[0]
        states.append(store.read_edges())
    _check_same(*states)
    return compare("maintenance", "cypher_set", edges, sets, passes, goal="≥ 50", note="floor: our pass")


def _restore(store: Store, edges: pa.Table) -> None:
    with store.changing() as change:
        change.replace("ASSOCIATES", edges)


def _check_same(a: pa.Table, b: pa.Table) -> None:
    left, right = (
        edges_from_arrow(table.sort_by([("source", "ascending"), ("target", "ascending")]))
        for table in (a, b)
    )
    for name in ("source", "target", "fast", "slow", "as_of"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=SAME)
