"""The fold as an Ibis expression: DuckDB, Spark and numpy agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from memini_kuzu.changes.folding import events_of, fold, names_of
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.records import EventColumns
from memini_kuzu.tables import Edges, edges_from_arrow
from memini_kuzu.times import DAY

ROOT = Path(__file__).parents[1]
PARAMETERS = Parameters()

REAL = Path(os.environ.get("MEMINI_EVENTS", ROOT.parent / "shared/data/icews14/events.csv"))
"""ICEWS14, which is licensed for academic use and no part of the project."""


def random_events(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    time = rng.integers(0, 40_000 * DAY // 2, count)
    # many within some milliseconds, where 1 - e^(-x) would cancel
    time[: count // 4] = time[count // 4] + rng.integers(0, 50, count // 4)
    source, target = rng.integers(0, 40, (2, count))
    return pa.table({"source": source, "target": target, "amount": rng.random(count) + 0.1, "time": time})


def by_duckdb(events: pa.Table, parameters: Parameters = PARAMETERS) -> Edges:
    backend = ibis.duckdb.connect()
    backend.con.register("arrow", events)
    backend.raw_sql("CREATE TABLE events AS SELECT * FROM arrow")
    edges = fold(backend.table("events"), parameters).to_pyarrow()
    return edges_from_arrow(edges.sort_by([("source", "ascending"), ("target", "ascending")]))


def assert_same_edges(a: Edges, b: Edges, rtol: float = 1e-9) -> None:
    for name in ("source", "target", "as_of", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("fast", "slow"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-300, err_msg=name)


@pytest.mark.parametrize(
    "parameters", [PARAMETERS, Parameters(tau_fast=0.001, tau_slow=1e6, coupling=5.0, capacity=1.0)]
)
def test_duckdb_folds_as_numpy_does(parameters: Parameters) -> None:
    events = random_events(5_000)
    columns = (events[name].to_numpy() for name in ("source", "target", "amount", "time"))
    assert_same_edges(by_duckdb(events, parameters), associate(*columns, parameters), rtol=1e-12)


def test_events_are_read_from_dates_texts_and_timestamps_alike() -> None:
    backend = ibis.duckdb.connect()
    backend.raw_sql("""CREATE TABLE events AS SELECT 'a' AS s, 'b' AS t, DATE '2026-01-04' AS d,
        '2026-01-04T00:00:00' AS x, TIMESTAMP '2026-01-04 00:00:00.125' AS m""")
    table = backend.table("events")
    times = [
        events_of(table, EventColumns("s", "t", name), 1.0).to_pyarrow()["time"][0].as_py()
        for name in ("d", "x", "m")
    ]
    assert times == [1_767_484_800_000, 1_767_484_800_000, 1_767_484_800_125]


def test_both_directions_are_two_events_and_names_are_listed_once() -> None:
    backend = ibis.duckdb.connect()
    backend.raw_sql(
        "CREATE TABLE events AS SELECT 'a' AS source, 'b' AS target, '2026-01-04' AS time, 2 AS amount"
    )
    events = events_of(backend.table("events"), EventColumns(), 0.5, both=True)
    rows = events.to_pyarrow().sort_by("source").to_pylist()
    assert [(row["source"], row["target"], row["amount"]) for row in rows] == [
        ("a", "b", 1.0),
        ("b", "a", 1.0),
    ]
    assert names_of(events).to_pyarrow()["name"].to_pylist() == ["a", "b"]


def real_events() -> pa.Table:
    """A year of events between named actors."""
    table = pyarrow.csv.read_csv(REAL).select(["source", "target", "time"])
    return table.set_column(2, "time", table["time"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")))


def made_events() -> pa.Table:
    """As many to a pair as in real ones, for a machine that has none."""
    rng = np.random.default_rng(1)
    count = 5_000
    people = np.array([f"Person {number}" for number in range(60)])
    seconds = rng.integers(1_388_534_400, 1_420_000_000, count)
    return pa.table(
        {
            "source": people[rng.integers(0, 60, count)],
            "target": people[rng.integers(0, 60, count)],
            "time": pa.array(seconds * 1_000_000, pa.timestamp("us", "UTC")),
        }
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_folds_as_duckdb_does(tmp_path: Path) -> None:
    events = real_events() if REAL.is_file() else made_events()
    pq.write_table(events, tmp_path / "events.parquet")
    for engine in ("spark", "duckdb"):
        subprocess.run(
            [
                sys.executable,
                ROOT / "scripts" / "spark_fold.py",
                tmp_path / "events.parquet",
                tmp_path / engine,
                *(["--engine", "duckdb"] if engine == "duckdb" else ["--master", "local[2]"]),
            ],
            check=True,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        )
    sides = [
        edges_from_arrow(
            pq.read_table(tmp_path / engine / "edges.parquet").sort_by(
                [("source", "ascending"), ("target", "ascending")]
            )
        )
        for engine in ("spark", "duckdb")
    ]
    assert sum(sides[0].events) == events.num_rows
    assert_same_edges(*sides)
