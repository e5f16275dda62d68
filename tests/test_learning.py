"""What the memory learns from documents: order, repetition, versions, maintenance, and recall of all that."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fixtures_memory import NOW, PEOPLE, START, contents, corpus

from memini_kuzu import InputError, RecordError, TimeError
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.tables import Edges, edges_from_arrow
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu import Memory

pytest_plugins = ("fixtures_memory",)

LEDGER = """
MATCH (d:Document)
RETURN list_transform(d.source_at, i -> d.event_entities[i]) AS s,
    list_transform(d.target_at, i -> d.event_entities[i]) AS t,
    list_transform(d.time_at, i -> d.event_times[i]) AS w,
    list_transform(d.amount_at, i -> memini_amount(d.event_amounts[i])) AS a
"""


def edges(memory: Memory) -> Edges:
    """The stored associations, sorted by pair."""
    found = edges_from_arrow(memory._store.read_edges())
    return found.take(np.lexsort((found.target, found.source)))


def fold_of_ledger(memory: Memory) -> Edges:
    """What the events of all documents alone make, each pair as of its last event."""
    rows = memory.cypher(LEDGER).to_pylist()
    events = [
        (source, target, amount, int(when.timestamp() * 1000))
        for row in rows
        for source, target, amount, when in zip(
            row["s"],
            row["t"],
            row["a"],
            [time.replace(tzinfo=from_millis(0).tzinfo) for time in row["w"]],
            strict=True,
        )
    ]
    source, target, amount, time = zip(*events, strict=True)
    return associate(np.array(source), np.array(target), np.array(amount), np.array(time), memory.parameters)


def assert_same(found: Edges, expected: Edges) -> None:
    for name in ("source", "target", "as_of", "events", "first_seen", "last_seen"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_allclose(found.fast, expected.fast, rtol=1e-9)
    np.testing.assert_allclose(found.slow, expected.slow, rtol=1e-9)


@pytest.mark.parametrize("swap", [True, False])
def test_stored_edges_are_the_fold_of_all_events(
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
    swap: bool,
) -> None:
    monkeypatch.setattr(Store, "prefers_swap", lambda *_, **__: swap)
    documents = corpus(1, 60)

    memory.add(documents[:25])
    memory.add(documents[25:])

    assert_same(edges(memory), fold_of_ledger(memory))


def test_the_order_of_documents_and_how_they_are_split_does_not_matter(
    memories: Callable[[], Memory],
) -> None:
    documents = corpus(2, 40)
    shuffled = random.Random(3).sample(documents, len(documents))
    together, apart = memories(), memories()

    together.add(documents)
    for start in range(0, len(shuffled), 7):
        apart.add(shuffled[start : start + 7])

    assert_same(edges(apart), edges(together))


def test_the_same_documents_again_change_nothing(memory: Memory) -> None:
    documents = corpus(4, 20)
    memory.add(documents)
    before = contents(memory)

    report = memory.add(documents)

    assert (report.added, report.changed, report.unchanged) == (0, 0, 20)
    assert contents(memory) == before


def test_a_changed_document_replaces_its_text_and_confirms_what_it_still_says(memory: Memory) -> None:
    first = Record("Ada met Bob. Ada met Cleo.", START, "plan", id="p")
    memory.add([first])
    memory.add([replace(first, text="Ada met Bob.", time=START + 50 * DAY)])

    assert [passage.text for passage in memory.recall("Ada", now=from_millis(NOW))] == ["Ada met Bob."]
    found = {each.target: each for each in memory.associations("Ada", now=from_millis(NOW))}
    assert (found["Bob"].events, found["Cleo"].events) == (2, 1)
    assert found["Bob"].strength > 1.5 * found["Cleo"].strength
    counts = memory.cypher("MATCH (e:Entity) RETURN e.name AS n, e.mentions AS m").to_pylist()
    assert {row["n"]: row["m"] for row in counts} == {"Ada": 1, "Bob": 1, "Cleo": 0}


def test_an_older_version_that_comes_late_is_learnt_but_not_shown(memories: Callable[[], Memory]) -> None:
    old = Record("Ada met Cleo.", START, "plan", id="p")
    new = replace(old, text="Ada met Bob.", time=START + 50 * DAY)
    in_order, late = memories(), memories()
    in_order.add([old])
    in_order.add([new])
    late.add([new])
    late.add([old])

    assert_same(edges(late), edges(in_order))
    assert [passage.text for passage in late.recall("Ada", now=from_millis(NOW))] == ["Ada met Bob."]


def test_a_text_told_on_two_days_is_confirmed_and_told_twice_at_once_is_not(memory: Memory) -> None:
    for day in ("2026-01-01", "2026-01-01", "2026-02-01"):
        memory.remember("Ada met Bob.", time=day)

    [found] = memory.associations("Ada", now="2026-02-01")
    assert found.events == 2


def test_a_new_fact_is_recalled_in_the_very_next_call(memory: Memory) -> None:
    memory.add(corpus(5, 30))
    memory.remember("Zoltan bought the lighthouse.")

    assert memory.recall("Who bought the lighthouse?").passages[0].text == "Zoltan bought the lighthouse."


def test_ten_documents_on_ten_days_outweigh_one_document_and_one_telling(memory: Memory) -> None:
    for day in range(10):
        memory.add([Record("Ada met Bob.", START + day * DAY, id=f"often{day}")])
    memory.add([Record("Cleo met Dora. " * 10, START + 9 * DAY, id="ten times in one")])
    memory.add([Record("Emil met Fay.", START + 9 * DAY, id="once")])
    months = START + 150 * DAY

    def strength(name: str, now: int) -> float:
        return memory.associations(name, now=from_millis(now))[0].strength

    often, at_once, once = (strength(name, months) for name in ("Ada", "Cleo", "Emil"))
    assert often / once == pytest.approx(10, rel=0.05)
    assert often > 2.5 * at_once
    assert at_once / once == pytest.approx(1 + np.log(10), rel=1e-9)

    memory.add([Record("Gus met Hal.", months, id="yesterday")])
    assert strength("Gus", months + DAY) > 2 * strength("Ada", months + DAY)
    assert strength("Gus", months + 2 * DAY) > strength("Ada", months + 2 * DAY)
    assert strength("Gus", months + 7 * DAY) < strength("Ada", months + 7 * DAY)


def test_recall_leaves_the_store_unchanged(memory: Memory) -> None:
    memory.add(corpus(6, 20))
    before = contents(memory)

    for name in PEOPLE:
        memory.recall(f"What did {name} give?")

    assert contents(memory) == before


def test_recall_sees_nothing_later_than_now(memory: Memory) -> None:
    memory.add([Record("Ada met Bob.", START, id="1"), Record("Ada met Cleo.", START + 9 * DAY, id="2")])

    recalled = memory.recall("Ada", now=from_millis(START + DAY))

    assert [passage.id for passage in recalled] == ["1"]
    assert "Cleo" not in {entity.name for entity in recalled.entities}
    with pytest.raises(TimeError, match="before the store's first event"):
        memory.recall("Ada", now="1999-01-01")


@pytest.mark.parametrize(("cue", "k", "message"), [(" ", 5, "cue is empty"), ("Ada", 0, "k = 0")])
def test_an_impossible_recall_is_an_error(memory: Memory, cue: str, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        memory.recall(cue, k=k)


def test_a_mistyped_name_is_recalled(memory: Memory) -> None:
    memory.remember("Melanie met Bob.", time="2026-01-01")
    memory.remember("Cleo met Dora.", time="2026-01-02")

    assert memory.recall("Melany", now="2026-02-01").passages[0].text == "Melanie met Bob."


def test_a_bad_record_changes_nothing_unless_it_is_skipped(memory: Memory) -> None:
    good, bad = Record("Ada met Bob.", START, id="1"), Record("x", NOW + 9 * DAY, id="2", origin="a:2")
    before = contents(memory)

    with pytest.raises(RecordError, match=r"a:2: is dated .* after now"):
        memory.add([good, bad])
    after = contents(memory)
    assert {name: after[name] for name in after if name != "MeminiMeta"} == {
        name: before[name] for name in before if name != "MeminiMeta"
    }

    report = memory.add([good, bad], skip_bad=True)
    assert (report.added, [error.origin for error in report.skipped]) == (1, ["a:2"])


def test_maintenance_never_daily_or_once_gives_the_same_memory(memories: Callable[[], Memory]) -> None:
    stores = [memories() for _ in range(3)]
    for store in stores:
        store.add(corpus(7, 30))
    last = START + 460 * DAY
    for day in range(400, 460, 6):
        stores[1].consolidate(now=from_millis(START + day * DAY), threshold=0.0)
    for store in stores:
        store.consolidate(now=from_millis(last), threshold=0.0)

    assert_same(edges(stores[1]), edges(stores[0]))
    assert_same(edges(stores[2]), edges(stores[0]))


def test_maintenance_forgets_what_is_below_the_bound_and_nothing_else(memory: Memory) -> None:
    memory.add(corpus(8, 30))
    now = from_millis(START + 500 * DAY)
    memory.consolidate(now=now, threshold=0.0)
    kept = edges(memory)
    threshold = float(np.median(np.maximum(kept.fast, kept.slow)))
    above = kept.take(np.maximum(kept.fast, kept.slow) >= threshold)

    planned = memory.consolidate(now=now, threshold=threshold, dry_run=True)
    assert_same(edges(memory), kept)
    done = memory.consolidate(now=now, threshold=threshold)

    assert_same(edges(memory), above)
    assert planned.forgotten == done.forgotten == len(kept) - len(above) > 0


def test_recall_is_the_same_before_and_after_maintenance(memory: Memory) -> None:
    memory.add(corpus(9, 30))
    now = from_millis(NOW)
    before = memory.recall("What did Ada give Bob?", now=now)

    memory.consolidate(now=now, threshold=0.0)

    after = memory.recall("What did Ada give Bob?", now=now)
    assert [passage.id for passage in after] == [passage.id for passage in before]
    np.testing.assert_allclose(
        [passage.score for passage in after], [passage.score for passage in before], rtol=1e-9
    )


@pytest.mark.parametrize("threshold", [-1.0, float("nan")])
def test_an_impossible_threshold_is_an_error(memory: Memory, threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        memory.consolidate(threshold=threshold)
