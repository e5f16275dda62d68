"""Writing a store's file anew: it holds the same, in less space."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from crash import violations
from fixtures_memory import NOW, Names, contents, corpus
from typer.testing import CliRunner

from memini_kuzu.cli import app
from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.store.change import Change
from memini_kuzu.store.engine.checksum import PAGE

pytest_plugins = ["fixtures_memory"]

TOLD = "Zanzibar paid the blackmailer Quillfeather"


LEDGER = "MATCH (d:Document) RETURN d.* ORDER BY d.id"


def opened(path: Path) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW)


def load(memory: Memory, source: list[str], target: list[str], amount: float, *, keep: bool) -> None:
    events = {
        "source": source,
        "target": target,
        "time": [NOW] * len(source),
        "amount": [amount] * len(source),
    }
    memory.load_events(pa.table(events | {"amount": [amount] * len(source)}), keep_events=keep)


@pytest.fixture(scope="module")
def grown_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A store that grew by small changes, with events and a table of the user's own."""
    path = tmp_path_factory.mktemp("grown") / "a.memini"
    shutil.copy(empty_store, path)
    with opened(path) as memory:
        for seed in range(4):
            memory.add(corpus(seed, 30))
            memory._store._engine.checkpoint()
        memory.remember(TOLD, id="secret", source="dark")
        memory._store._engine.checkpoint()
        memory.forget(source="dark")
        load(memory, ["Ada"] * 9, ["Bob"] * 9, 1 / 3, keep=True)
        memory.cypher("CREATE NODE TABLE Mine(id INT64 PRIMARY KEY, words STRING[])", write=True)
        memory.cypher("CREATE (:Mine {id: 1, words: ['x', '']})", write=True)
    return path


@pytest.fixture
def grown(grown_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(grown_once, tmp_path / "a.memini"))


def test_a_compacted_store_holds_the_same_in_less_space(grown: Path) -> None:
    with opened(grown) as memory:
        memory.remember("Ada met Bob.", id="last")
        before, ledger = contents(memory), memory.cypher(LEDGER).to_pylist()
        report = memory.compact()
        assert report.after == grown.stat().st_size
        assert report.after < 0.8 * report.before
        assert contents(memory) == before
        assert memory.cypher(LEDGER).to_pylist() == ledger
        assert memory.cypher("MATCH (m:Mine) RETURN m.words AS w").to_pylist() == [{"w": ["x", ""]}]
        assert memory.recall("Ada Bob").passages[0].id == "last"
        assert memory.doctor(deep=True).sound
    with opened(grown) as memory:
        assert contents(memory) == before
        memory.add(corpus(9, 10))
        assert not violations(memory._store)


def test_what_was_forgotten_is_not_in_the_new_file(grown: Path) -> None:
    assert b"Quillfeather" in grown.read_bytes()
    with opened(grown) as memory:
        memory.compact()
    assert b"Quillfeather" not in grown.read_bytes()


def test_a_store_that_cannot_be_written_anew_stays_as_it_is(grown: Path) -> None:
    with opened(grown) as memory, opened(grown), pytest.raises(StoreError, match="open 2 times"):
        memory.compact()
    with Memory.open(grown, read_only=True) as memory, pytest.raises(StoreError, match="read-only"):
        memory.compact()
    with opened(grown) as memory:
        memory.cypher("CREATE MACRO twice(x) AS (x + 0) * 2", write=True)
        before = contents(memory)
        with pytest.raises(StoreError, match="TWICE"):
            memory.compact()
        assert contents(memory) == before


def test_the_command_says_what_it_gave_back(grown: Path) -> None:
    done = CliRunner().invoke(app, ["compact", "--db", str(grown)])
    assert done.exit_code == 0, done.output
    assert done.output.endswith(" MB before\n")
    assert float(done.output.split()[0]) * 1e6 == pytest.approx(grown.stat().st_size, abs=1e5)


def test_the_end_of_a_file_that_is_free_is_given_back(path: Path) -> None:
    def used(memory: Memory) -> int:
        counted, free = (
            sum(memory._store.read(f"CALL {name}() RETURN num_pages AS n")["n"].to_pylist())
            for name in ("file_info", "fsm_info")
        )
        assert counted * PAGE == path.stat().st_size
        return counted - free

    with opened(path) as memory:
        names = [f"N{number}" for number in range(5_000)]
        for step in (7, 9, 11, 13):
            load(memory, names, names[step:] + names[:step], 1.0, keep=False)
        edges = memory._store.read_edges()
        few = []
        for rows in (10, 20_000, 10, 10, 10_000, 10, 10, 20_000, 100, 10):
            change = Change()
            change.replace("ASSOCIATES", edges.slice(0, rows))
            memory._store.apply(change)
            few += [used(memory)] * (rows == 10)
        assert max(few) <= few[0]
        assert memory.doctor().sound
    with opened(path) as memory:
        load(memory, names, names[3:] + names[:3], 1.0, keep=False)
        assert memory.stats().associations == 5_010
