"""Loading event streams: exact in any order and split, resumable, and clear about bad rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Parameters, RecordError, TimeError
from memini_kuzu.changes import events as events_module
from memini_kuzu.cli import app
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.identity import stable_id
from memini_kuzu.records import EventColumns
from memini_kuzu.tables import Edges, edges_from_arrow
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = to_millis("2026-06-01")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "events.memini", clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture(name="engine", params=["duckdb", "numpy"])
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both folds: with the extra `scale` and without it."""
    if request.param == "numpy":
        monkeypatch.setattr(events_module, "_new_fold", events_module._NumpyFold)


def stream(count: int = 3_000, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    people = np.array([f"Person {number}" for number in range(40)])
    micros = (NOW - rng.integers(0, 900 * DAY, count)) * 1000
    return pa.table(
        {
            "source": people[rng.integers(0, 40, count)],
            "target": people[rng.integers(0, 40, count)],
            "time": pa.array(micros, pa.timestamp("us")),
            "amount": rng.random(count) + 0.1,
        }
    )


def edges_of(memory: Memory) -> Edges:
    table = memory._store.read_edges()
    return edges_from_arrow(table.sort_by([("source", "ascending"), ("target", "ascending")]))


def assert_same(a: Edges, b: Edges) -> None:
    for name in ("source", "target", "as_of", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("fast", "slow"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, err_msg=name)


def one(**columns: Any) -> pa.Table:
    return pa.table({"source": ["Ada"], "target": ["Charles"], "time": ["2026-03-01"]} | columns)


@pytest.mark.usefixtures("engine")
def test_loaded_edges_are_the_fold_of_their_events(memory: Memory) -> None:
    table = stream()
    report = memory.load_events(table)
    ids = {name: stable_id(name.lower()) for name in table["source"].unique().to_pylist()}
    expected = associate(
        np.array([ids[name] for name in table["source"].to_pylist()]),
        np.array([ids[name] for name in table["target"].to_pylist()]),
        table["amount"].to_numpy(),
        table["time"].cast(pa.int64()).to_numpy() // 1000,
        Parameters(),
    )
    assert_same(edges_of(memory), expected)
    assert (report.events, report.associations, report.entities) == (3_000, len(expected), 40)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("parts", [1, 4])
def test_order_and_split_make_no_difference(tmp_path: Path, parts: int) -> None:
    table = stream()
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(len(table))))
    with (
        Memory.open(tmp_path / "a", clock=lambda: NOW) as a,
        Memory.open(tmp_path / "b", clock=lambda: NOW) as b,
    ):
        a.load_events(table.sort_by("time"))
        for part in range(parts):
            b.load_events(shuffled.slice(part * len(table) // parts, len(table) // parts))
        assert_same(edges_of(a), edges_of(b))


def test_a_stream_larger_than_a_batch_is_folded_piece_by_piece(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("memini_kuzu.readers.tabular.ROWS", 100)
    monkeypatch.setattr(events_module, "PARTIAL", 200)
    monkeypatch.setattr(events_module, "_new_fold", events_module._NumpyFold)
    seen: list[int] = []
    memory.load_events(stream(), progress=seen.append)
    assert seen == list(range(100, 3_001, 100))
    with Memory.open(tmp_path / "whole", clock=lambda: NOW) as whole:
        monkeypatch.undo()
        whole.load_events(stream())
        assert_same(edges_of(memory), edges_of(whole))


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "jsonl", "arrow"])
def test_every_format_gives_the_same_edges(tmp_path: Path, memory: Memory, kind: str) -> None:
    table = stream(200)
    path = tmp_path / f"events.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind in {"csv", "tsv"}:
        options = pa.csv.WriteOptions(delimiter="," if kind == "csv" else "\t")
        pa.csv.write_csv(table, path, options)
    elif kind == "jsonl":
        rows = [row | {"time": row["time"].isoformat()} for row in table.to_pylist()]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    memory.load_events(path)
    with Memory.open(tmp_path / "direct", clock=lambda: NOW) as direct:
        direct.load_events(table)
        assert_same(edges_of(memory), edges_of(direct))


def test_fields_of_jsonl_are_read_by_name_in_whichever_line_they_stand(
    memory: Memory, tmp_path: Path
) -> None:
    rows = [
        {"source": "Ada", "target": 'an "amount" of it', "time": "2026-01-01"},
        {"amount": 5, "time": "2026-01-01", "target": "Paris", "source": "Ada"},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    memory.load_events(path)

    edges = edges_of(memory)
    assert sorted(edges.fast / edges.fast.min()) == pytest.approx([1.0, 5.0])
    again = path.rename(tmp_path / "again.jsonl")
    again.write_text(again.read_text() + "\n")  # a file that was loaded already would not be read
    with pytest.raises(RecordError, match="row 1: column 'amount' is empty"):
        memory.load_events(again, columns=EventColumns(amount="amount"))


@pytest.mark.parametrize("kinds", [(None, "sells"), ("sells", None)])
def test_kinds_of_jsonl_are_not_dropped_where_some_lines_have_none(
    memory: Memory, tmp_path: Path, kinds: tuple[str | None, str | None]
) -> None:
    rows = [{"source": "Ada", "target": "Paris", "time": "2026-01-01"} for _ in kinds]
    rows = [row if kind is None else row | {"kind": kind} for row, kind in zip(rows, kinds, strict=True)]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RecordError, match=f"row {kinds.index(None) + 1}: column 'kind' is empty"):
        memory.load_events(path)


def test_a_file_loaded_twice_changes_nothing_whatever_its_name(memory: Memory, tmp_path: Path) -> None:
    pq.write_table(stream(100), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes())
    first = memory.load_events(tmp_path / "a.parquet", tmp_path / "b.parquet")
    before = edges_of(memory)
    again = memory.load_events(tmp_path / "b.parquet")
    assert (len(first.loaded), len(first.known), again.events, len(again.known)) == (1, 1, 0, 1)
    assert_same(edges_of(memory), before)


def test_files_before_the_last_commit_stay_when_a_later_one_is_bad(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "COMMIT", 1)
    pq.write_table(one(), tmp_path / "good.parquet")
    pq.write_table(one(amount=[-1.0]), tmp_path / "bad.parquet")
    with pytest.raises(RecordError, match=r"bad\.parquet, row 1: column 'amount'"):
        memory.load_events(tmp_path / "good.parquet", tmp_path / "bad.parquet")
    assert memory.stats().associations == 1
    assert memory.load_events(tmp_path / "good.parquet").known == [str(tmp_path / "good.parquet")]


def test_both_directions_are_loaded_on_request(memory: Memory) -> None:
    memory.load_events(one(), both=True)
    found = [(edge.source, edge.target) for name in ("Ada", "Charles") for edge in memory.associations(name)]
    assert found == [("Ada", "Charles"), ("Charles", "Ada")]


def test_columns_have_the_names_that_are_given(memory: Memory) -> None:
    table = pa.table({"seller": ["Ada"], "buyer": ["Charles"], "day": [date(2026, 3, 1)], "n": [2]})
    memory.load_events(table, columns=EventColumns("seller", "buyer", "day", "n"))
    assert memory.associations("Ada", now="2026-03-01")[0].strength == 2.0


def test_ways_of_writing_a_name_are_one_entity_and_aliases_count(memory: Memory) -> None:
    memory.load_events(
        pa.table({"source": ["Ada", "the ADA"], "target": ["B_C", "B C"], "time": ["2026-03-01"] * 2})
    )
    assert (memory.stats().entities, memory.associations("ada")[0].events) == (2, 2)
    memory.alias_add("Countess", "Ada")
    memory.load_events(one(source=["Countess"], target=["B C"]))
    assert memory.associations("ada")[0].events == 3


def test_integers_are_ids_of_entities(memory: Memory) -> None:
    memory.load_events(one())
    ids = [stable_id("ada"), stable_id("charles")]
    memory.load_events(pa.table({"source": [ids[0], 7], "target": [ids[1], 8], "time": ["2026-03-02"] * 2}))
    assert memory.associations("Ada")[0].events == 2
    table = memory.cypher("MATCH (e:Entity {id: 7})-[:ASSOCIATES]->(f) RETURN e.name AS a, f.name AS b")
    assert table.to_pylist() == [{"a": "7", "b": "8"}]


def test_entities_are_seen_as_long_as_their_events(memory: Memory) -> None:
    memory.load_events(one(time=["2026-03-01"]))
    memory.load_events(one(time=["2025-03-01"]), one(time=["2026-05-01"]))
    stats = memory.stats()
    assert (stats.first_seen, stats.last_seen) == (
        datetime(2025, 3, 1, tzinfo=UTC),
        datetime(2026, 5, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (pa.array(["2026-03-01T01:00:00.0019+01:00"]), "2026-03-01T00:00:00.001"),
        (pa.array([1_772_323_200_123_456_789], pa.timestamp("ns")), "2026-03-01T00:00:00.123"),
        (pa.array([1_772_323_200], pa.timestamp("s", "America/New_York")), "2026-03-01"),
    ],
)
def test_times_are_read_as_utc_to_the_millisecond(memory: Memory, time: pa.Array, expected: str) -> None:
    memory.load_events(one(time=time))
    assert memory.associations("Ada")[0].last_seen == from_millis(to_millis(expected))


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (one(source=pa.array([None], pa.string())), RecordError, "a table, row 1: column 'source' is empty"),
        (one(amount=[float("nan")]), RecordError, "row 1: column 'amount'"),
        (one(amount=[0.0]), RecordError, "above 0"),
        (one(amount=["many"]), InputError, "holds no numbers"),
        (one(time=["soon"]), TimeError, "'soon' is no|'soon' is not a date"),
        (one(time=[3]), TimeError, "convert it"),
        (one(time=["2027-01-01"]), RecordError, "after now"),
        (one(time=[datetime(1960, 1, 1, tzinfo=UTC)]), RecordError, "before 1970"),
        (
            one(time=pa.array([2**63 - 1], pa.timestamp("us"))),
            RecordError,
            "outside the years 1 to 9999, after",
        ),
        (
            one(time=pa.array([-(2**62)], pa.timestamp("us"))),
            RecordError,
            "outside the years 1 to 9999, before",
        ),
        (one(time=pa.array([2**31 - 1], pa.date32())), TimeError, "too far from 1970"),
        # as microseconds it would be a day of 1970
        (one(time=pa.array([2**62 + 1], pa.timestamp("ms"))), TimeError, "too far from 1970"),
        (one(source=["…"]), InputError, "no letter or digit"),
        (one(source=[1.5]), InputError, "pass names as text"),
        (pa.table({"source": ["a"], "target": ["b"]}), InputError, "no column 'time'; it has source, target"),
    ],
)
def test_a_bad_row_is_named_and_changes_nothing(
    memory: Memory, table: pa.Table, error: type[InputError], message: str
) -> None:
    with pytest.raises(error, match=message):
        memory.load_events(table)
    assert memory.stats().entities == 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"source": ""}, "row 3: column 'source' is empty"),
        ({"target": "…"}, "row 3: name '…' holds no letter or digit"),
        ({"time": ""}, "row 3: column 'time' is empty"),
        ({"time": "soon"}, "row 3: time 'soon' is not a date"),
        ({"time": "2026-03-01T25:00"}, "row 3: time '2026-03-01T25:00' is not a date"),
    ],
)
def test_a_bad_row_of_a_file_is_named_with_its_file(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: dict[str, str], message: str
) -> None:
    monkeypatch.setattr("memini_kuzu.readers.tabular.ROWS", 2)
    row = {"source": "Ada", "target": "Charles", "time": "2026-03-01"}
    rows = [row, row, row | bad]
    path = tmp_path / "events.csv"
    path.write_text("".join(",".join(each) + "\n" for each in (row, *(each.values() for each in rows))))
    with pytest.raises(InputError, match=rf"events\.csv, {message}"):
        memory.load_events(path)


