"""What filters select in memory: it follows what is told, and is read anew where it cannot."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from fixtures_memory import NOW, START, corpus
from oracle_lookup import unlike

from memini_kuzu.store.filters import Filter, wanted
from memini_kuzu.store.in_file import InFile
from memini_kuzu.store.model import Seen, Then, rows, selections
from memini_kuzu.store.model.selections import KnownSelections
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from memini_kuzu import Memory

pytest_plugins = ["fixtures_memory"]

PATIENCE = 60.0

FILTERS = (
    Filter(sources=("source 0",)),
    Filter(sources=("source*", "now")),
    Filter(since=START + 100 * DAY, until=START + 300 * DAY),
    Filter(sources=("source 1", "now"), since=START + 50 * DAY),
    Filter(sources=("nowhere",)),
)


@pytest.fixture
def held(memory: Memory) -> Memory:
    """With all in memory."""
    memory.add(corpus(71, 40))
    memory._store.hold()
    return memory


def test_what_filters_select_follows_what_is_told(held: Memory) -> None:
    store = held._store
    for number in range(4):
        assert not unlike(store, FILTERS)
        held.remember(f"Zoe met Quentin {number}. Ada saw Bob.", source="now", time=from_millis(NOW + number))
        held.remember("Bob met Zoe.", source="source 0", time=from_millis(START + (60 + number) * DAY))
    assert not unlike(store, FILTERS)


def test_metadata_selects_what_is_told_later_too(held: Memory) -> None:
    asked = Filter(where=(("project", "orion"),))
    assert not held.recall("Zoe", where={"project": "orion"}).passages
    for project in ("lyra", "orion"):
        held.remember(f"Zoe met Ada for {project}.", metadata={"project": project})
        assert not unlike(held._store, [asked])
    found = held.recall("Zoe", where={"project": "orion"})
    assert [passage.text for passage in found] == ["Zoe met Ada for orion."]


def test_a_scope_is_asked_of_memory_after_a_write(held: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    held.recall("Ada", sources=["source 0", "now"])
    held.remember("Ada lost the violin.", time=from_millis(NOW), source="now")
    with monkeypatch.context() as patched:
        patched.setattr(type(held._store), "read", None)
        found = held.recall("Ada and the violin", sources=["source 0", "now"])
    assert found.passages[0].text == "Ada lost the violin."


def test_the_past_is_asked_of_memory_after_a_write(held: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    then = from_millis(START + 200 * DAY)
    held.recall("Ada", now=then)
    held.remember("Ada lost the violin.", time=from_millis(NOW), source="now")
    held.remember("Ada found the violin.", time=from_millis(START + 199 * DAY), source="now")
    with monkeypatch.context() as patched:
        patched.setattr(type(held._store), "read", None)
        found = held.recall("Ada and the violin", now=then)
    assert found.passages[0].text == "Ada found the violin."
    assert "Ada lost the violin." not in [passage.text for passage in found]


def test_the_past_of_a_store_of_too_many_events_is_asked_of_the_file(
    held: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, then = held._store, START + 200 * DAY
    with store.lookup(then) as lookup:
        assert isinstance(lookup, Then)
        sums = lookup.sums
    monkeypatch.setattr(selections, "LARGEST", 1)
    held.remember("Zoe met Quentin.", source="now", id="1", time=from_millis(NOW))
    held.forget(source="now", dry_run=False)
    with store.lookup(then) as lookup:
        assert isinstance(lookup, InFile)
        assert lookup.sums == sums


def test_what_is_taken_away_or_changed_is_read_anew(held: Memory) -> None:
    store = held._store
    held.remember("Zoe met Quentin.", source="now", id="1", time=from_millis(NOW))
    for write in (
        lambda: held.remember("Zoe met Ada.", source="now", id="1", time=from_millis(NOW)),
        lambda: held.alias_add("Countess", "Ada"),
        lambda: held.entity_drop("Bob"),
        lambda: held.forget(source="now", dry_run=False),
        lambda: held.forget(entity="Ada", dry_run=False),
    ):
        assert not unlike(store, FILTERS)
        write()
        store.hold()
        assert not unlike(store, FILTERS)


def test_events_that_were_loaded_are_asked_of_the_file(held: Memory) -> None:
    events = {"source": ["Ada"], "target": ["Bob"], "time": [from_millis(START)]}
    held.load_events(pa.table(events))
    store = held._store
    store.hold()
    kinds = {}
    for name, asked in (("all", wanted(sources="*")), ("one", wanted(sources="source 0"))):
        with store.lookup(NOW, asked) as lookup:
            kinds[name] = type(lookup)
    assert kinds == {"all": InFile, "one": Seen}


def test_what_others_take_away_leaves_a_scope_as_it_is(held: Memory) -> None:
    store, (own, every, *_) = held._store, FILTERS
    for asked in (own, every):
        with store.lookup(NOW, asked):
            pass
    held.remember("Zoe met Quentin.", source="now", id="1", time=from_millis(NOW))
    held.remember("Zoe met Quentin.", source="now", id="2", time=from_millis(NOW))
    # neither was asked for since, and this takes away what was told meanwhile
    held.forget(source="now", until=from_millis(NOW + 1), dry_run=False)
    model = store.hold()
    known = [model.selections.get(model, asked, store.parameters) is not None for asked in (own, every)]
    assert known == [True, False]
    assert not unlike(store, FILTERS)


def test_of_an_entity_that_was_forgotten_a_scope_has_only_what_is_told_later(
    held: Memory,
) -> None:
    asked = Filter(sources=("letters",))
    held.remember("Ulla.", source="letters", time=from_millis(NOW))
    assert not unlike(held._store, [asked])
    # nothing told of it with another, so that no document changes
    held.forget(entity="Ulla", dry_run=False)
    held.remember("Ulla met Quentin.", source="letters", time=from_millis(NOW + 1))
    assert not unlike(held._store, [asked])


def test_a_document_that_is_told_anew_under_other_metadata_changes_scopes(held: Memory) -> None:
    asked = Filter(where=(("project", "orion"),))
    for metadata in (None, {"project": "orion"}, {"project": "lyra"}):
        held.remember("Zoe met Ada.", source="now", id="1", metadata=metadata, time=from_millis(NOW))
        assert not unlike(held._store, [asked, *FILTERS])
        count = len(held.recall("Zoe", where={"project": "orion"}).passages)
        assert count == (metadata == {"project": "orion"})


def test_passages_that_are_copied_together_are_counted_again(
    held: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "SPARSE", 0)
    held.remember("Zoe met Quentin.", source="now", id="1", time=from_millis(NOW))
    for source in ("source 2", "now"):
        assert not unlike(held._store, FILTERS)
        held.forget(source=source, dry_run=False)
    assert not unlike(held._store, FILTERS)


@pytest.mark.parametrize(("name", "value"), [("LARGEST", 1), ("NOTED", 0)])
def test_what_is_not_kept_is_read_again(
    held: Memory, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(selections, name, value)
    for number in range(3):
        assert not unlike(held._store, FILTERS)
        held.remember(f"Bob met Zoe {number}.", source="source 0", time=from_millis(NOW))
    model = held._store.hold()
    kept = [asked for asked in FILTERS if model.selections.get(model, asked, held._store.parameters)]
    assert len(kept) < len(FILTERS)
    assert not unlike(held._store, FILTERS)


def test_a_reader_keeps_what_it_began_with(held: Memory) -> None:
    store, asked = held._store, FILTERS[1]
    with store.lookup(NOW, asked) as lookup:
        assert isinstance(lookup, Seen)
        before = lookup.frequencies(["zoe", "quentin"]), lookup.sums
        writer = threading.Thread(
            target=lambda: held.remember("Zoe met Quentin.", source="now", time=from_millis(NOW)), daemon=True
        )
        writer.start()
        writer.join(PATIENCE)
        with store.lookup(NOW, asked) as later:
            assert later.sums.passages == lookup.sums.passages + 1
        assert (lookup.frequencies(["zoe", "quentin"]), lookup.sums) == before


def test_an_earlier_state_is_not_given_what_a_later_one_selects(held: Memory) -> None:
    store, asked = held._store, FILTERS[1]
    first = store.hold()
    with store.lookup(NOW, asked):
        pass
    assert first.selections.get(first, asked, store.parameters) is not None
    held.remember("Zoe met Quentin.", source="now", time=from_millis(NOW))
    with store.lookup(NOW, asked):
        pass
    assert first.selections.get(first, asked, store.parameters) is None


def test_a_filter_that_nothing_was_known_of_is_not_made_up(held: Memory) -> None:
    model = held._store.hold()
    assert KnownSelections().get(model, FILTERS[0], held._store.parameters) is None
