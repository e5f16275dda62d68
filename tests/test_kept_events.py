"""Events of loads are kept with them: forgotten, retuned, plotted, fitted and asked in the past by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu import InputError, Memory, Parameters, StoreError
from memini_kuzu.changes import aliases as aliases_module
from memini_kuzu.changes.exchange import EXPORTED
from memini_kuzu.dynamics import kernel
from memini_kuzu.records import EventColumns, Record
from memini_kuzu.store import loads as loads_module
from memini_kuzu.store.ledger import Ledger, ledger_from_arrow, parts_to_arrow, read_events_from, read_ledger
from memini_kuzu.tables import Edges, edges_from_arrow
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = to_millis("2026-06-01")
PEOPLE = [f"Person {number}" for number in range(12)]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened(tmp_path / "a.memini") as memory:
        yield memory


def opened(path: Path) -> Memory:
    return Memory.open(path, clock=lambda: NOW)


def stream(count: int = 400, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    people = np.array(PEOPLE)
    return pa.table(
        {
            "source": people[rng.integers(0, len(PEOPLE), count)],
            "target": people[rng.integers(0, len(PEOPLE), count)],
            "time": pa.array((NOW - rng.integers(1, 900 * DAY, count)) * 1000, pa.timestamp("us")),
            "amount": rng.random(count) + 0.1,
            "kind": np.array(["sells", "buys", "lends"])[rng.integers(0, 3, count)],
        }
    )


def written(folder: Path, name: str, table: pa.Table) -> Path:
    path = folder / name
    pq.write_table(table, path)
    return path


def edges_of(memory: Memory) -> Edges:
    table = memory._store.read_edges()
    return edges_from_arrow(table.sort_by([("source", "ascending"), ("target", "ascending")]))


def assert_same_edges(a: Edges, b: Edges) -> None:
    for name in ("source", "target", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("fast", "slow"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, err_msg=name)


def rows_of(memory: Memory, label: str, columns: str) -> list[dict[str, object]]:
    named = ", ".join(f"n.{name} AS {name}" for name in columns.split())
    found: list[dict[str, object]] = memory.cypher(f"MATCH (n:{label}) RETURN {named}").to_pylist()
    return sorted(found, key=repr)


def assert_same(a: Memory, b: Memory) -> None:
    """Two stores hold the same associations, entities, loads and kinds."""
    assert_same_edges(edges_of(a), edges_of(b))
    for label, columns in (
        ("Entity", "id key name first_seen last_seen"),
        ("Load", "source events"),
        ("Kind", "name"),
    ):
        assert rows_of(a, label, columns) == rows_of(b, label, columns)
    assert sorted_events(read_ledger(a._store.read)) == sorted_events(read_ledger(b._store.read))
    assert a.doctor(deep=True).sound


def sorted_events(ledger: Ledger) -> list[tuple[float, ...]]:
    columns = (ledger.source, ledger.target, ledger.time, ledger.kind, ledger.amount.round(9))
    return sorted(zip(*(values.tolist() for values in columns), strict=True))


# --- loading ---


@pytest.mark.parametrize("both", [False, True])
def test_the_ledger_holds_the_events_that_were_loaded(memory: Memory, *, both: bool) -> None:
    table = stream()
    memory.load_events(table, both=both)
    ledger = read_ledger(memory._store.read)
    assert len(ledger) == len(table) * (1 + both)
    assert_same_edges(edges_of(memory), ledger.fold(memory.parameters))
    assert {"sells", "buys", "lends"} == {row["name"] for row in rows_of(memory, "Kind", "name")}


@pytest.mark.parametrize("copied", [False, True])
def test_parts_are_small_and_sorted_however_they_are_written(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, copied: bool
) -> None:
    for module in ("memini_kuzu.changes.kept", "memini_kuzu.store.loads"):
        monkeypatch.setattr(f"{module}.PART", 32)
    if copied:
        monkeypatch.setattr(loads_module, "COPIED", 10)
    memory.remember("Ada met Charles.", time="2026-01-01")
    memory.load_events(written(tmp_path, "one.parquet", stream()), stream(seed=1))
    parts = memory.cypher(
        "MATCH (l:EventLog) RETURN l.first_source AS first, l.last_source AS last, "
        "list_transform(l.source_at, i -> l.event_entities[i]) AS source"
    ).to_pylist()
    assert len(parts) == 2 * 13
    for part in parts:
        assert part["source"] == sorted(part["source"])
        assert (part["first"], part["last"]) == (part["source"][0], part["source"][-1])
    with opened(tmp_path / "whole.memini") as whole:
        monkeypatch.undo()
        whole.remember("Ada met Charles.", time="2026-01-01")
        whole.load_events(tmp_path / "one.parquet", stream(seed=1))
        assert_same(memory, whole)


def test_a_load_by_copy_that_fails_changes_nothing(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads_module, "COPIED", 10)
    memory.load_events(stream())
    memory.remember("Ada met Charles.", time="2026-01-01")  # in the journal
    before = edges_of(memory), sorted_events(read_ledger(memory._store.read))
    with monkeypatch.context() as patched:
        # ids that exist: COPY refuses them
        patched.setattr("memini_kuzu.changes.kept.part_id", lambda *_: int(_first_part(memory)))
        with pytest.raises(Exception, match="duplicated primary key"):
            memory.load_events(written(tmp_path, "one.parquet", stream(seed=1)))
    assert_same_edges(edges_of(memory), before[0])
    assert sorted_events(read_ledger(memory._store.read)) == before[1]
    memory.load_events(tmp_path / "one.parquet")
    path = memory.path
    memory.close()
    with opened(path) as again:
        assert len(read_ledger(again._store.read)) == 800 + 2
        assert again.doctor(deep=True).sound


def _first_part(memory: Memory) -> int:
    return int(memory.cypher("MATCH (l:EventLog) RETURN l.id AS id LIMIT 1")["id"][0].as_py())


def test_aliases_apply_to_kept_events(memory: Memory) -> None:
    memory.load_events(stream())
    memory.alias_add("Somebody", "Person 1")
    rows = {
        "source": ["Somebody", "Somebody"],
        "target": ["Person 2", "Person 1"],
        "time": ["2026-03-01"] * 2,
    }
    memory.load_events(pa.table(rows))
    assert len(read_ledger(memory._store.read)) == 401  # an event between two names of one entity is none
    assert_same_edges(edges_of(memory), read_ledger(memory._store.read).fold(memory.parameters))


def test_events_that_are_not_kept_leave_their_associations_alone(memory: Memory) -> None:
    memory.load_events(stream().drop_columns(["kind"]), keep_events=False)
    assert (len(read_ledger(memory._store.read)), memory.stats().entities) == (0, 12)
    with pytest.raises(InputError, match="'kind': the kinds of events are kept with them"):
        memory.load_events(stream(), columns=EventColumns(kind="kind"), keep_events=False)
    with pytest.raises(InputError, match="hold, or may hold, events that no ledger"):
        memory.retune(Parameters(tau_fast=2.0))
    with pytest.raises(InputError, match="'a table' were loaded and not kept"):
        memory.forget(source="a table")


def test_more_events_than_can_be_kept_at_once_are_refused(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memini_kuzu.changes.kept.most_kept", lambda: 399)
    with pytest.raises(StoreError, match="more than 399 events cannot be kept at once"):
        memory.load_events(stream())
    assert memory.stats().entities == 0
    memory.load_events(stream(), keep_events=False)


# --- what is computed from them ---


def test_a_retuned_store_is_the_one_that_had_these_parameters_from_the_start(
    memory: Memory, tmp_path: Path
) -> None:
    other = Parameters(tau_fast=2.0, tau_slow=900.0, coupling=0.2, capacity=7.0, impulse=3.0)
    path = written(tmp_path, "events.parquet", stream())
    memory.load_events(path)
    memory.retune(other)
    with Memory.open(tmp_path / "b.memini", parameters=other, clock=lambda: NOW) as fresh:
        fresh.load_events(path)
        assert_same(memory, fresh)


def test_the_past_of_kept_events_is_the_store_that_had_seen_only_them(memory: Memory, tmp_path: Path) -> None:
    table = stream()
    then = to_millis("2025-06-01")
    early = table.filter(pa.array(table["time"].cast(pa.int64()).to_numpy() // 1000 <= then))
    memory.load_events(table)
    with opened(tmp_path / "b.memini") as fresh:
        fresh.load_events(early)
        for name in PEOPLE:
            past, told = (each.associations(name, now="2025-06-01", k=20) for each in (memory, fresh))
            assert [(one.target, one.events) for one in past] == [(one.target, one.events) for one in told]
            np.testing.assert_allclose(
                [one.strength for one in past], [one.strength for one in told], rtol=1e-9
            )
        assert memory.overview(now="2025-06-01").unknown == 0


def test_trajectories_fits_and_news_are_made_of_kept_events(memory: Memory) -> None:
    memory.load_events(stream())
    events = memory._store.read(
        "MATCH (:Entity {key: 'person 1'})-[a:ASSOCIATES]->(:Entity {key: 'person 2'}) RETURN a.events AS n"
    )["n"][0].as_py()
    found = memory.trajectory("Person 1", "Person 2", now="2026-06-01")
    assert len(found.event_time) == events
    [strength] = [
        one for one in memory.associations("Person 1", now="2026-06-01", k=20) if one.target == "Person 2"
    ]
    assert found.fast[-1] == pytest.approx(strength.strength, rel=1e-9)
    assert memory.changes(since="2026-03-01", now="2026-06-01").unknown == 0


@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, 5), with_kinds=st.booleans())
@settings(max_examples=30, deadline=None)
def test_parts_hold_what_is_put_into_them(seed: int, parts: int, with_kinds: bool) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.choice(1_000, parts, replace=False)
    count = int(rng.integers(0, 30))
    kind = rng.integers(0, 3, count) if with_kinds else np.zeros(count, dtype=np.int64)
    whole = rng.integers(-50, 50, (3, count))
    ledger = Ledger(rng.choice(ids, count), whole[0], whole[1], rng.random(count), np.abs(whole[2]), kind)
    table = parts_to_arrow(ledger, ids, ["load"] * parts)
    assert table["id"].to_pylist() == ids.tolist()
    back = ledger_from_arrow(table)

    def rows(some: Ledger) -> list[tuple[float, ...]]:
        columns = (some.document, some.source, some.target, some.time, some.kind, some.amount)
        return sorted(zip(*(values.tolist() for values in columns), strict=True))

    assert rows(back) == rows(ledger)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_each_wanted_event_is_found_once(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def some(count: int) -> Ledger:
        whole = rng.integers(0, 2, (5, count))
        return Ledger(whole[0], whole[1], whole[2], rng.integers(1, 3, count) / 2, whole[3], whole[4])

    events, wanted = some(int(rng.integers(0, 20))), some(int(rng.integers(0, 20)))

    def marks(ledger: Ledger) -> list[tuple[float, ...]]:
        columns = (ledger.document, ledger.source, ledger.target, ledger.amount, ledger.time, ledger.kind)
        return list(zip(*(values.tolist() for values in columns), strict=True))

    left = marks(events)
    expected = []
    for mark in marks(wanted):
        expected.append(mark in left)
        if mark in left:
            left.remove(mark)
    rows = aliases_module._find(events, wanted)
    assert (rows >= 0).tolist() == expected
    assert len(set(rows[rows >= 0].tolist())) == sum(expected)
    for row, mark in zip(rows.tolist(), marks(wanted), strict=True):
        assert row < 0 or marks(events)[row] == mark


@pytest.mark.parametrize("looked_up", [0, 64])
def test_events_from_some_entities_are_those_of_all_that_lead_from_them(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    monkeypatch.setattr("memini_kuzu.changes.kept.PART", 16)
    monkeypatch.setattr(loads_module, "LOOKED_UP", looked_up)
    memory.add([Record("Person 1 met Person 2.", NOW - DAY, "diary")])
    memory.load_events(stream())
    whole = read_ledger(memory._store.read)
    wanted = np.sort(np.unique(whole.source)[:3])
    found = read_events_from(memory._store.read, wanted)
    assert sorted_events(found) == sorted_events(whole.take(np.isin(whole.source, wanted)))
    entity = int(wanted[1])
    incident = read_ledger(memory._store.read, entity=entity)
    assert sorted_events(incident.take(incident.of(entity))) == sorted_events(whole.take(whole.of(entity)))


# --- forgetting ---


def test_a_load_that_is_forgotten_was_never_loaded(memory: Memory, tmp_path: Path) -> None:
    one, other = (written(tmp_path, f"{seed}.parquet", stream(seed=seed)) for seed in (0, 1))
    extra = {"source": ["Nobody else"], "target": ["Person 1"], "time": ["2026-05-01"], "kind": ["gives"]}
    third = written(tmp_path, "2.parquet", pa.table(extra))
    memory.remember("Ada met Person.", time="2026-01-01")
    memory.load_events(one, other, third)
    report = memory.forget(source=str(other))
    assert (report.loads, report.events, report.documents) == (1, 400, 0)
    report = memory.forget(source=str(third))
    assert (report.loads, report.entities) == (1, 1)
    with opened(tmp_path / "b.memini") as fresh:
        fresh.remember("Ada met Person.", time="2026-01-01")
        fresh.load_events(one)
        assert_same(memory, fresh)
    assert memory.load_events(other).events == 400  # it is not known any more


def test_events_of_loads_are_forgotten_by_their_own_dates(memory: Memory, tmp_path: Path) -> None:
    table = stream()
    late = pa.array(table["time"].cast(pa.int64()).to_numpy() // 1000 >= to_millis("2025-06-01"))
    memory.load_events(table)
    report = memory.forget(since="2025-06-01")
    assert (report.loads, report.events) == (0, int(late.to_numpy(zero_copy_only=False).sum()))
    with opened(tmp_path / "b.memini") as fresh:
        fresh.load_events(table.filter(pa.array(~late.to_numpy(zero_copy_only=False))))
        assert_same_edges(edges_of(memory), edges_of(fresh))
        for columns in ("id key first_seen last_seen",):
            assert rows_of(memory, "Entity", columns) == rows_of(fresh, "Entity", columns)
    assert memory.forget(until="2025-06-01").loads == 1
    stats = memory.stats()
    assert (stats.entities, stats.associations) == (0, 0)
    assert not rows_of(memory, "EventLog", "id")
    assert not rows_of(memory, "Kind", "id")


def test_forgetting_an_entity_takes_its_kept_events(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memini_kuzu.changes.kept.PART", 16)
    memory.load_events(stream())
    entity = memory._resolve("Person 1")[0]
    memory.forget(entity="Person 1")
    ledger = read_ledger(memory._store.read)
    assert len(ledger)
    assert not ledger.of(entity).any()
    assert_same_edges(edges_of(memory), ledger.fold(memory.parameters))
    memory.forget(association=("Person 2", "Person 3"))
    assert_same_edges(edges_of(memory), read_ledger(memory._store.read).fold(memory.parameters))
    assert memory.doctor(deep=True).sound


def test_an_unknown_source_is_refused_with_names_of_loads(memory: Memory) -> None:
    memory.load_events(stream())
    with pytest.raises(
        InputError, match="no document or load has the source 'a tabel'; did you mean 'a table'"
    ):
        memory.forget(source="a tabel")


# --- aliases, merging, export ---


def test_an_alias_takes_kept_events_along_and_gives_them_back(memory: Memory) -> None:
    memory.load_events(stream())
    before = edges_of(memory), sorted_events(read_ledger(memory._store.read))
    memory.alias_add("Person 1", "Person 2")
    assert_same_edges(edges_of(memory), read_ledger(memory._store.read).fold(memory.parameters))
    memory.alias_remove("Person 1")
    assert_same_edges(edges_of(memory), before[0])
    assert sorted_events(read_ledger(memory._store.read)) == before[1]


def test_a_load_that_both_stores_have_is_merged_once(tmp_path: Path) -> None:
    shared, own = (written(tmp_path, f"{seed}.parquet", stream(seed=seed)) for seed in (0, 1))
    with opened(tmp_path / "b.memini") as b:
        b.load_events(shared, own)
    with opened(tmp_path / "a.memini") as a, opened(tmp_path / "all.memini") as everything:
        a.load_events(shared)
        with pytest.raises(InputError, match=r"both stores have loaded .*0\.parquet.*--skip-known"):
            a.merge(tmp_path / "b.memini")
        report = a.merge(tmp_path / "b.memini", skip_known=True)
        assert (report.loads, report.skipped) == (1, 1)
        everything.load_events(shared, own)
        assert_same(a, everything)


def test_an_import_holds_the_same_events(memory: Memory, tmp_path: Path) -> None:
    memory.load_events(stream())
    rows = memory.export(tmp_path / "out")
    assert (rows["events"], rows["kinds"]) == (1, 3)
    with Memory.import_(tmp_path / "copy.memini", tmp_path / "out") as copy:
        assert_same(copy, memory)
    for name in ("events", "kinds"):
        (tmp_path / "out" / f"{name}.parquet").unlink()
    with pytest.raises(InputError, match=r"kinds\.parquet is missing|events\.parquet is missing"):
        Memory.import_(tmp_path / "other.memini", tmp_path / "out")
    # an export of a store that kept none, as an older memini wrote it
    meta = pq.read_table(tmp_path / "out" / "meta.parquet").to_pylist()
    old = [row | ({"value": "3"} if row["key"] == "schema_version" else {}) for row in meta]
    pq.write_table(pa.Table.from_pylist(old), tmp_path / "out" / "meta.parquet")
    with Memory.import_(tmp_path / "other.memini", tmp_path / "out") as other:
        assert_same_edges(edges_of(other), edges_of(memory))
        assert not len(read_ledger(other._store.read))
    assert {"events", "kinds"} <= EXPORTED.keys()


# --- kinds ---


def test_kinds_have_counts_and_strengths_that_add_up_to_the_association(memory: Memory) -> None:
    rows = {
        "source": ["Ada"] * 4,
        "target": ["Oslo", "Oslo", "Oslo", "Rome"],
        "time": ["2026-05-30", "2026-05-31", "2026-06-01", "2026-05-01"],
        "relation": ["visits", "visits", "likes", "visits"],
    }
    memory.load_events(pa.table(rows), columns=EventColumns(kind="relation"))
    memory.load_events(pa.table({"source": ["Ada"], "target": ["Oslo"], "time": ["2026-05-31"]}))
    found = memory.kinds("Ada", now="2026-06-01")
    assert [(one.target, one.kind, one.events) for one in found] == [
        ("Oslo", "likes", 1),
        ("Oslo", "visits", 2),
        ("Oslo", None, 1),
        ("Rome", "visits", 1),
    ]
    expected = float(
        kernel(np.array([2.0]), memory.parameters).ff[0] + kernel(np.array([1.0]), memory.parameters).ff[0]
    )
    assert found[1].strength == pytest.approx(expected, rel=1e-12)
    [oslo, _] = memory.associations("Ada", now="2026-06-01")
    assert oslo.strength == pytest.approx(sum(one.strength for one in found if one.target == "Oslo"))
    assert [one.kind for one in memory.kinds("Ada", now="2026-05-30", k=1)] == ["visits"]
    counted = memory.cypher(
        "MATCH (l:EventLog) UNWIND l.event_kind AS id MATCH (k:Kind {id: id}) "
        "RETURN k.name AS kind, count(*) AS n"
    )
    assert {row["kind"]: row["n"] for row in counted.to_pylist()} == {"visits": 3, "likes": 1}
    with pytest.raises(InputError, match="k = 0"):
        memory.kinds("Ada", k=0)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(pa.array([None], pa.string()), "column 'kind' is empty"), (pa.array([[1]]), "holds no kinds")],
)
def test_an_event_without_a_kind_in_a_column_of_kinds_is_refused(
    memory: Memory, kind: pa.Array, message: str
) -> None:
    table = pa.table({"source": ["Ada"], "target": ["Oslo"], "time": ["2026-05-30"], "kind": kind})
    with pytest.raises(InputError, match=message):
        memory.load_events(table)


# --- names and types as they come ---


def test_names_are_shown_as_they_were_given(memory: Memory) -> None:
    names = ["Police_(Albania)", "Ada Co.", "“Weird” Al"]
    memory.load_events(pa.table({"source": names, "target": ["hub"] * 3, "time": ["2026-05-30"] * 3}))
    assert {row["name"] for row in rows_of(memory, "Entity", "name")} == {*names, "hub"}
    assert memory.associations("Ada Co")[0].source == "Ada Co."


def test_frames_of_polars_are_tables(memory: Memory) -> None:
    import polars as pl

    frame = pl.DataFrame(
        {"source": ["Ada", "Ada"], "target": ["Oslo", "Rome"], "kind": ["visits", "likes"]},
        schema_overrides={"target": pl.Categorical},
    ).with_columns(time=pl.Series(["2026-05-30", "2026-05-31"]).str.to_date(), amount=pl.lit(2.0))
    memory.load_events(frame)
    memory.load_events(frame.with_columns(pl.col("time").cast(pl.Datetime("ns"))))
    memory.load_events(frame.with_columns(pl.col("time").cast(pl.String)))
    assert [(one.target, one.events) for one in memory.associations("Ada")] == [("Rome", 3), ("Oslo", 3)]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_arrow_type_is_text(memory: Memory, kind: pa.DataType) -> None:
    columns = {
        name: pa.array([value]).cast(kind)
        if not pa.types.is_dictionary(kind)
        else pa.array([value]).dictionary_encode()
        for name, value in (("source", "Ada"), ("target", "Oslo"), ("time", "2026-05-30"), ("kind", "visits"))
    }
    memory.load_events(pa.table(columns))
    [found] = memory.kinds("Ada")
    assert (found.target, found.kind) == ("Oslo", "visits")


@pytest.mark.parametrize(
    "time",
    [
        pa.array([1_780_099_200]),
        pa.array([1_780_099_200_000]),
        pa.array([1_780_099_200.25]),
        pa.array(["1780099200"]),
        pa.array(["1780099200000"]),
        pa.array([20_603], pa.int32()).cast(pa.date32()),
    ],
)
def test_numbers_are_seconds_or_milliseconds_by_their_size(memory: Memory, time: pa.Array) -> None:
    memory.load_events(pa.table({"source": ["Ada"], "target": ["Oslo"], "time": time}))
    assert f"{memory.associations('Ada')[0].last_seen:%Y-%m-%d}" == "2026-05-30"


@pytest.mark.parametrize("time", [[7], [20_260_530], [2.5], [10**17], [float("nan")]])
def test_numbers_that_are_neither_are_refused(memory: Memory, time: list[float]) -> None:
    with pytest.raises(InputError, match="numbers are seconds since 1970"):
        memory.load_events(pa.table({"source": ["Ada"], "target": ["Oslo"], "time": time}))
    assert memory.stats().entities == 0


def test_lines_of_json_may_hold_numbers(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"source": 7, "target": 8, "time": 1780099200, "kind": "visits"}\n')
    memory.load_events(path)
    assert [one.kind for one in memory.kinds("7")] == ["visits"]
    path.write_text("[1]\n")
    with pytest.raises(InputError, match=r"events\.jsonl"):
        memory.load_events(path)
