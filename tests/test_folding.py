"""The fold as an Ibis expression: DuckDB, Spark and numpy agree."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pyspark
import pytest

from memini_kuzu import Memory
from memini_kuzu.changes.folding import (
    advance,
    edges_of,
    events_of,
    fold,
    names_of,
    refuse_bad,
    retain,
    superpose,
)
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate, retained
from memini_kuzu.dynamics.edges import associate, concatenate
from memini_kuzu.dynamics.edges import superpose as superpose_here
from memini_kuzu.errors import InputError
from memini_kuzu.readers.tabular import times
from memini_kuzu.records import EventColumns
from memini_kuzu.tables import Edges, edges_from_arrow, edges_to_arrow
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PARAMETERS = Parameters()

DYNAMICS = [PARAMETERS, Parameters(tau_fast=0.001, tau_slow=1e6, coupling=5.0, capacity=1.0)]

REAL = Path(os.environ.get("MEMINI_EVENTS", ROOT.parent / "shared/data/icews14/events.csv"))
"""ICEWS14, which is licensed for academic use and no part of the project."""


PATIENCE = 300.0

NO_REST = "-Dspark.master.rest.enabled=false"
"""Its port is a fixed one."""

PAIR = [("source", "ascending"), ("target", "ascending")]


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
    return edges_from_arrow(edges.sort_by(PAIR))


def assert_same_edges(a: Edges, b: Edges, rtol: float = 1e-9) -> None:
    for name in ("source", "target", "as_of", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("fast", "slow"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-300, err_msg=name)


@pytest.mark.parametrize("parameters", DYNAMICS)
def test_duckdb_folds_as_numpy_does(parameters: Parameters) -> None:
    events = random_events(5_000)
    columns = (events[name].to_numpy() for name in ("source", "target", "amount", "time"))
    assert_same_edges(by_duckdb(events, parameters), associate(*columns, parameters), rtol=1e-12)


@pytest.mark.parametrize("parameters", DYNAMICS)
def test_duckdb_maintains_as_numpy_does(parameters: Parameters) -> None:
    parts = []
    for seed in (1, 2):
        columns = random_events(3_000, seed)
        arrays = (columns[name].to_numpy() for name in ("source", "target", "amount", "time"))
        parts.append(associate(*arrays, parameters))
    now, threshold = int(max(part.as_of.max() for part in parts)) - 3 * DAY, 0.05
    backend = ibis.duckdb.connect()
    backend.con.register("rows", edges_to_arrow(concatenate(*parts)))
    table = superpose(edges_of(backend.table("rows")), parameters)
    found = retain(advance(table, now, parameters), threshold).to_pyarrow().sort_by(PAIR)
    expected = superpose_here(concatenate(*parts), parameters)
    later = np.maximum(expected.as_of, now)
    assert (later > now).any()
    fast, slow = propagate(expected.fast, expected.slow, (later - expected.as_of) / DAY, parameters)
    kept = retained(fast, slow, threshold)
    assert 0 < kept.sum() < len(kept)
    expected = replace(expected, fast=fast, slow=slow, as_of=later).take(kept)
    assert_same_edges(edges_from_arrow(found), expected, rtol=1e-12)


def test_events_are_read_from_dates_texts_and_timestamps_alike() -> None:
    backend = ibis.duckdb.connect()
    backend.raw_sql("""CREATE TABLE events AS SELECT 'a' AS s, 'b' AS t, DATE '2026-01-04' AS d,
        '2026-01-04T00:00:00' AS x, TIMESTAMP '2026-01-04 00:00:00.125' AS m,
        '2026-01-04 00:00:00.875' AS late""")
    table = backend.table("events")
    times = [
        events_of(table, EventColumns("s", "t", name), 1.0).to_pyarrow()["time"][0].as_py()
        for name in ("d", "x", "m", "late")
    ]
    assert times == [1_767_484_800_000, 1_767_484_800_000, 1_767_484_800_125, 1_767_484_800_875]


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
    millis = rng.integers(1_388_534_400_000, 1_420_000_000_000, count)
    return pa.table(
        {
            "source": people[rng.integers(0, 60, count)],
            "target": people[rng.integers(0, 60, count)],
            "time": pa.array(millis * 1_000, pa.timestamp("us", "UTC")),
        }
    )


def spark_fold(*arguments: object) -> subprocess.CompletedProcess[str]:
    few = "--conf spark.sql.shuffle.partitions=4 --conf spark.ui.enabled=false pyspark-shell"
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "spark_fold.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_SUBMIT_ARGS": few},
        capture_output=True,
        text=True,
        check=False,
    )


ENGINES = [
    "duckdb",
    pytest.param(
        "spark",
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
        ],
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_maintained_elsewhere_is_what_a_store_makes_of_the_same_events(engine: str, tmp_path: Path) -> None:
    events = real_events() if REAL.is_file() else made_events()
    events = events.sort_by("time")
    middle, now = events.num_rows // 2, "2015-06-01"
    files = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    pq.write_table(events.slice(0, middle), files[0])
    pq.write_table(events.slice(middle), files[1])
    folds = ("--engine", engine, "--master", "local[2]")
    for arguments in (
        (tmp_path / "old", "--events", files[0], *folds),
        (tmp_path / "kept", "--edges", tmp_path / "old", "--events", files[1], "--now", now, *folds),
    ):
        done = spark_fold(*arguments)
        assert done.returncode == 0, done.stderr
    with Memory.open(tmp_path / "here.memini") as here:
        here.load_events(*files, keep_events=False)
        here.consolidate(now=now)
        here.export(tmp_path / "exported")
    with Memory.open(tmp_path / "there.memini") as there:
        there.load_edges(tmp_path / "kept" / "edges.parquet", entities=tmp_path / "kept" / "entities.parquet")
        there.export(tmp_path / "loaded")
    expected, found = (
        edges_from_arrow(pq.read_table(folder / "edges.parquet").sort_by(PAIR))
        for folder in (tmp_path / "exported", tmp_path / "loaded")
    )
    assert (
        0 < len(expected) < len(np.unique(pq.read_table(tmp_path / "old" / "edges.parquet")["source"])) ** 2
    )
    assert_same_edges(found, expected, rtol=1e-12)
    assert named(tmp_path / "loaded") <= named(tmp_path / "exported")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to do"),
        (("--edges", "old", "--now", "soon"), "soon"),
        (("--edges", "old", "--db", "other.memini"), "folded with .* leave --db away"),
    ],
)
def test_what_cannot_be_folded_is_refused_in_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "parameters.json").write_text(Parameters(tau_fast=7).to_json())
    Memory.open("other.memini", create=True).close()
    done = spark_fold("new", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("spark_fold: ")
    assert re.search(message, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def registered(events: pa.Table) -> Any:
    """A table of DuckDB."""
    backend = ibis.duckdb.connect()
    backend.con.register("arrow", events)
    backend.raw_sql("CREATE TABLE events AS SELECT * FROM arrow")
    return backend.table("events")


GOOD = {"source": "Ada", "target": "Paris", "time": datetime(2026, 1, 4), "amount": 1.0}  # noqa: DTZ001


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"source": None}, "1 events have no source or target"),
        ({"time": None}, "1 events have no time"),
        ({"time": datetime(1960, 1, 1)}, "1 events have no time from 1970"),  # noqa: DTZ001 - it is UTC
        ({"time": datetime(9999, 12, 31)}, "1 events have no time from 1970 to 2261"),  # noqa: DTZ001
        ({"amount": None}, "1 events have no finite amount above 0"),
        ({"amount": float("nan")}, "1 events have no finite amount"),
        ({"amount": float("inf")}, "1 events have no finite amount"),
        ({"amount": -1.0}, "1 events have no finite amount above 0"),
    ],
)
def test_events_that_a_load_refuses_are_refused_before_a_fold(bad: dict[str, object], message: str) -> None:
    refuse_bad(events_of(registered(pa.Table.from_pylist([GOOD])), EventColumns(), 1.0))
    events = events_of(registered(pa.Table.from_pylist([GOOD, GOOD | bad])), EventColumns(), 1.0)
    with pytest.raises(InputError, match=message):
        refuse_bad(events)


@pytest.mark.parametrize(
    "time", [1_767_484_800, 1_767_484_800.5, 1_767_484_800_000, "2026-01-04T01:00:00+01:00", "2026-01-04"]
)
def test_events_are_dated_as_a_load_dates_them(time: object) -> None:
    table = pa.table({"source": ["Ada"], "target": ["Paris"], "time": [time]})
    events = events_of(registered(table), EventColumns(), 1.0)
    assert events.to_pyarrow()["time"].to_pylist() == times(table["time"], "time").tolist()


@pytest.mark.parametrize("time", [3, 1_767_484_800_000_000])
def test_numbers_that_are_no_times_are_refused_before_a_fold(time: int) -> None:
    table = pa.table({"source": ["Ada"], "target": ["Paris"], "time": [time]})
    with pytest.raises(InputError, match="1 events have no time from 1970"):
        refuse_bad(events_of(registered(table), EventColumns(), 1.0))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_refused_stream_leaves_no_folder(engine: str, tmp_path: Path) -> None:
    events = pa.Table.from_pylist([GOOD | {"time": "2026-01-04T01:00:00+01:00"}, GOOD | {"time": None}])
    pq.write_table(events, tmp_path / "events.parquet")
    arguments = ("--events", tmp_path / "events.parquet", "--engine", engine, "--master", "local[1]")
    done = spark_fold(tmp_path / "folded", *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("spark_fold: 1 events have no time from 1970 to 2261")
    assert not (tmp_path / "folded").exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_export_is_maintained_by_its_own_parameters(engine: str, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", parameters=Parameters(tau_fast=7)) as memory:
        memory.load_events(made_events())
        memory.export(tmp_path / "exported")
        memory.consolidate(now="2016-01-01", threshold=0.01)
        expected = edges_from_arrow(memory._store.read_edges().sort_by(PAIR))
    arguments = ("--now", "2016-01-01", "--forget-below", "0.01", "--engine", engine, "--master", "local[2]")
    done = spark_fold(tmp_path / "kept", "--edges", tmp_path / "exported", *arguments)
    assert done.returncode == 0, done.stderr
    found = edges_from_arrow(pq.read_table(tmp_path / "kept" / "edges.parquet").sort_by(PAIR))
    assert_same_edges(found, expected, rtol=1e-12)
    assert Parameters.from_json((tmp_path / "kept" / "parameters.json").read_text()).tau_fast == 7


def named(folder: Path) -> set[tuple[int, str]]:
    rows = pq.read_table(folder / "entities.parquet")
    return set(zip(rows["id"].to_pylist(), rows["name"].to_pylist(), strict=True))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The URL of a cluster of Spark: a master, and two workers of one core each, all of them processes."""
    home = Path(pyspark.__file__).parent
    settings = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_MASTER_OPTS": NO_REST}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, log = f"spark://127.0.0.1:{port}", tmp_path / "master.log"
    worker = ["worker.Worker", url, "--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / "work")]
    roles = [["master.Master", "--host", "127.0.0.1", "--port", str(port)], worker, worker]
    with ExitStack() as stack:
        written = stack.enter_context(log.open("w"))
        for role, *arguments in roles:
            command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{role}", *arguments]
            process = subprocess.Popen(
                [*command, "--webui-port", "0"], env={**os.environ, **settings}, stderr=written
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        until = time.monotonic() + PATIENCE
        while log.read_text().count("Registering worker") < 2:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield url
        assert "Registered app" in log.read_text()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_a_cluster_of_spark_folds_as_duckdb_does(cluster: str, tmp_path: Path) -> None:
    events = real_events() if REAL.is_file() else made_events()
    pq.write_table(events, tmp_path / "events.parquet")
    for engine in ("spark", "duckdb"):
        arguments = ("--events", tmp_path / "events.parquet", "--engine", engine, "--master", cluster)
        done = spark_fold(tmp_path / engine, *arguments)
        assert done.returncode == 0, done.stderr
    sides = [
        edges_from_arrow(pq.read_table(tmp_path / engine / "edges.parquet").sort_by(PAIR))
        for engine in ("spark", "duckdb")
    ]
    assert sum(sides[0].events) == events.num_rows
    assert_same_edges(*sides, rtol=1e-12)
