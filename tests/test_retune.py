"""A retuned store is the one that had these parameters from the start, or the one that was there before."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import magnitudes

from memini_kuzu import InputError, Memory, Mention, Parameters, Record, StoreError
from memini_kuzu.store import rewriting, schema
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOW = to_millis("2026-06-01")
WORDS = ("Ada", "Babbage", "Curie", "Darwin", "Euler", "Fermi")
OTHER = Parameters(tau_fast=2.0, tau_slow=900.0, coupling=0.2, capacity=7.0, impulse=3.0)


class Words:
    """Every word is a mention; a full stop ends a sentence."""

    identity = "words/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            yield [
                Mention(word.lower(), word, "NAME", sentence, 0)
                for sentence, words in enumerate(text.split("."))
                for word in words.split()
            ]


def opened(path: Path, parameters: Parameters | None = None) -> Memory:
    return Memory.open(path, extractor=Words(), parameters=parameters, clock=lambda: NOW)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    return [
        Record(
            text=". ".join(
                " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4))) for _ in range(2)
            ),
            time=NOW - draw(st.integers(0, 400)) * DAY,
            # the same id again is a new version
            id=str(draw(st.integers(0, 5))),
            source=draw(st.sampled_from(["diary", 'it\'s "odd"'])),
            title=draw(st.sampled_from(["", "Ada"])),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


def contents(memory: Memory) -> dict[str, list[dict[str, Any]]]:
    """All that a store holds, in an order of its own; strengths as they stand now."""
    queries = {
        "entities": "MATCH (n:Entity) RETURN n.* ORDER BY n.id",
        "aliases": "MATCH (n:Alias) RETURN n.* ORDER BY n.key",
        "sources": "MATCH (n:Source) RETURN n.* ORDER BY n.name",
        "documents": "MATCH (n:Document) RETURN n.* ORDER BY n.id",
        "passages": "MATCH (n:Passage) RETURN n.* ORDER BY n.id",
        "mentions": """MATCH (p:Passage)-[m:MENTIONS]->(e:Entity)
            RETURN p.id, e.id, m.count ORDER BY p.id, e.id""",
        "edges": """MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WITH a, e, b, $now AS now
            RETURN a.id, b.id, e.events, e.first_seen, e.last_seen, memini_fast(e, now) AS fast,
                memini_slow(e, now) AS slow ORDER BY a.id, b.id""",
    }
    return {
        name: memory.cypher(query, {"now": from_millis(NOW)} if "$now" in query else None).to_pylist()
        for name, query in queries.items()
    }


def assert_same(one: Memory, other: Memory) -> None:
    mine, theirs = contents(one), contents(other)
    for name, rows in mine.items():
        assert len(rows) == len(theirs[name]), name
        for row, expected in zip(rows, theirs[name], strict=True):
            for column, value in row.items():
                if column in {"fast", "slow"}:
                    assert value == pytest.approx(expected[column], rel=1e-9, abs=1e-12)
                elif column == "n.event_amounts":
                    amounts = (
                        np.array(bits, np.int64).view(np.float64) for bits in (value, expected[column])
                    )
                    np.testing.assert_allclose(*amounts, rtol=1e-12)
                else:
                    assert value == expected[column], (name, column)
    assert one.parameters == other.parameters


# that events give these edges under any parameters is shown on columns (tests/test_associations.py)
@settings(max_examples=4)
@given(
    told=records(),
    tau_fast=magnitudes(0.5, 20),
    coupling=magnitudes(0.01, 2),
    capacity=magnitudes(1, 60),
    maintained=st.booleans(),
)
def test_a_retuned_store_is_one_that_had_these_parameters_from_the_start(
    told: list[Record], tau_fast: float, coupling: float, capacity: float, *, maintained: bool
) -> None:
    parameters = Parameters(tau_fast=tau_fast, coupling=coupling, capacity=capacity, impulse=1.5)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder) / "a.memini") as memory,
        opened(Path(folder) / "b.memini", parameters) as fresh,
    ):
        memory.add(told)
        fresh.add(told)
        if maintained:  # what it forgets is there again
            memory.consolidate(now=from_millis(NOW), threshold=0.01)
        memory.retune(parameters)
        assert_same(memory, fresh)
        asked = [m.recall("Ada", now=from_millis(NOW)) for m in (memory, fresh)]
        assert [p.text for p in asked[0].passages] == [p.text for p in asked[1].passages]
        # and goes on as it would
        memory.remember("Ada Curie", time=from_millis(NOW), id="next")
        fresh.remember("Ada Curie", time=from_millis(NOW), id="next")
        assert_same(memory, fresh)


@pytest.fixture(scope="session")
def told_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to be copied."""
    path = tmp_path_factory.mktemp("told") / "a.memini"
    with opened(path) as memory:
        memory.add(
            Record(text=f"Ada {word}. Curie {word}", time=NOW - day * DAY, id=str(day))
            for day, word in enumerate(WORDS)
        )
    return path


