"""Ingestion: the store is the one that mathematics asks for, in whatever way the records come."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from crash import ledger, violations
from fixtures_memory import (
    NOW,
    START,
    Names,
    assert_same_strengths,
    batches,
    contents,
    corpus,
    strengths,
)
from scipy.linalg import expm

from memini_kuzu.changes import documents, ingestion
from memini_kuzu.errors import InputError, RecordError
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store, known
from memini_kuzu.tables import edges_from_arrow
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from memini_kuzu.extraction import Mention

pytest_plugins = ["fixtures_memory"]


def passages(memory: Memory) -> dict[str, list[str]]:
    """The texts of each record, in order of position."""
    table = memory.cypher(
        "MATCH (p:Passage) RETURN p.record AS r, p.text AS t, p.position AS n ORDER BY n LIMIT 9999"
    )
    found: dict[str, list[str]] = {}
    for row in table.to_pylist():
        found.setdefault(row["r"], []).append(row["t"])
    return found


# --- associations are the sum of what their events have become ---


def test_associations_equal_a_brute_force_fold_of_the_ledger(memory: Memory) -> None:
    memory.add(corpus(11, 60))
    memory.add(corpus(12, 20))
    parameters = memory.parameters
    generator = np.array(
        [
            [-1 / parameters.tau_fast - parameters.coupling, parameters.coupling],
            [
                parameters.coupling / parameters.capacity,
                -1 / parameters.tau_slow - parameters.coupling / parameters.capacity,
            ],
        ]
    )
    edges = edges_from_arrow(memory._store.read_edges())
    source, target, amount, when = ledger(memory._store)
    assert len(edges) == len(set(zip(source.tolist(), target.tolist(), strict=True)))
    for row in range(len(edges)):
        mine = np.flatnonzero((source == edges.source[row]) & (target == edges.target[row]))
        assert edges.events[row] == len(mine)
        total = np.zeros(2)
        for event in mine:
            days = (edges.as_of[row] - when[event]) / DAY
            assert days >= 0
            total += expm(generator * days) @ np.array([amount[event], 0.0])
        np.testing.assert_allclose([edges.fast[row], edges.slow[row]], total, rtol=1e-9)


def test_the_order_and_the_batches_of_records_do_not_matter(memories: Callable[[], Memory]) -> None:
    records = corpus(13, 40)
    together = memories()
    together.add(sorted(records, key=lambda record: record.time or 0))
    expected = strengths(together, NOW)
    assert len(expected) > 40
    for seed, size in ((1, 40), (2, 11), (3, 8)):
        shuffled = random.Random(seed).sample(records, len(records))
        memory = memories()
        for part in batches(shuffled, size):
            memory.add(part)
        assert_same_strengths(strengths(memory, NOW), expected)
        assert not violations(memory._store)
        for name in ("Entity", "Alias"):
            assert len(contents(memory)[name]) == len(contents(together)[name])


def test_the_ways_of_writing_give_the_same(
    memories: Callable[[], Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = corpus(14, 45)
    changed = [replace(part[0], text="Ada saw Hal. Hal saw Gus.", time=NOW) for part in batches(records, 15)]
    told = memories()
    told.add(records)
    told.add(changed)
    expected = strengths(told, NOW)
    for ways in ((True,), (False,), (True, False)):
        turns = itertools.cycle(ways)
        monkeypatch.setattr(Store, "prefers_swap", lambda *_, turns=turns, **__: next(turns))
        memory = memories()
        for part, other in zip(batches(records, 15), changed, strict=True):
            memory.add(part)
            memory.add([other])
        assert not violations(memory._store)
        assert_same_strengths(strengths(memory, NOW), expected)


def test_more_than_a_batch_equals_one_batch(
    memories: Callable[[], Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = corpus(15, 40)
    whole = memories()
    whole.add(records)
    done: list[int] = []
    monkeypatch.setattr(ingestion, "BATCH", 7)
    parts = memories()
    parts.add(records, progress=lambda documents, _passages: done.append(documents))
    assert_same_strengths(strengths(parts, NOW), strengths(whole, NOW))
    assert done[-1] == 40
    assert len(set(done)) >= 6
    monkeypatch.setattr(ingestion, "BATCH_PASSAGES", 3)
    small = memories()
    assert small.add(records).documents == 40
    assert_same_strengths(strengths(small, NOW), strengths(whole, NOW))
    assert not violations(small._store)


def test_the_larger_a_store_the_more_goes_into_a_change(
    memories: Callable[[], Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "BATCH", 5)
    monkeypatch.setattr(ingestion, "BATCH_SHARE", 1)
    monkeypatch.setattr(ingestion, "BATCH_LARGEST", 20)
    records = [Record(f"Ada met Bob on day {day}.", START + day * DAY, id=str(day)) for day in range(70)]
    there: list[int] = []
    memory = memories()
    memory.add(records, progress=lambda *_: there.append(memory._store.sums().passages))
    assert sorted(set(there)) == [0, 5, 10, 20, 40, 60, 70]
    whole = memories()
    monkeypatch.setattr(ingestion, "BATCH", 100)
    whole.add(records)
    assert_same_strengths(strengths(memory, NOW), strengths(whole, NOW))


# --- the same again, and changed ---


def test_the_same_documents_twice_change_nothing(memory: Memory) -> None:
    records = corpus(16, 30)
    first = memory.add(records)
    assert (first.added, first.changed, first.unchanged) == (30, 0, 0)
    before = contents(memory)
    again = memory.add(random.Random(1).sample(records, 30))
    assert (again.added, again.changed, again.unchanged) == (0, 0, 30)
    assert contents(memory) == before
    # with another date it is still the same document
    later = memory.add([replace(record, time=NOW) for record in records])
    assert later.unchanged == 30
    assert contents(memory) == before


@pytest.mark.parametrize("held", [False, True])
def test_of_many_documents_those_that_are_known_are_told_apart(
    memory: Memory, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that those that are known are read by a filter and by a join
    monkeypatch.setattr(known, "FILTERED", 20)
    told = [Record(f"Ada met Bob {number} times.", START, "s", id=str(number)) for number in range(40)]
    memory.add(told[:30])
    if held:
        memory._store.hold()
    changed = [replace(record, text=f"{record.text} They met Cleo.", time=START + DAY) for record in told]
    report = memory.add([*told[:5], *changed[5:15], *told[15:]])
    assert (report.added, report.changed, report.unchanged) == (10, 10, 20)
    report = memory.add([*changed[:15], *told[15:]])
    assert (report.added, report.changed, report.unchanged) == (0, 5, 35)
    assert passages(memory) == {record.id: [record.text] for record in [*changed[:15], *told[15:]]}
    assert not violations(memory._store)


def test_the_same_record_twice_in_one_call_counts_once(memories: Callable[[], Memory]) -> None:
    one, two = memories(), memories()
    record = Record("Ada met Bob. Bob met Cleo.", START, "s", id="1")
    one.add([record])
    assert two.add([record, record]).unchanged == 1
    assert contents(one) == contents(two)


def test_two_versions_in_one_call_are_taken_in_turn(memories: Callable[[], Memory]) -> None:
    old = Record("Ada met Bob.", START, "s", id="1")
    new = Record("Ada met Cleo.", START + DAY, "s", id="1")
    turn, together, backwards = memories(), memories(), memories()
    for memory, calls in (
        (turn, [[old], [new]]),
        (together, [[old, new]]),
        (backwards, [[new, old]]),
    ):
        for call in calls:
            memory.add(call)
        assert passages(memory) == {"1": ["Ada met Cleo."]}
        assert not violations(memory._store)
        assert_same_strengths(strengths(memory, NOW), strengths(turn, NOW))


def test_a_version_that_returns_in_the_same_call_is_confirmed_as_in_calls_of_its_own(
    memories: Callable[[], Memory],
) -> None:
    versions = [
        Record(text, START + day * DAY, "s", id="1")
        for day, text in enumerate(("Ada met Bob.", "Ada met Cleo.", "Ada met Bob."))
    ]
    apart, together = memories(), memories()
    for version in versions:
        apart.add([version])
    together.add(versions[:1])
    together.add(versions[1:])
    assert_same_strengths(strengths(together, NOW), strengths(apart, NOW))
    assert together.associations("Ada")[0].target == "Bob"
    assert passages(together) == {"1": ["Ada met Bob."]}


LONG = " ".join(
    f"Ada met Bob in the {word} garden number {n}." for n, word in enumerate(("red", "blue") * 60)
)


def test_a_changed_document_replaces_its_text_and_keeps_its_history(memory: Memory) -> None:
    memory.remember(LONG, source="s", id="1", title="Zoe", time="2025-01-01")
    memory.remember("Gus met Hal.", source="s", id="2", time="2025-01-01")
    assert len(passages(memory)["1"]) > 2
    bob = strengths(memory, START)["ada", "bob"]
    report = memory.remember(
        "Ada met Cleo at the harbour.", source="s", id="1", title="Yves", time="2025-02-01"
    )
    assert report.changed == 1
    assert passages(memory) == {"1": ["Ada met Cleo at the harbour."], "2": ["Gus met Hal."]}
    assert not violations(memory._store)
    found = memory.recall("garden").passages + memory.recall("harbour").passages
    assert [passage.text for passage in found if passage.id == "1"] == ["Ada met Cleo at the harbour."]
    # what it no longer says fades by itself, what it says is there
    [faded] = [each for each in memory.associations("Ada", now="2025-02-01") if each.target == "Bob"]
    assert 0 < faded.strength < bob[0] / 10
    assert ("ada", "cleo") in strengths(memory, NOW)
    counts = memory.cypher("MATCH (e:Entity) RETURN e.key AS k, e.mentions AS m, e.headings AS h").to_pylist()
    assert {row["k"]: (row["m"], row["h"]) for row in counts} == {
        "ada": (1, 0),
        "bob": (0, 0),
        "cleo": (1, 0),
        "gus": (1, 0),
        "hal": (1, 0),
        "yves": (1, 1),
        "zoe": (0, 0),
    }
    [document] = memory.cypher(
        "MATCH (d:Document {record: '1'}) RETURN d.title AS t, size(d.versions) AS v, d.positions AS p"
    ).to_pylist()
    assert document == {"t": "Yves", "v": 2, "p": [0]}
    # and grows again into positions at the end of the source
    memory.remember(LONG, source="s", id="1", title="Zoe", time="2025-03-01")
    assert "".join(passages(memory)["1"]).replace(" ", "") == LONG.replace(" ", "")
    assert not violations(memory._store)


def test_an_older_version_that_comes_late_adds_events_and_keeps_the_newer_text(memory: Memory) -> None:
    memory.remember("Ada met Cleo.", source="s", id="1", title="New", time="2025-02-01")
    report = memory.remember("Ada met Bob.", source="s", id="1", title="Old", time="2025-01-01")
    assert report.changed == 1
    assert passages(memory) == {"1": ["Ada met Cleo."]}
    [document] = memory.cypher("MATCH (d:Document) RETURN d.title AS t, d.time AS time").to_pylist()
    assert document["t"] == "New"
    assert document["time"].isoformat() == "2025-02-01T00:00:00"
    assert not memory.recall("Bob").passages or memory.recall("Bob").passages[0].text == "Ada met Cleo."
    assert {each.target for each in memory.associations("Ada")} >= {"Bob", "Cleo"}
    assert not violations(memory._store)
    assert memory.remember("Ada met Bob.", source="s", id="1", title="Old", time="2025-01-01").unchanged == 1


def test_a_text_without_id_is_confirmed_on_another_day_and_not_at_the_same_time(memory: Memory) -> None:
    assert memory.remember("Ada met Bob.", time="2025-01-01").added == 1
    assert memory.remember("Ada met Bob.", time="2025-01-01").unchanged == 1
    assert memory.remember("Ada met Bob.", time="2025-01-02").added == 1
    assert memory.remember("Ada met Bob.", time="2025-01-01", source="elsewhere").added == 1
    [association] = memory.associations("Ada")
    assert association.events == 3


# --- what the design promises of repetition ---


def told(memory: Memory, pair: str, days: list[str], text: str | None = None) -> None:
    for day in days:
        memory.remember(text or f"{pair.split('-', maxsplit=1)[0]} met {pair.split('-')[1]}.", time=day)


def test_repetition_on_many_days_outlasts_repetition_in_one_document_and_recency_leads_for_days(
    memory: Memory,
) -> None:
    now = to_millis("2025-06-01")
    days = [f"2025-01-{day:02}" for day in range(1, 11)]
    told(memory, "Ada-Often", days)
    told(memory, "Ada-Once", ["2025-01-05"])
    told(memory, "Ada-Loud", ["2025-01-05"], " ".join(["Ada met Loud."] * 10))
    told(memory, "Ada-Yesterday", ["2025-05-31"])

    def strength(at: int) -> dict[str, float]:
        found = memory.associations("Ada", now=from_millis(at), k=10)
        return {each.target: each.strength for each in found}

    at = strength(now)
    assert 9 < at["Often"] / at["Once"] < 11
    assert at["Often"] > 2 * at["Loud"] > 2 * at["Once"]
    assert max(at, key=at.__getitem__) == "Yesterday"
    assert max(strength(now + DAY), key=at.__getitem__) == "Yesterday"
    assert next(iter(strength(now + 10 * DAY))) == "Often"


# --- bad records ---


def stream(size: int, bad: dict[int, Record | RecordError]) -> Iterator[Record | RecordError]:
    for number in range(size):
        yield bad.get(
            number, Record(f"Ada met Bob {number}.", START, "s", id=str(number), origin=f"f:{number}")
        )


BAD: dict[int, Record | RecordError] = {
    3: Record("  \n ", START, origin="f:3"),
    7: Record("Ada", NOW + 2 * DAY, origin="f:7"),
    11: RecordError("f:11", "is broken"),
    13: Record("half \ud83d a character", START, origin="f:13"),
    14: Record("text", START, title="half \udc00", origin="f:14"),
}


def test_bad_records_are_skipped_and_reported_with_their_place(memory: Memory) -> None:
    report = memory.add(stream(20, BAD), skip_bad=True)
    assert report.documents == 15
    assert [error.origin for error in report.skipped] == ["f:3", "f:7", "f:11", "f:13", "f:14"]
    said = [str(error) for error in report.skipped]
    for place, words in enumerate(
        ("text is empty", "after now", "is broken", "half of a character", "half of a")
    ):
        assert words in said[place]
    assert not violations(memory._store)


@pytest.mark.parametrize("number", sorted(BAD))
def test_a_bad_record_ends_its_batch_and_keeps_those_before(
    memory: Memory, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "BATCH", 5)
    with pytest.raises(RecordError, match=f"f:{number}"):
        memory.add(stream(20, {number: BAD[number]}))
    assert memory.stats().documents == number // 5 * 5
    # the same call again goes on from there
    assert memory.add(stream(20, {})).unchanged == number // 5 * 5
    assert memory.stats().documents == 20


def test_an_error_of_the_input_keeps_the_batches_before_it(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "BATCH", 5)

    def broken() -> Iterator[Record | RecordError]:
        yield from stream(12, {})
        raise InputError("the file ends in the middle")

    with pytest.raises(InputError, match="in the middle"):
        memory.add(broken())
    assert memory.stats().documents == 10


def test_a_batch_that_fails_leaves_nothing(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add(corpus(17, 10))
    before = contents(memory)
    calls: Counter[str] = Counter()

    def fail(*_: Any, **__: Any) -> None:
        calls["fail"] += 1
        raise OSError("cable pulled")

    for step in ("rewrite_passages", "ledger_to_arrow", "count_sources"):
        with monkeypatch.context() as patched:
            patched.setattr(documents, step, fail)
            with pytest.raises(OSError, match="cable pulled"):
                memory.add(corpus(18, 10))
        assert contents(memory) == before
    assert calls["fail"] == 3
    assert memory.add(corpus(18, 10)).documents == 10
    assert not violations(memory._store)


def test_dates_at_the_edges_are_kept(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="1970-01-01", id="1")
    memory.add([Record("Ada met Cleo.", NOW + DAY, id="2")])  # clocks and time zones disagree
    assert {passage.id for passage in memory.recall("Ada", now=from_millis(NOW + DAY))} == {"1", "2"}
    assert not violations(memory._store)


@pytest.mark.parametrize("time", [-1, 1.5e12, float("nan"), "2026-03-01", from_millis(NOW)])
def test_a_record_whose_time_is_no_number_of_milliseconds_is_refused(memory: Memory, time: Any) -> None:
    """A date before 1970 was in no list, one that is no whole number had no history."""
    with pytest.raises(RecordError, match=r"a:1: time = .*; pass whole milliseconds since 1970"):
        memory.add([Record("Ada met Bob.", time, origin="a:1")])
    assert memory.add([Record("Ada met Bob.", np.int64(NOW), id="1")]).added == 1
    assert memory.history("1")[0].time == from_millis(NOW)


def test_an_alias_leads_its_mentions_to_the_entity(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    memory.cypher(
        "MATCH (e:Entity {key: 'ada'}) CREATE (:Alias {key: 'countess', name: 'Countess', entity: e.id})",
        write=True,
    )
    memory.remember("Countess met Cleo. Countess and Ada agree.", time="2025-01-02")
    assert {each.target for each in memory.associations("Countess")} == {"Bob", "Cleo"}
    assert {row["k"] for row in memory.cypher("MATCH (e:Entity) RETURN e.key AS k").to_pylist()} == {
        "ada",
        "bob",
        "cleo",
    }
    assert not violations(memory._store)


def test_a_text_that_mentions_nothing_is_kept_and_found(memory: Memory) -> None:
    memory.remember("nobody wrote about lanterns.", time="2025-01-01")
    [passage] = memory.recall("lanterns")
    assert passage.text == "nobody wrote about lanterns."
    assert not violations(memory._store)


def test_lists_and_fractions_survive_reopening(path: Path) -> None:
    """Kùzu 0.11.3 mixed up lists that were SET beside new rows, and cut fractions of compressed ones."""
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        for seed in range(4):
            memory.add(corpus(seed, 25))
            memory._store._engine.checkpoint()
        before = contents(memory)
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        assert contents(memory) == before
        assert not violations(memory._store)


# --- long documents ---


class Ahead(Names):
    """Notes how many passages it has taken when it answers each."""

    def __init__(self) -> None:
        self.taken = 0

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        def counted() -> Iterator[str]:
            for text in texts:
                self.taken += 1
                yield text

        return super().extract(counted(), processes=processes)


def test_a_long_document_is_read_passage_by_passage_and_progress_tells_of_each(path: Path) -> None:
    extractor = Ahead()
    told: list[tuple[int, int, int]] = []
    text = "\n\n".join(f"Ada{number} met Charles. " + "It rained. " * 150 for number in range(8))
    with Memory.open(path, extractor=extractor, clock=lambda: NOW) as memory:
        report = memory.add(
            [Record(text, id="1"), Record("Ada left.", id="2")],
            progress=lambda documents, passages: told.append((documents, passages, extractor.taken)),
        )
    assert report.passages == 9
    assert told == [(0, number, number) for number in range(1, 10)] + [(2, 9, 9)]


def test_no_more_long_documents_are_read_ahead_than_memory_bears(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "CHUNK_CHARACTERS", 3_000)
    monkeypatch.setattr(ingestion, "BATCH_PASSAGES", 1)
    read: list[int] = []
    ahead: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(12):
            read.append(number)
            yield Record(f"Ada met Charles{number}. " * 60, id=str(number))

    report = memory.add(records(), progress=lambda documents, _passages: ahead.append(len(read) - documents))
    assert report.documents == 12
    assert max(ahead) <= 6


def test_a_link_of_a_page_mentions_what_it_leads_to(memory: Memory, tmp_path: Path) -> None:
    pytest.importorskip("bs4")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "trip.html").write_text('<p>Bo met <a href="Ada Lovelace.html">Her</a>. It rained.</p>')
    (folder / "Ada Lovelace.html").write_text("<p>She wrote.</p>")
    memory.ingest(folder, time="2025-01-01")
    assert {each.target for each in memory.associations("Bo")} >= {"Ada Lovelace"}
    assert "Her" not in {each.target for each in memory.associations("Bo")}
    names = {each.name for each in memory.recall("rained").entities}
    assert "Ada Lovelace" in names


def test_links_behind_a_masked_secret_are_left_out_with_their_places(memory: Memory) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    text = f"The key is {secret}. Bo met Her."
    start = text.index("Her")
    report = memory.add([Record(text, START, id="1", links=(("Ada Lovelace", start, start + 3),))])
    assert report.redacted
    assert {each.target for each in memory.associations("Bo")} >= {"Her"}
