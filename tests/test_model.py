"""The read model: it gives what the file gives, follows each change, and is dropped where it cannot."""

from __future__ import annotations

import gc
import itertools
import math
import threading
import weakref
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from fixtures_memory import NOW, START, Names, corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_lookup import unlike
from test_kept_events import stream

from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.recall.recollection import recollect
from memini_kuzu.records import Record
from memini_kuzu.store import associations as associations_written
from memini_kuzu.store import loads
from memini_kuzu.store.engine import database, open_file
from memini_kuzu.store.in_file import InFile
from memini_kuzu.store.lookup import rarity
from memini_kuzu.store.model import InMemory, Model, holding, rows, steps, words
from memini_kuzu.store.model.columns import ASSOCIATES
from memini_kuzu.store.model.loading import Cost, read_model
from memini_kuzu.store.model.numbers import Numbers, unpaired
from memini_kuzu.store.model.rows import ENDLESS, LEVEL, SPARSE, Index, Rows, Strings
from memini_kuzu.store.model.selected import Selected
from memini_kuzu.store.model.words import Codes, count_words
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

PATIENCE = 60.0


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is read at the first recall, however few have asked the file."""
    monkeypatch.setattr(holding, "FIXED", -1.0)
    monkeypatch.setattr(holding, "estimate", lambda *_: Cost(-1.0, 0.0))


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read for as long as the test does not say so."""
    monkeypatch.setattr(holding, "FIXED", math.inf)


def derived(memory: Memory) -> Model | None:
    found: Model | None = memory._store._engine.derived
    return found


# --- rows of which every version stays readable ---


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=12), st.integers(0, 9))
def test_an_index_finds_the_rows_of_a_key_whatever_came_together(parts: list[list[int]], key: int) -> None:
    index, all_keys = Index(), np.zeros(0, dtype=np.int64)
    for part in parts:
        index = index.added(np.array(part, dtype=np.int64), len(all_keys))
        all_keys = np.append(all_keys, part).astype(np.int64)
    which, rows = index.find(np.array([key, 99]))
    assert sorted(rows.tolist()) == np.flatnonzero(all_keys == key).tolist()
    assert not which.any()
    assert len(index.segments) <= 1 + np.log(max(len(all_keys), 1)) / np.log(LEVEL)


@pytest.mark.parametrize(("few", "segments"), [(1, 2), (600, 1)])
def test_short_segments_of_an_index_are_merged(
    monkeypatch: pytest.MonkeyPatch, few: int, segments: int
) -> None:
    monkeypatch.setattr(rows, "FEW", few)
    index = Index().added(np.arange(500), 0).added(np.arange(250, 255), 500).added(np.array([750]), 505)
    assert len(index.segments) == segments
    which, found = index.find(np.array([249, 252, 750, 751]))
    assert sorted(zip(which.tolist(), found.tolist(), strict=True)) == [
        (0, 249),
        (1, 252),
        (1, 502),
        (2, 505),
    ]


def rows_of(*ids: int) -> dict[str, object]:
    return {"id": np.array(ids, dtype=np.int64), "name": pa.array([f"name {each}" for each in ids])}


def test_a_version_shows_what_it_showed_however_many_follow() -> None:
    versions = [Rows.none({"id": np.int64, "name": str}, ("id",)).plus(1, rows_of(0, 1, 2))]
    seen = [{0, 1, 2}]
    for number in range(2, 60):
        before = versions[-1]
        gone = before.row_of("id", np.array([number - 2]))
        versions.append(before.without(number, gone).plus(number, rows_of(number + 1)))
        seen.append(seen[-1] - {number - 2} | {number + 1})
    for version, there in zip(versions, seen, strict=True):
        every = version.all()
        ids = version.take("id", every).tolist()
        assert set(ids) == there
        assert version.texts("name", every) == [f"name {each}" for each in ids]
        found = version.row_of("id", np.arange(70))
        assert set(np.flatnonzero(found >= 0).tolist()) == there