@pytest.fixture
def filled(told_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(told_once, tmp_path / "a.memini"))


def test_a_retuned_store_opens_again_with_its_parameters(filled: Path) -> None:
    with opened(filled) as memory:
        report = memory.retune(OTHER)
        before = contents(memory)
    assert (report.before, report.after) == (Parameters(), OTHER)
    with opened(filled) as memory:
        assert memory.parameters == OTHER
        assert contents(memory) == before
    left = sorted(path.name for path in filled.parent.iterdir() if ".lock" not in path.name)
    assert left in (["a.memini"], ["a.memini", "a.memini.journal"])


def test_tables_of_the_users_own_are_kept(filled: Path) -> None:
    with opened(filled) as memory:
        memory.cypher("CREATE NODE TABLE Mine(id INT64 PRIMARY KEY, words STRING[])", write=True)
        memory.cypher("CREATE REL TABLE Of(FROM Mine TO Entity, why STRING)", write=True)
        memory.cypher(
            "MATCH (e:Entity {key: 'ada'}) CREATE (:Mine {id: 1, words: ['x']})-[:Of {why: 'so'}]->(e)",
            write=True,
        )
        memory.retune(OTHER)
        found = memory.cypher("MATCH (m:Mine)-[o:Of]->(e:Entity) RETURN m.words, o.why, e.key").to_pylist()
    assert found == [{"m.words": ["x"], "o.why": "so", "e.key": "ada"}]


def test_a_macro_of_the_users_own_is_a_reason_to_refuse(filled: Path) -> None:
    with opened(filled) as memory:
        memory.cypher("CREATE MACRO twice(x) AS (x + 0) * 2", write=True)
        before = contents(memory)
        with pytest.raises(StoreError, match="TWICE"):
            memory.retune(OTHER)
        assert contents(memory) == before
        assert memory.parameters == Parameters()


@pytest.mark.parametrize(
    "change", ["SET e.fast = e.fast + 0.5", "SET e.events = e.events + 1", "SET e.fast = 0.0"]
)
def test_events_outside_the_ledgers_are_a_reason_to_refuse_and_are_counted(filled: Path, change: str) -> None:
    with opened(filled) as memory:
        memory.cypher(
            f"MATCH (:Entity {{key: 'ada'}})-[e:ASSOCIATES]->(:Entity {{key: 'curie'}}) {change}", write=True
        )
        before = contents(memory)
        with pytest.raises(InputError, match=r"1 of \d+ associations"):
            memory.retune(OTHER)
        assert contents(memory) == before


def test_a_store_that_is_open_twice_or_read_only_is_refused(filled: Path) -> None:
    with opened(filled) as memory, opened(filled), pytest.raises(StoreError, match="open 2 times"):
        memory.retune(OTHER)
    with Memory.open(filled, read_only=True) as memory, pytest.raises(StoreError, match="read-only"):
        memory.retune(OTHER)


@pytest.mark.parametrize("step", ["_fill", "_check", "move"])
def test_a_failure_at_any_step_leaves_the_store_as_it_was(
    filled: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(filled) as memory:
        before = contents(memory)
        with monkeypatch.context() as patched:
            patched.setattr(schema if step == "move" else rewriting, step, fail)
            with pytest.raises(StoreError, match="No space left"):
                memory.retune(OTHER)
        assert contents(memory) == before
        assert not [
            path for path in filled.parent.iterdir() if ".new" in path.name and ".lock" not in path.name
        ]
        memory.retune(OTHER)
        assert memory.parameters == OTHER


CRASH = """
import os, signal, sys
from pathlib import Path
from memini_kuzu import Memory, Parameters
from memini_kuzu.store import rewriting, schema
step, path = sys.argv[1:]
module = schema if step in {"move", "macros"} else rewriting
def die(*rest):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, step, die)
Memory.open(path).retune(Parameters(tau_fast=2.0))
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["_check", "_fill", "macros", "move"])
def test_a_crash_at_any_step_leaves_the_store_as_it_was(filled: Path, step: str) -> None:
    with opened(filled) as memory:
        before = contents(memory)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(CRASH), step, str(filled)], check=False)
    assert done.returncode == -signal.SIGKILL
    with opened(filled) as memory:
        assert contents(memory) == before
        assert memory.parameters == Parameters()
        memory.retune(OTHER)
        assert memory.parameters == OTHER