def test_two_columns_of_one_name_are_refused(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("source,target,time,time,note,note\nAda,Charles,2026-03-01,2026-04-01,a,b\n")
    for item in (path, pa.csv.read_csv(path)):
        with pytest.raises(InputError, match="has 2 columns 'time'; rename all but one"):
            memory.load_events(item)


def test_a_number_that_is_no_time_is_named_by_its_row(memory: Memory) -> None:
    rows = pa.concat_tables([one(time=[1_772_323_200]), one(time=[20_513])])
    with pytest.raises(TimeError, match="a table, row 2: column 'time' holds 20513"):
        memory.load_events(rows)


def test_a_damaged_page_is_named_with_its_file(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(one(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    with pytest.raises(InputError, match=r"events\.parquet cannot be read"):
        memory.load_events(path)


def test_what_is_no_table_is_refused(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no parquet")
    (tmp_path / "a.xyz").write_text("")
    for item, message in (
        (tmp_path / "none.csv", "is not a file"),
        (tmp_path / "a.parquet", "cannot be read"),
        (tmp_path / "a.xyz", "unknown suffix"),
        (3, "no table"),
    ):
        with pytest.raises(InputError, match=message):
            memory.load_events(item)


def test_a_reader_and_a_frame_are_tables_too(memory: Memory) -> None:
    memory.load_events(pa.RecordBatchReader.from_batches(one().schema, one().to_batches()))
    memory.load_events(one().to_batches()[0], one().to_pandas())
    assert memory.associations("Ada")[0].events == 3


def test_the_command_loads_and_says_what_it_knew(tmp_path: Path) -> None:
    path, db = tmp_path / "events.csv", tmp_path / "a.memini"
    path.write_text("seller,buyer,day\nAda,Charles,2026-03-01\n")
    command = ["load-events", str(path), "--db", str(db), "--now", "2026-06-01", "--json"]
    command += ["--source-column", "seller", "--target-column", "buyer", "--time-column", "day"]
    outputs = [CliRunner().invoke(app, command) for _ in range(2)]
    reports = [json.loads(output.stdout) for output in outputs]
    assert [(report["events"], len(report["known"])) for report in reports] == [(1, 0), (0, 1)]