def test_rows_that_have_ended_are_left_behind() -> None:
    rows = Rows.none({"id": np.int64, "name": str}, ("id",)).plus(1, rows_of(*range(2 * SPARSE + 4)))
    rows = rows.without(2, np.arange(SPARSE + 1))
    assert not rows.sparse
    rows = rows.without(3, np.arange(SPARSE + 1, SPARSE + 3))
    assert rows.sparse
    dense = rows.compact()
    assert (dense.n, dense.ended, dense.version) == (SPARSE + 1, 0, 3)
    assert dense.texts("name", dense.all()) == rows.texts("name", rows.all())
    assert (dense.died[: dense.n] == ENDLESS).all()


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-9, 9), max_size=9), min_size=1, max_size=9), st.data())
def test_numbers_stay_and_are_found(parts: list[list[int]], data: st.DataObject) -> None:
    numbers, given = Numbers(), {}
    for part in parts:
        for identity, number in zip(part, numbers.give(np.array(part, dtype=np.int64)).tolist(), strict=True):
            assert given.setdefault(identity, number) == number
    assert sorted(given.values()) == list(range(len(numbers)))
    some = data.draw(st.lists(st.integers(-9, 9)))
    found = numbers.find(np.array(some, dtype=np.int64))
    assert found.tolist() == [given.get(one, -1) for one in some]
    assert numbers.ids(found[found >= 0]).tolist() == [one for one in some if one in given]


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), max_size=8), st.lists(st.text(max_size=6), max_size=8))
def test_texts_are_kept_as_they_are(first: list[str], second: list[str]) -> None:
    kept = Strings.none().filled(0, pa.array(first, pa.string()))
    kept = kept.filled(len(first), pa.array(["gone", *second], pa.string())[1:])
    every = np.arange(len(first) + len(second))
    assert kept.take(every) == first + second
    with pytest.MonkeyPatch.context() as patched:
        # one piece, and many
        for size in (rows.PIECE, 2):
            patched.setattr(rows, "PIECE", size)
            assert kept.gather(every[::-1]).to_pylist() == (first + second)[::-1]


def test_words_are_counted_in_the_order_in_which_they_come() -> None:
    codes = Codes()
    counted = count_words(pa.array(["tea green tea", "", "green milk"]), codes)
    told = zip(counted.text.tolist(), codes.names(counted.word), counted.tf.tolist(), strict=True)
    assert list(told) == [(0, "tea", 2), (0, "green", 1), (2, "green", 1), (2, "milk", 1)]


def test_words_are_counted_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array(["tea green tea", "", "green milk", "tea", "", "milk tea milk"])
    codes, again = Codes(), Codes()
    whole = count_words(texts, codes)
    monkeypatch.setattr(words, "PIECE", 2)
    pieces = count_words(texts, again)
    for one, other in zip(whole, pieces, strict=True):
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype
    assert codes.names(whole.word) == again.names(pieces.word)


def test_reading_holds_no_table_while_it_reads_the_next_one(memory: Memory) -> None:
    memory.add(corpus(52, 40, sentences=3))
    read: list[weakref.ref[pa.Table]] = []

    def reading(query: str) -> pa.Table:
        assert [table() for table in read] == [None] * len(read)
        table = memory._store.read(query)
        if table.num_rows:
            read.append(weakref.ref(table))
        return table

    assert associations(read_model(reading)) == associations(memory._store.hold())
    assert len(read) > 4


# --- following changes ---


def test_every_way_of_writing_is_followed_or_drops_the_model(memory: Memory) -> None:
    store = memory._store
    memory.add(corpus(51, 40, sentences=3))
    store.hold()
    memory.remember("Zoe met Quentin. Ada met Zoe.", time=from_millis(NOW), source="gone")
    memory.remember("Wanda met Xaver.", time=from_millis(NOW), source="stays", id="1")
    assert derived(memory) is not None
    assert not unlike(store)
    for write, followed in [
        (lambda: memory.remember("Wanda met Zoe.", time=from_millis(NOW), source="stays", id="1"), True),
        (lambda: memory.alias_add("Countess", "Ada"), True),
        (lambda: memory.alias_add("Zoe", "Wanda"), True),
        (lambda: memory.alias_remove("Zoe"), True),
        (lambda: memory.entity_drop("Bob"), True),
        (lambda: memory.entity_rename("Cleo", "Kleopatra"), True),
        (lambda: memory.entity_undo("Bob"), True),
        (lambda: memory.forget(source="gone", dry_run=False), True),
        (lambda: memory.forget(entity="Wanda", dry_run=False), True),
        (lambda: memory.forget(association=("Ada", "Kleopatra"), dry_run=False), True),
        (lambda: memory.consolidate(threshold=0.1), True),
        (
            lambda: memory.cypher("MATCH (:Entity {key: 'ada'})-[e:ASSOCIATES]->() DELETE e", write=True),
            False,
        ),
    ]:
        store.hold()
        write()
        assert (derived(memory) is not None) == followed
        assert not unlike(store)


