"""A real stream of events, loaded in several orders and splits: the same edges each time."""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from bench_common import Row, compare, timed

from memini_kuzu.memory import Memory
from memini_kuzu.tables import Edges, edges_from_arrow

PARTS = 10

SAME = 1e-9
"""Relative difference of strengths that the ways may have."""


def icews(path: Path) -> list[Row]:
    """By date, shuffled, and in ten parts by two processes and merged; seconds of each to those by date."""
    table = pa.csv.read_csv(path).select(["source", "target", "time"]).sort_by("time")
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        by_date = timed(lambda: _load([(table, folder / "date.memini")]))
        in_disorder = timed(lambda: _load([(shuffled, folder / "shuffled.memini")]))
        in_parts = timed(lambda: _load_parts(shuffled, folder))
        expected = _edges(folder / "date.memini")
        different = [
            _difference(expected, _edges(folder / store)) for store in ("shuffled.memini", "part0.memini")
        ]
    count = len(expected)
    return [
        compare("icews", "shuffled", count, [in_disorder], [by_date], note=f"differs by {different[0]:.1e}"),
        compare(
            "icews",
            "ten parts, two processes, merged",
            count,
            [in_parts],
            [by_date],
            note=f"differs by {different[1]:.1e}",
        ),
    ]


def _load(parts: list[tuple[pa.Table, Path]]) -> None:
    for table, path in parts:
        with Memory.open(path) as memory:
            memory.load_events(table)


def _load_file(events: Path, path: Path) -> None:
    with Memory.open(path) as memory:
        memory.load_events(events)


def _load_parts(table: pa.Table, folder: Path) -> None:
    jobs = []
    for part in range(PARTS):
        file = folder / f"part{part}.parquet"
        first, last = (len(table) * (part + step) // PARTS for step in (0, 1))
        pq.write_table(table.slice(first, last - first), file)
        jobs.append((file, folder / f"part{part}.memini"))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_load_file, jobs)
    with Memory.open(folder / "part0.memini") as memory:
        for part in range(1, PARTS):
            memory.merge(folder / f"part{part}.memini")


def _edges(path: Path) -> Edges:
    with Memory.open(path, read_only=True) as memory:
        table = memory.cypher(
            "MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) RETURN a.id AS source, b.id AS target, "
            "e.fast AS fast, e.slow AS slow, e.as_of AS as_of, e.events AS events, "
            "e.first_seen AS first_seen, e.last_seen AS last_seen"
        )
    return edges_from_arrow(table.sort_by([("source", "ascending"), ("target", "ascending")]))


def _difference(a: Edges, b: Edges) -> float:
    """The largest relative difference of strengths; everything else must be equal."""
    for name in ("source", "target", "as_of", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    worst = 0.0
    for name in ("fast", "slow"):
        left, right = getattr(a, name), getattr(b, name)
        np.testing.assert_allclose(left, right, rtol=SAME, err_msg=name)
        apart = np.abs(left - right) / np.maximum(left, np.finfo(float).tiny)
        worst = max(worst, float(apart.max()))
    return worst
