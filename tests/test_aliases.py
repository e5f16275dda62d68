"""Aliases: what is united is seen, added by superposition, and undone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import strategies  # noqa: F401  its profile: no deadline, the same examples everywhere
from fixtures_memory import NOW, PEOPLE, START, Names, assert_same_strengths, contents, corpus, strengths
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu import InputError, Memory, Record, UnknownEntityError
from memini_kuzu.changes.forgetting import forget
from memini_kuzu.changes.scope import Scope
from memini_kuzu.store import Store, associations
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator


pytest_plugins = ["fixtures_memory"]


def opened(path: Path) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW)


@pytest.fixture(scope="session")
def told_store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A store that holds the corpus of seed 7; to be copied."""
    path = Path(shutil.copy(empty_store, tmp_path_factory.mktemp("told") / "told.memini"))
    with opened(path) as memory:
        memory.add(corpus(7, 20))
    return path


@pytest.fixture
def told(told_store: Path, tmp_path: Path) -> Iterator[Memory]:
    with opened(Path(shutil.copy(told_store, tmp_path / "told.memini"))) as memory:
        yield memory


# that redirected edges are those of redirected events is shown on columns (tests/test_associations.py)
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), pair=st.permutations(PEOPLE).map(lambda people: people[:2]))
def test_removing_an_alias_restores_the_whole_store(empty_store: Path, seed: int, pair: list[str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(shutil.copy(empty_store, Path(folder) / "a.memini"))) as memory,
    ):
        memory.add(corpus(seed, 20))
        known = {row["key"] for row in memory.cypher("MATCH (e:Entity) RETURN e.key AS key").to_pylist()}
        if pair[1].lower() not in known:
            return
        before, strong = contents(memory), strengths(memory, NOW)
        memory.alias_add(*pair)
        memory.alias_remove(pair[0])
        after = strengths(memory, NOW)
        assert strong.keys() == after.keys()
        for ends, values in strong.items():
            np.testing.assert_allclose(after[ends], values, rtol=0, atol=1e-12)
        now = contents(memory)
        for table in ("Entity", "Alias", "Source", "Document", "Passage", "MENTIONS", "MeminiMeta"):
            assert now[table] == before[table]


def test_a_united_store_equals_one_that_was_told_one_name(told: Memory) -> None:
    lone = strengths(told, NOW)
    told.alias_add("Ada", "Bob")
    united = strengths(told, NOW)
    for (source, target), values in united.items():
        if source != "bob" or target == "bob":
            continue
        parts = [lone.get(("bob", target), (0.0, 0.0)), lone.get(("ada", target), (0.0, 0.0))]
        np.testing.assert_allclose(values, np.sum(parts, axis=0), rtol=1e-9)
    assert ("bob", "bob") not in united