def test_large_changes_are_followed(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(51, 40, sentences=3))
    store = memory._store
    state = store.hold().version
    monkeypatch.setattr(associations_written, "NEVER_SWAPPED", 0)
    monkeypatch.setattr(type(store), "prefers_swap", lambda *_, **__: True)
    monkeypatch.setattr(loads, "COPIED", 0)
    large: list[bool] = []
    real = store._engine.load

    def load(*arguments: Any, **options: Any) -> None:
        large.append(options["settled"])
        real(*arguments, **options)

    monkeypatch.setattr(store._engine, "load", load)
    for number, (write, appends) in enumerate(
        [
            (lambda: memory.add(corpus(57, 40, sentences=3)), False),
            (lambda: memory.forget(source="source 1", dry_run=False), False),
            (lambda: memory.load_events(stream(seed=1)), True),
            (lambda: memory.load_events(stream(seed=2), keep_events=False), False),
            (lambda: memory.add(corpus(58, 20, sentences=3)), False),
        ],
        1,
    ):
        # what filters select is kept meanwhile
        assert not unlike(store)
        write()
        assert large == [*large[: number - 1], appends]
        model = derived(memory)
        assert model is not None
        assert model.version == state + number
    assert not unlike(store)


def test_a_large_change_that_would_not_fit_is_not_taken_in(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(51, 10))
    held = memory._store.hold()
    monkeypatch.setattr(type(memory._store), "prefers_swap", lambda *_, **__: True)
    monkeypatch.setattr(associations_written, "NEVER_SWAPPED", 0)
    monkeypatch.setattr(holding, "memory", lambda: holding.SHARE * (held.nbytes + 2_000))
    monkeypatch.setattr(steps, "after", None)
    memory.add(corpus(57, 60, sentences=3))
    assert derived(memory) is None
    assert not unlike(memory._store)


def test_a_model_that_is_wrong_is_noticed(memory: Memory) -> None:
    memory.add(corpus(52, 10))
    store = memory._store
    held = store.hold()
    assert not unlike(store)
    held.associations.columns["fast"][0] += 1e-9  # type: ignore[index]
    assert any("associations" in line for line in unlike(store))


@pytest.mark.usefixtures("at_once")
def test_a_recall_after_a_write_asks_nothing_of_the_file(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(53, 30))
    memory.recall("Ada and the violin")
    memory.remember("Ada lost the violin.", time=from_millis(NOW), source="now")
    with monkeypatch.context() as patched:
        patched.setattr(type(memory._store), "read", None)
        found = memory.recall("Ada and the violin")
    assert "Ada lost the violin." in [passage.text for passage in found]


def test_a_step_that_fails_leaves_no_model(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(55, 10))
    store = memory._store
    before = store.hold()
    rows = before.passages.all().tolist()

    def fail(*_: object) -> None:
        raise StoreError("it failed")

    with monkeypatch.context() as patched:
        # once all is done but the commit, and before that
        patched.setattr(steps, "after", fail)
        with pytest.raises(StoreError, match="it failed"):
            memory.remember("Ada met Zebulon.", time=from_millis(NOW))
    assert derived(memory) is None
    assert not unlike(store)
    assert not memory.recall("Zebulon").passages
    assert before.passages.all().tolist() == rows


@pytest.mark.parametrize("once", [True, False])
def test_what_was_told_is_kept_though_the_file_cannot_be_written(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, *, once: bool
) -> None:
    memory.add(corpus(55, 10))
    store = memory._store
    store.hold()
    real, failing = open_file.execute, itertools.chain([True], itertools.repeat(not once))

    def execute(connection: object, query: str, *rest: object) -> object:
        if query == "COMMIT" and next(failing):
            raise StoreError("it failed")
        return real(connection, query, *rest)  # type: ignore[arg-type]

    patched = monkeypatch.context()
    with patched as patch, pytest.warns(UserWarning, match="it failed") if once else nullcontext():
        patch.setattr(open_file, "execute", execute)
        memory.remember("Ada met Zebulon.", time=from_millis(NOW))
        assert memory.recall("Zebulon").passages
        if once:
            # opened again, the file has it by the journal
            assert memory.cypher("MATCH (p:Passage {text: 'Ada met Zebulon.'}) RETURN p.id").num_rows == 1
        else:
            with pytest.raises(StoreError, match="it failed"):
                memory.cypher("MATCH (p:Passage) RETURN p.id")
        for thread in threading.enumerate():
            if thread.name == "memini-write-behind":
                thread.join(PATIENCE)
    if once:
        assert not unlike(store)
    memory.close()
    with Memory.open(memory.path, extractor=Names()) as again:
        assert again.recall("Zebulon", now=from_millis(NOW)).passages


