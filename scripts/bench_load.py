"""Loading a stream of events against the bare fold in DuckDB and the bare COPY; what keeping them costs.

Each side runs in a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow.parquet as pq
from bench_common import NOW, Row, compare, create_entities, timed, zipf_events

from memini_kuzu.changes.events import load_events
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import spectrum
from memini_kuzu.records import EventColumns
from memini_kuzu.store import Store
from memini_kuzu.tables import EDGE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

ENTITIES = 100_000

EXPONENT = 1.164
"""Of the Zipf law: five million events make 1.4 million pairs."""

BARE_FOLD = """
WITH last AS (SELECT source, target, max(time) AS as_of FROM events GROUP BY ALL),
rows AS (
    SELECT source, target, time, (epoch_ms(as_of) - epoch_ms(time)) / 86400000.0 AS days
    FROM events JOIN last USING (source, target)
)
SELECT source, target,
    sum({share_slow} * exp(-{rate_slow} * days) + {share_fast} * exp(-{rate_fast} * days)) AS fast,
    sum({feed} * (exp(-{rate_slow} * days) - exp(-{rate_fast} * days))) AS slow,
    max(time) AS as_of, count(*) AS events, min(time) AS first_seen, max(time) AS last_seen
FROM rows GROUP BY source, target
"""

MANY = 50_000_000
"""Events from which on opening the store and preparing the files no longer weigh."""


def load(events: int, runs: int) -> list[Row]:
    """Ours and the floor, each in a new process and store, taking turns, and what keeping events costs."""
    sides = {"floor": _floor, "edges": _edges_alone, "events": _with_events}
    found: dict[str, list[_Load]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        write_events(path, events)
        for number in range(runs):
            for name, function in sides.items():
                store = Path(folder) / f"{name}{number}.memini"
                found[name].append(_in_process(function, path, store))
                store.unlink()
    edges = {one.edges for loads in found.values() for one in loads}
    if len(edges) > 1:
        raise RuntimeError(f"the sides made {' and '.join(map(str, edges))} edges")
    seconds = {name: [one.seconds for one in loads] for name, loads in found.items()}
    peak = {name: max(one.memory for one in loads) / 2**30 for name, loads in found.items()}
    size = {name: loads[0].size for name, loads in found.items()}
    per_row = (size["events"] - size["edges"]) / events
    per_million = (np.median(seconds["events"]) - np.median(seconds["edges"])) / events * 1e6
    scale = f"{events:,} events"
    return [
        compare(
            "load",
            f"{scale}, not kept",
            found["edges"][0].edges,
            seconds["edges"],
            seconds["floor"],
            goal="≤ 1.3" if events >= MANY else "≤ 2.0",
            note=f"floor: DuckDB's bare fold and COPY; peak memory {peak['edges']:.1f} GiB, the floor's "
            f"{peak['floor']:.1f} GiB",
        ),
        compare(
            "load",
            f"{scale}, kept",
            found["events"][0].edges,
            seconds["events"],
            seconds["edges"],
            note=f"floor: the same load without the events; {per_row:.0f} bytes a row and {per_million:.2f} "
            f"seconds a million rows more; peak memory {peak['events']:.1f} GiB",
        ),
    ]


def write_events(path: Path, events: int) -> None:
    """In parts, so that fifty million need no more memory than five."""
    part = 5_000_000
    with pq.ParquetWriter(path, zipf_events(1, ENTITIES, EXPONENT).schema) as writer:
        for number, start in enumerate(range(0, events, part)):
            writer.write_table(zipf_events(min(part, events - start), ENTITIES, EXPONENT, seed=number))


@dataclass(frozen=True, slots=True)
class _Load:
    """Seconds, peak bytes of memory, edges and bytes of the file of a side."""

    seconds: float
    memory: int
    edges: int
    size: int


def _in_process(function: Callable[[Path, Path], tuple[float, int]], events: Path, store: Path) -> _Load:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, edges = pool.apply(function, (events, store))
        # kilobytes on Linux
        peak = pool.apply(_peak) * 1024
    return _Load(seconds, peak, edges, store.stat().st_size)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _edges_alone(events: Path, path: Path) -> tuple[float, int]:
    return _ours(events, path, keep_events=False)


def _with_events(events: Path, path: Path) -> tuple[float, int]:
    return _ours(events, path, keep_events=True)


def _ours(events: Path, path: Path, *, keep_events: bool) -> tuple[float, int]:
    with Store(path, create=True) as store:
        seconds = timed(
            lambda: load_events(store, [events], columns=EventColumns(), now=NOW, keep_events=keep_events)
        )
        return seconds, store.count("associations")


def _floor(events: Path, path: Path) -> tuple[float, int]:
    constants = spectrum(Parameters())
    values = {
        name: repr(getattr(constants, name))
        for name in ("share_slow", "share_fast", "rate_slow", "rate_fast", "feed")
    }
    with Store(path, create=True) as store, duckdb.connect() as database:
        database.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{events}')")
        ends = database.execute(
            "SELECT DISTINCT source FROM events UNION SELECT DISTINCT target FROM events"
        ).fetchnumpy()
        create_entities(store, np.asarray(ends["source"], dtype=np.int64))

        def fold_and_copy() -> None:
            table = database.sql(BARE_FOLD.format(**values)).to_arrow_table()
            with store.changing() as change:
                change.replace("ASSOCIATES", table.cast(EDGE_SCHEMA))

        return timed(fold_and_copy), store.count("associations")
