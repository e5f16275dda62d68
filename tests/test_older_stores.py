"""What stores of older versions hold is the same, to the last bit, when this version opens them."""

from __future__ import annotations

import shutil
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crash import violations
from fixtures_memory import NOW, START, Names, contents, corpus
from older_stores import to_version_7

from memini_kuzu.changes.exchange import import_store
from memini_kuzu.config import Parameters
from memini_kuzu.memory import Memory
from memini_kuzu.store import Store
from memini_kuzu.store.change import Change, Part, write
from memini_kuzu.store.engine import Engine, Step
from memini_kuzu.store.engine.open_file import OpenFile
from memini_kuzu.store.ledger import Ledger, read_ledger
from memini_kuzu.store.numbered import spread
from memini_kuzu.times import DAY

pytest_plugins = ["fixtures_memory"]


def opened(path: Path, *, read_only: bool = False) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW, read_only=read_only)


def load(memory: Memory, rows: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    memory.load_events(
        pa.table(
            {
                "source": chance.choice(["Ada", "Bob", "Cy"], rows),
                "target": chance.choice(["Dan", "Eve"], rows),
                "time": START + chance.integers(0, 900, rows) * DAY,
                # most of them short numbers, as Kùzu compresses them, some with long fractions
                "amount": np.where(chance.random(rows) < 0.9, 1.0, chance.random(rows) + 0.01),
            }
        )
    )


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, Path]:
    """A store with events of documents and loads, and the same one in schema version 7."""
    path = Path(shutil.copy(empty_store, tmp_path_factory.mktemp("old") / "new.memini"))
    with opened(path) as memory:
        memory.add(corpus(5, 30))
        load(memory, 20_000, 1)
        memory.retune(Parameters(impulse=0.7))
        load(memory, 300, 2)
    older = Path(shutil.copy(path, path.with_name("old.memini")))
    to_version_7(older)
    return path, older


def ledger(path: Path) -> Ledger:
    with Store(path) as store:
        return read_ledger(store.read).in_time()


def assert_same(one: Ledger, other: Ledger) -> None:
    for field in fields(Ledger):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)


def amounts(memory: Memory) -> list[float]:
    query = """
        MATCH (d:Document:EventLog)
        RETURN list_transform(d.amount_at, i -> memini_amount(d.event_amounts[i])) AS a
    """
    return [amount for row in memory.cypher(query).to_pylist() for amount in row["a"]]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_store_of_version_7_has_the_same_amounts(
    old: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    path = Path(shutil.copy(old[1], tmp_path / "a.memini"))
    monkeypatch.setattr("memini_kuzu.store.schema.FILLED", 5_000)
    with opened(path, read_only=read_only) as memory, opened(old[0]) as same:
        assert contents(memory) == contents(same)
        assert sorted(amounts(memory)) == sorted(amounts(same))
        assert memory.doctor(deep=True).sound
    expected = ledger(old[0])
    assert len(expected) > 20_000
    assert_same(ledger(path), expected)
    with opened(path) as memory:
        memory.add(corpus(6, 10))
        load(memory, 500, 3)
        memory.retune(Parameters(impulse=0.5))
        assert not violations(memory._store)


def test_cypher_reads_the_amounts_exactly(old: tuple[Path, Path]) -> None:
    expected = ledger(old[0]).amount
    with opened(old[0]) as memory:
        assert sorted(amounts(memory)) == sorted(expected.tolist())
    assert len(np.unique(expected)) > 1000


def test_what_only_the_journal_of_version_7_tells_is_kept(
    old: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = (tmp_path / name for name in ("a.memini", "told.memini"))
    shutil.copy(old[1], path)
    shutil.copy(old[0], told)
    with opened(told) as memory:
        memory.remember("Ada met Bob. Cy met Dan, Eve and Ada.", id="last", source="new")
        [document] = memory.cypher("MATCH (d:Document {source: 'new'}) RETURN d.id AS id")["id"].to_pylist()
        rows = memory._store.read("MATCH (d:Document {source: 'new'}) RETURN d.*")
    rows = spread(rows.rename_columns([name.split(".", 1)[1] for name in rows.column_names]))
    # an engine alone opens it as it is, and what it is told stays in the journal
    change = Change(parts=[Part("create", "Document", rows)])
    monkeypatch.setattr(OpenFile, "worth_settling", lambda _: False)
    engine = Engine(path, lambda told: [Step(1, partial(write, change=Change.unpack(each))) for each in told])
    engine.apply(change.pack())
    engine.close()
    monkeypatch.undo()
    assert path.with_name("a.memini.journal").stat().st_size > 1000
    here, there = ledger(path), ledger(told)
    assert_same(here.take(here.document == document), there.take(there.document == document))


def test_an_export_holds_doubles_as_it_did_before(old: tuple[Path, Path], tmp_path: Path) -> None:
    with opened(old[0]) as memory:
        memory.export(tmp_path / "out")
    meta = pq.read_table(tmp_path / "out" / "meta.parquet").to_pylist()
    older = [row | ({"value": "7"} if row["key"] == "schema_version" else {}) for row in meta]
    pq.write_table(pa.Table.from_pylist(older), tmp_path / "out" / "meta.parquet")
    documents, events = (
        pq.read_table(tmp_path / "out" / f"{name}.parquet") for name in ("documents", "events")
    )
    told = [
        amount for table in (documents, events) for row in table["event_amount"].to_pylist() for amount in row
    ]
    import_store(tmp_path / "again.memini", tmp_path / "out")
    with opened(tmp_path / "again.memini") as memory, opened(old[0]) as same:
        assert sorted(amounts(memory)) == sorted(amounts(same)) == sorted(told)
        assert contents(memory) == contents(same)
        memory.export(tmp_path / "second")
    for name in ("documents", "events"):
        one, other = (pq.read_table(tmp_path / folder / f"{name}.parquet") for folder in ("out", "second"))
        assert one.equals(other)