ASSOCIATED = "MATCH (:Entity)-[e:ASSOCIATES]->(:Entity) RETURN count(*) AS n"


def associations(model: Model) -> list[tuple[object, ...]]:
    """All that a model has, each with the ids of its ends."""
    table, live = model.associations, model.associations.all()
    ends = [model.numbers.ids(numbers).tolist() for numbers in unpaired(table.take("pair", live))]
    values = [table.take(name, live).tolist() for name in ASSOCIATES if name != "pair"]
    return sorted(zip(*ends, *values, strict=True))


@pytest.mark.parametrize(
    "arguments", [{"threshold": 0.0}, {"threshold": 0.02}, {"keep": 9}, {"threshold": 1e9}, {"keep": 0}]
)
def test_a_pass_is_followed(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    memory.add(corpus(63, 40, sentences=3))
    store, cue = memory._store, "Ada and the violin"
    before = store.hold()
    reader = InMemory(before, NOW, memory.parameters)
    stored, shown = associations(before), recollect(store, reader, cue).score.tolist()
    scoped = memory.recall(cue, sources="source 1")
    report = memory.consolidate(**arguments)
    after = derived(memory)
    assert after is not None
    assert after.version == before.version + 1
    left = report.edges - report.forgotten - report.over_budget
    assert len(after.associations.all()) == left == memory.cypher(ASSOCIATED)["n"][0].as_py()
    assert associations(after) == associations(read_model(store.read))
    assert after.nbytes == pytest.approx(read_model(store.read).nbytes, rel=0.1)
    # who began before it goes on with the state of then
    assert associations(before) == stored
    assert recollect(store, reader, cue).score.tolist() == shown
    with monkeypatch.context() as patched:
        # the events of a scope are as they were
        patched.setattr(Selected, "read", None)
        assert memory.recall(cue, sources="source 1") == scoped
    assert not unlike(store)
    memory.remember("Zoe met Quentin. Ada met Zoe.", time=from_millis(NOW))
    memory.forget(association=("Ada", "Zoe"), dry_run=False)
    memory.consolidate(**arguments)
    assert derived(memory) is not None
    assert not unlike(store)


@pytest.mark.parametrize("failing", ["COPY", "COMMIT", "CHECKPOINT"])
def test_a_pass_that_fails_leaves_the_state_before(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    memory.add(corpus(64, 20))
    store = memory._store
    before = associations(store.hold())
    real, once = open_file.execute, itertools.chain([True], itertools.repeat(False))

    def execute(connection: object, query: str, *rest: object) -> object:
        # once: the file is opened again by the same way
        if query.startswith(failing) and next(once):
            raise StoreError("it failed")
        return real(connection, query, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        for module in (open_file, database):
            patched.setattr(module, "execute", execute)
        with pytest.raises(StoreError, match="it failed"):
            memory.consolidate(threshold=0.0, keep=9)
    assert derived(memory) is None
    assert not unlike(store)
    assert associations(store.hold()) == before


def test_a_pass_that_leaves_too_much_lets_the_model_go(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add(corpus(65, 20))
    held = memory._store.hold()
    monkeypatch.setattr(holding, "memory", lambda: held.nbytes)
    memory.consolidate(threshold=0.0)
    assert derived(memory) is None


def test_a_reader_keeps_the_state_that_it_began_with(memory: Memory) -> None:
    memory.add(corpus(56, 10))
    memory.remember("Zoe met Quentin.", time=from_millis(NOW), source="gone", id="1")
    store = memory._store
    store.hold()
    with store.lookup(NOW) as lookup:
        ids = store.read("MATCH (p:Passage) RETURN p.id AS id")["id"].to_numpy()
        before = lookup.texts(ids.tolist()), lookup.mentions(ids).id.tolist()
        # another thread writes meanwhile, and does not wait for the reader
        writer = threading.Thread(target=lambda: memory.forget(source="gone", dry_run=False), daemon=True)
        writer.start()
        writer.join(PATIENCE)
        assert not writer.is_alive()
        assert (lookup.texts(ids.tolist()), lookup.mentions(ids).id.tolist()) == before
    with store.lookup(NOW) as lookup:
        assert len(lookup.passages(ids, []).id) == len(ids) - 1


def test_readers_see_whole_states_while_a_writer_goes_on(memory: Memory) -> None:
    memory.add(corpus(63, 20))
    store = memory._store
    store.hold()
    done, torn = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            with store.lookup(NOW) as lookup:
                first, again = (
                    recollect(store, lookup, "Ada and Bob met Zoe in the quarry") for _ in range(2)
                )
                if first.score.tolist() != again.score.tolist():
                    torn.append(first.score)

    readers = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(12):
        text = f"Ada met Zoe {number}. Bob met Ada."
        memory.remember(text, time=from_millis(NOW), source="now", id=str(number % 4))
    memory.forget(source="now", dry_run=False)
    done.set()
    for reader in readers:
        reader.join(PATIENCE)
        assert not reader.is_alive()
    assert not torn
    assert derived(memory) is not None
    assert not unlike(store)


def test_two_handles_on_a_file_share_the_model(memory: Memory) -> None:
    memory.add(corpus(57, 10))
    memory._store.hold()
    with Memory.open(memory._store.path, extractor=Names(), clock=lambda: NOW) as other:
        other.remember("Ada met Zoe.", time=from_millis(NOW), source="other")
        assert derived(other) is derived(memory) is not None
        assert not unlike(memory._store)


def test_the_best_by_words_are_the_same_however_many_are_passed_over(memory: Memory) -> None:
    chance = np.random.default_rng(7)
    vocabulary = [f"word{number}" for number in range(60)]
    # from words that all passages have to such as one has; many passages have the same score
    share = 1.0 / np.arange(1, len(vocabulary) + 1)
    told = [
        " ".join(word for word, often in zip(vocabulary, share, strict=True) if chance.random() < often)
        for _ in range(400)
    ]
    memory.add(Record(text, START, "said") for text in told)
    store = memory._store
    lookups = InFile(store, NOW, None), InMemory(store.hold(), NOW, store.parameters)
    passed_over = 0
    for top in (1, 3, 20):
        for _ in range(60):
            cue = chance.choice(vocabulary, chance.integers(1, 7), replace=False).tolist()
            one, other = (lookup.best(cue, top).tolist() for lookup in lookups)
            assert one == other
            near, *_ = lookups[1]._near(*_asked(lookups[1], cue), top)
            passed_over += len(told) - len(near)
    assert passed_over > 20_000


def _asked(lookup: InMemory, cue: list[str]) -> tuple[Any, Any, Any]:
    codes = lookup._model.terms.find(sorted(cue))
    df = lookup._model.words.frequency(codes)
    return codes[df > 0], df[df > 0], rarity(df[df > 0], lookup.sums.passages)


# --- when it is held ---


@pytest.mark.usefixtures("never")
def test_a_few_recalls_ask_the_file(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(58, 20))
    store = memory._store
    monkeypatch.setattr(holding, "FIXED", 0.02)
    for seconds, held in [(0.0, False), (holding.FIXED, False), (1e3, True)]:
        monkeypatch.setattr(store._held, "_spent", seconds)
        with store.lookup(NOW):
            assert (derived(memory) is not None) == held


@pytest.mark.usefixtures("never")
def test_more_than_memory_holds_stays_in_the_file(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(59, 20))
    monkeypatch.setattr(holding, "FIXED", -1.0)
    monkeypatch.setattr(holding, "estimate", lambda *_: Cost(-1.0, 1e6))
    monkeypatch.setattr(holding, "memory", lambda: 1_000_000)
    assert memory.recall("Ada and the violin").passages
    assert derived(memory) is None


def test_a_model_that_grows_too_large_is_let_go(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(60, 20))
    held = memory._store.hold()
    monkeypatch.setattr(holding, "memory", lambda: held.nbytes * holding.SHARE)
    memory.add(corpus(61, 40))
    assert derived(memory) is None


def test_a_store_that_is_closed_keeps_no_model(memory: Memory) -> None:
    memory.add(corpus(60, 20))
    held = weakref.ref(memory._store.hold())
    # at once, and not when the collector comes to it
    gc.disable()
    try:
        memory.close()
        assert held() is None
    finally:
        gc.enable()


def test_the_estimate_of_a_model_is_about_what_it_takes(memory: Memory) -> None:
    memory.add(corpus(62, 60))
    store = memory._store
    expected = holding.estimate(store.read, store.sums()).bytes
    assert 0.3 < store.hold().nbytes / expected < 3


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_recall_is_the_same_from_memory(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path: Path = tmp_path_factory.mktemp("same") / "a.memini"
    cues = ["Ada and the violin", "Where does Charles live?", "harvest in 2025", "Adda", "Ada Bob Cleo"]
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(holding, "FIXED", math.inf)
            memory.add(corpus(seed, 60))
            in_file = [memory.recall(cue) for cue in cues]
            assert derived(memory) is None
        memory._store.hold()
        assert [memory.recall(cue) for cue in cues] == in_file
