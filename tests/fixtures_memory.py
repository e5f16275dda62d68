"""Stores, stub extractors and small corpora for the tests of the memory."""

from __future__ import annotations

import itertools
import random
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memini_kuzu.config import Parameters
from memini_kuzu.extraction import Mention
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

START = to_millis("2025-01-01")
NOW = START + 1000 * DAY
DEFAULTS = Parameters()


class Names:
    """Every capitalised word is an entity, every full stop ends a sentence: tests can foresee them."""

    identity = "names/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            yield [
                Mention(word[0].lower(), word[0], "NAME", sentence, part.start() + word.start())
                for sentence, part in enumerate(re.finditer(r"[^.]+", text))
                for word in re.finditer(r"[A-Z]\w+", part[0])
            ]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store with the default parameters, to be copied: making one takes half a second."""
    path = tmp_path_factory.mktemp("store") / "empty.memini"
    Store(path, create=True).close()
    return path


@pytest.fixture
def path(tmp_path: Path, empty_store: Path) -> Path:
    """A store file of the test's own."""
    return Path(shutil.copy(empty_store, tmp_path / "test.memini"))


@pytest.fixture
def memory(path: Path) -> Iterator[Memory]:
    """An empty memory whose extractor is `Names` and whose present is `NOW`."""
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def memories(tmp_path: Path, empty_store: Path) -> Iterator[Callable[[], Memory]]:
    """Makes one empty memory after the other."""
    opened: list[Memory] = []

    def another() -> Memory:
        file = shutil.copy(empty_store, tmp_path / f"{len(opened)}.memini")
        opened.append(Memory.open(file, extractor=Names(), clock=lambda: NOW))
        return opened[-1]

    yield another
    for each in opened:
        each.close()


PEOPLE = ("Ada", "Bob", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hal")
WORDS = ("river", "violin", "orchard", "candle", "marble", "lantern", "harvest", "meadow", "pebble", "quarry")


def sentence(chance: random.Random) -> str:
    return (
        f"{chance.choice(PEOPLE)} gave {chance.choice(PEOPLE)} the {chance.choice(WORDS)} "
        f"and the {chance.choice(WORDS)} {chance.randrange(30)}."
    )


def corpus(seed: int, size: int, *, sentences: int = 3, sources: int = 3) -> list[Record]:
    """Documents with ids, out of order in time."""
    chance = random.Random(seed)
    return [
        Record(
            " ".join(sentence(chance) for _ in range(chance.randint(1, sentences))),
            START + chance.randrange(400 * DAY),
            f"source {chance.randrange(sources)}",
            title=chance.choice(("", "", "Zoe")),
            id=f"d{number}",
        )
        for number in range(size)
    ]


TABLES = {
    "Entity": "MATCH (n:Entity) RETURN n.*",
    "Alias": "MATCH (n:Alias) RETURN n.*",
    "Source": "MATCH (n:Source) RETURN n.*",
    "Document": "MATCH (n:Document) RETURN n.*",
    "Passage": "MATCH (n:Passage) RETURN n.*",
    "ASSOCIATES": "MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) RETURN a.id AS a, b.id AS b, e.fast AS fast, "
    "e.slow AS slow, e.as_of AS as_of, e.events AS events, "
    "e.first_seen AS first_seen, e.last_seen AS last_seen",
    "MENTIONS": "MATCH (p:Passage)-[m:MENTIONS]->(e:Entity) RETURN p.id AS p, e.id AS e, m.count AS n, "
    "m.label AS label",
    "MeminiMeta": "MATCH (n:MeminiMeta) RETURN n.*",
}


def contents(memory: Memory) -> dict[str, list[str]]:
    """Everything that a memory holds, as sorted text."""
    return {name: sorted(map(repr, memory.cypher(query).to_pylist())) for name, query in TABLES.items()}


def strengths(memory: Memory, now: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Both variables of every association at one time, by the names of its ends."""
    table = memory.cypher(
        "MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WITH a, b, e, CAST($now, 'TIMESTAMP') AS now "
        "RETURN a.key AS a, b.key AS b, memini_fast(e, now) AS fast, memini_slow(e, now) AS slow",
        {"now": str(np.datetime64(now, "ms"))},
    )
    return {(row["a"], row["b"]): (row["fast"], row["slow"]) for row in table.to_pylist()}


def assert_same_strengths(
    one: dict[tuple[str, str], tuple[float, float]], other: dict[tuple[str, str], tuple[float, float]]
) -> None:
    assert one.keys() == other.keys()
    for pair, values in one.items():
        np.testing.assert_allclose(values, other[pair], rtol=1e-9, err_msg=str(pair))


def batches(records: list[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(records)
    while part := list(itertools.islice(iterator, size)):
        yield part
