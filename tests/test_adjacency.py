"""The associations in memory: the same as those in the file, never stale, and read only where it pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from fixtures_memory import NOW, START, corpus

from memini_kuzu.identity import stable_id
from memini_kuzu.store import Store, reading, store
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    import pyarrow as pa

    from memini_kuzu.memory import Memory

pytest_plugins = ["fixtures_memory"]

ORDER = [("source", "ascending"), ("id", "ascending")]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are read at the second hop, however few were asked for."""
    monkeypatch.setattr(store, "ADJACENCY_FIXED", 0.0)
    monkeypatch.setattr(store, "ADJACENCY_PER_EDGE", 0.0)


def entities(of: Store) -> list[int]:
    return of.read("MATCH (e:Entity) RETURN e.id AS id")["id"].to_pylist()


def hop(of: Store, ids: list[int], now: int = NOW) -> pa.Table:
    return reading.associations_from(of, ids, from_millis(now)).sort_by(ORDER)


def same(one: pa.Table, other: pa.Table) -> None:
    assert one.schema == other.schema
    exact = [name for name in one.column_names if name != "strength"]
    assert one.select(exact).equals(other.select(exact))
    np.testing.assert_allclose(one["strength"], other["strength"], rtol=1e-12)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("now", [START - DAY, START + 30 * DAY, NOW])
def test_the_second_hop_comes_from_memory_and_gives_the_same(memory: Memory, now: int) -> None:
    memory.add(corpus(51, 60))
    # places of deleted entities stay empty in the file
    memory.remember("Zoe met Quentin.", time=from_millis(NOW), source="gone")
    memory.remember("Wanda met Xaver.", time=from_millis(NOW), source="stays")
    memory.forget(source="gone", dry_run=False)
    ids = [*entities(memory._store), stable_id("nobody")]
    for some in (ids, ids[:3], ids[-1:]):
        with Store(memory._store.path) as fresh:
            assert fresh.adjacency() is None
            from_file = hop(fresh, some, now)
            assert fresh.adjacency() is not None
            same(hop(fresh, some, now), from_file)


@pytest.mark.usefixtures("at_once")
def test_a_store_without_associations_is_held_too(memory: Memory) -> None:
    assert reading.associations_from(memory._store, [stable_id("ada")], from_millis(NOW)).num_rows == 0
    assert memory._store.adjacency() is not None
    assert reading.associations_from(memory._store, [stable_id("ada")], from_millis(NOW)).num_rows == 0


@pytest.mark.usefixtures("at_once")
def test_what_was_read_is_stale_after_every_way_of_writing(memory: Memory) -> None:
    memory.remember("Ada met Charles.", time=from_millis(NOW))

    def names() -> list[int]:
        found: list[int] = hop(memory._store, [stable_id("ada")])["id"].to_pylist()
        # once more, from memory if it is held
        assert hop(memory._store, [stable_id("ada")])["id"].to_pylist() == found
        assert memory._store.adjacency() is not None
        return found

    assert names() == [stable_id("charles")]
    memory.remember("Ada met Grace.", time=from_millis(NOW))
    assert names() == sorted([stable_id("charles"), stable_id("grace")])
    memory.forget(association=("Ada", "Charles"), dry_run=False)
    assert names() == [stable_id("grace")]
    memory.cypher("MATCH (:Entity {key: 'ada'})-[e:ASSOCIATES]->() DELETE e", write=True)
    assert names() == []
    memory.remember("Ada met Kurt.", time=from_millis(START))
    assert names() == [stable_id("kurt")]
    memory.consolidate(threshold=0.9)
    assert names() == []


@pytest.mark.usefixtures("at_once")
def test_recall_is_the_same_with_associations_from_memory(memory: Memory) -> None:
    memory.add(corpus(52, 60))
    cues = ["Ada and the violin", "Where does Charles live?", "harvest in 2025"]
    first = [memory.recall(cue) for cue in cues[:1]]
    assert memory._store.adjacency() is not None
    held = [memory.recall(cue) for cue in cues]
    memory._store.close()
    with type(memory).open(memory._store.path, clock=lambda: NOW) as fresh:
        fresh._store.adjacency = lambda: None  # type: ignore[method-assign]
        from_file = [fresh.recall(cue) for cue in cues]
    for one, other in zip([*first, *held], [from_file[0], *from_file], strict=True):
        assert [passage.id for passage in one] == [passage.id for passage in other]
        assert [passage.score for passage in one] == pytest.approx([passage.score for passage in other])
        assert [path.through for path in one.paths] == [path.through for path in other.paths]


def test_a_few_hops_ask_the_file(memory: Memory) -> None:
    memory.add(corpus(53, 60))
    memory._store.adjacency()
    for seconds, held in [(0.0, False), (store.ADJACENCY_FIXED, False), (3 * store.ADJACENCY_FIXED, True)]:
        memory._store._hop_cost.seconds = seconds
        assert (memory._store.adjacency() is not None) == held


@pytest.mark.usefixtures("at_once")
def test_more_associations_than_memory_holds_stay_in_the_file(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(54, 60))
    monkeypatch.setattr(store, "memory", lambda: 1_000)
    ids = entities(memory._store)
    assert hop(memory._store, ids).num_rows
    assert memory._store.adjacency() is None
    assert hop(memory._store, ids).num_rows