def test_entities_with_many_associations_are_united_by_replacing_the_table(
    told: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.close()
    in_place = Path(shutil.copy(told.path, tmp_path / "in_place.memini"))
    with opened(in_place) as memory:
        memory.alias_add("Ada", "Bob")
        expected = strengths(memory, NOW)
    monkeypatch.setattr(associations, "NEVER_SWAPPED", 0)
    monkeypatch.setattr(Store, "prefers_swap", lambda *_, **__: True)
    with opened(told.path) as memory:
        memory.alias_add("Ada", "Bob")
        assert strengths(memory, NOW) == expected
        assert memory.doctor(deep=True).sound
        memory.alias_remove("Ada")
        assert memory.doctor(deep=True).sound


def test_what_was_told_meanwhile_stays_with_the_entity_and_the_rest_goes_back(told: Memory) -> None:
    before = strengths(told, NOW)
    told.alias_add("Ada", "Bob")
    told.add([Record("Ada met Ivo.", START + 900 * DAY, id="new")])
    told.alias_remove("Ada")
    after = strengths(told, NOW)
    assert ("bob", "ivo") in after
    assert ("ada", "ivo") not in after
    for ends, values in before.items():
        np.testing.assert_allclose(after[ends], values, rtol=0, atol=1e-12)


def test_what_was_forgotten_meanwhile_is_not_brought_back(
    told: Memory, told_store: Path, tmp_path: Path
) -> None:
    with opened(Path(shutil.copy(told_store, tmp_path / "other.memini"))) as other:
        forget(other._store, Scope(source="source 1"))
        expected = strengths(other, NOW)
    told.alias_add("Ada", "Bob")
    forget(told._store, Scope(source="source 1"))
    told.alias_remove("Ada")
    assert_same_strengths(strengths(told, NOW), expected)


def test_associations_without_a_ledger_go_over_and_back(told: Memory) -> None:
    # as an event stream leaves them: more events than the ledgers hold
    told.cypher(
        "MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WHERE a.key IN ['ada', 'bob'] "
        "SET e.events = e.events + 3, e.fast = e.fast + 1.5",
        write=True,
    )
    before, edges = strengths(told, NOW), contents(told)["ASSOCIATES"]
    told.alias_add("Ada", "Bob")
    united = strengths(told, NOW)
    told.alias_remove("Ada")
    after = strengths(told, NOW)
    assert sum(fast for fast, _ in united.values()) < sum(fast for fast, _ in before.values())
    assert before.keys() == after.keys()
    for ends, values in before.items():
        np.testing.assert_allclose(after[ends], values, rtol=0, atol=1e-12)

    def dates(rows: list[str]) -> list[str]:
        return sorted(row[row.index("'events'") :] for row in rows)

    assert dates(contents(told)["ASSOCIATES"]) == dates(edges)


def test_mentions_and_recall_go_over_to_the_entity(memory: Memory) -> None:
    memory.add(
        [
            Record("Melanie paints.", START, "talk", id="1"),
            Record("Mel sings with Ivo.", START + DAY, "talk", id="2"),
        ]
    )
    assert memory.alias_add("Mel", "Melanie").merged
    [found] = memory.associations("Mel", now="2026-01-01")
    assert (found.source, found.target) == ("Melanie", "Ivo")
    rows = memory.cypher("MATCH (e:Entity {key: 'melanie'}) RETURN e.mentions AS n").to_pylist()
    assert rows == [{"n": 2}]
    assert {passage.id for passage in memory.recall("Mel", now="2026-01-01")} == {"1", "2"}


@pytest.mark.parametrize("order", [("Ada", "Cleo"), ("Cleo", "Ada")])
def test_two_aliases_of_one_entity_come_apart_in_either_order(memory: Memory, order: tuple[str, str]) -> None:
    # in one document, so that three events of the same pair and time meet in its ledger
    memory.add([Record("Ada met Zoe. Ivo. Bob met Zoe. Ivo. Cleo met Zoe. Zoe saw Cleo.", START, id="1")])
    before, all_of_it = strengths(memory, NOW), contents(memory)
    memory.alias_add("Ada", "Bob")
    memory.alias_add("Cleo", "Bob")
    for name in order:
        memory.alias_remove(name)
    assert_same_strengths(strengths(memory, NOW), before)
    assert contents(memory)["Document"] == all_of_it["Document"]


def test_an_alias_is_not_removed_under_a_later_one_that_builds_on_it(memory: Memory) -> None:
    memory.add([Record("Ada met Bob. Bob met Cleo. Cleo met Ada.", START, id="1")])
    before = strengths(memory, NOW)
    memory.alias_add("Ada", "Bob")
    memory.alias_add("Bob", "Cleo")
    with pytest.raises(InputError, match="remove 'Bob' first"):
        memory.alias_remove("Ada")
    memory.alias_remove("Bob")
    memory.alias_remove("Ada")
    assert_same_strengths(strengths(memory, NOW), before)


def test_an_alias_of_an_unknown_name_moves_nothing(told: Memory) -> None:
    before = strengths(told, NOW)
    assert not told.alias_add("Countess", "Ada").merged
    assert strengths(told, NOW) == before
    assert [(one.name, one.entity) for one in told.alias_list()] == [("Countess", "Ada")]


@pytest.mark.parametrize(
    ("alias", "entity", "message"),
    [("", "Ada", "holds no letter"), ("ada", "Ada", "is the name of 'Ada' itself")],
)
def test_a_bad_alias_is_refused_and_nothing_changes(
    told: Memory, alias: str, entity: str, message: str
) -> None:
    before = contents(told)
    with pytest.raises(InputError, match=message):
        told.alias_add(alias, entity)
    assert contents(told) == before


def test_an_alias_of_nothing_known_is_refused(told: Memory) -> None:
    with pytest.raises(UnknownEntityError, match="no entity is named 'Nobody'"):
        told.alias_add("Countess", "Nobody")


def test_an_alias_stands_for_one_entity_only(told: Memory) -> None:
    told.alias_add("Countess", "Ada")
    with pytest.raises(InputError, match="is an alias already"):
        told.alias_add("countess", "Bob")
    with pytest.raises(InputError, match="'Viscount' is no alias"):
        told.alias_remove("Viscount")


def test_suggestions_list_likely_pairs_and_change_nothing(path: Path) -> None:
    with Memory.open(path, clock=lambda: NOW) as memory:
        memory.remember("Melanie Jones met Charles Babbage.", time="2026-03-01")
        memory.remember("Melanie met Charles Babbadge.", time="2026-03-02")
        before = contents(memory)
        found = {frozenset((one.alias, one.entity)): one.reason for one in memory.alias_suggest(20)}
        assert contents(memory) == before
    assert found[frozenset(("Charles Babbage", "Charles Babbadge"))] == "spelling"
    assert found[frozenset(("Melanie", "Melanie Jones"))] == "part"


def test_names_that_differ_in_a_number_are_not_suggested(memory: Memory) -> None:
    memory.remember("Session1 came. Session2 came.", time="2026-03-01")
    assert memory.alias_suggest() == []
