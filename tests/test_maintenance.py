"""Maintenance is never needed: never, daily and at once give the same memory; it forgets what is spent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from crash import violations
from fixtures_memory import NOW, START, Names, assert_same_strengths, contents, corpus, strengths
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu.changes import consolidation
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.errors import InputError
from memini_kuzu.identity import stable_id
from memini_kuzu.memory import Memory
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import Edges, edges_from_arrow, edges_to_arrow
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]


def test_never_daily_and_once_give_the_same_strengths(memories: Callable[[], Memory]) -> None:
    never, daily, once = memories(), memories(), memories()
    for memory in (never, daily, once):
        memory.add(corpus(21, 40))
    for day in range(401, 407):
        daily.consolidate(now=from_millis(START + day * DAY), threshold=0.0)
    once.consolidate(now=from_millis(NOW), threshold=0.0)
    later = NOW + 100 * DAY
    assert_same_strengths(strengths(daily, later), strengths(never, later))
    assert_same_strengths(strengths(once, later), strengths(never, later))
    for memory in (never, daily, once):
        memory.add(corpus(22, 20))
        assert not violations(memory._store)
    assert_same_strengths(strengths(daily, later), strengths(never, later))
    assert_same_strengths(strengths(once, later), strengths(never, later))


def test_recall_and_associations_are_the_same_before_and_after(memory: Memory) -> None:
    memory.add(corpus(23, 40))
    before = memory.recall("Ada and the violin", k=20), memory.associations("Ada", k=50)
    report = memory.consolidate(threshold=0.0)
    assert report.forgotten == 0
    after = memory.recall("Ada and the violin", k=20), memory.associations("Ada", k=50)
    assert [passage.id for passage in before[0]] == [passage.id for passage in after[0]]
    np.testing.assert_allclose(
        [passage.score for passage in after[0]], [passage.score for passage in before[0]], rtol=1e-9
    )
    assert [(each.target, each.events, each.first_seen, each.last_seen) for each in before[1]] == [
        (each.target, each.events, each.first_seen, each.last_seen) for each in after[1]
    ]
    np.testing.assert_allclose(
        [each.strength for each in after[1]], [each.strength for each in before[1]], rtol=1e-9
    )


def test_it_forgets_exactly_by_the_bound(memory: Memory) -> None:
    memory.add(corpus(24, 30))
    edges = edges_from_arrow(memory._store.read_edges())
    fast, slow = propagate(edges.fast, edges.slow, (NOW - edges.as_of) / DAY, memory.parameters)
    bound = np.maximum(fast, slow)
    threshold = float(np.sort(bound)[len(bound) // 2])  # one edge lies on it, and stays
    kept = set(zip(edges.source[bound >= threshold], edges.target[bound >= threshold], strict=True))
    dry = memory.consolidate(threshold=threshold, dry_run=True)
    report = memory.consolidate(threshold=threshold)
    after = edges_from_arrow(memory._store.read_edges())
    assert set(zip(after.source, after.target, strict=True)) == kept
    assert report.edges == len(edges)
    assert report.forgotten == len(edges) - len(kept) == dry.forgotten
    assert 0 < report.forgotten < len(edges)
    assert report.strengths == dry.strengths
    assert report.strengths["0%"] == pytest.approx(after.fast.min())
    assert report.strengths["100%"] == pytest.approx(after.fast.max())
    assert (after.as_of == NOW).all()


def test_a_forgotten_pair_can_be_learnt_anew(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2020-01-01")
    assert memory.consolidate().forgotten == 2
    assert memory.associations("Ada") == []
    assert memory.recall("Ada").passages[0].text == "Ada met Bob."
    memory.remember("Ada met Bob.", time=from_millis(NOW))
    [association] = memory.associations("Ada")
    assert (association.target, association.events) == ("Bob", 1)


def test_a_dry_run_writes_nothing(path: Path) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(25, 20))
    before = path.read_bytes()
    with Memory.open(path, extractor=Names(), clock=lambda: NOW, read_only=True) as memory:
        report = memory.consolidate(threshold=0.5, dry_run=True)
        assert report.dry_run
        assert report.forgotten > 0
        assert report.to_dict()["forgotten"] == report.forgotten
    assert path.read_bytes() == before


@pytest.mark.parametrize("piece", [3, consolidation.PIECE])
def test_edges_are_brought_to_a_date_as_all_at_once(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(consolidation, "PIECE", piece)
    rng = np.random.default_rng(3)
    rows, dates = np.arange(40), NOW + rng.integers(-300, 30, 40) * DAY
    dates[9:15] = NOW - DAY  # a piece of one date
    before = Edges(rows, rows, rng.random(40), rng.random(40) / 9, dates, rows, dates, dates)
    table = pa.concat_tables([edges_to_arrow(before.take(part)) for part in np.split(rows, [7, 7, 30])])
    after, strengthened = consolidation.advance(table, NOW, Parameters())
    later = np.maximum(dates, NOW)
    fast, slow = propagate(before.fast, before.slow, (later - dates) / DAY, Parameters())
    assert after.equals(edges_to_arrow(replace(before, fast=fast, slow=slow, as_of=later)))
    assert strengthened == (slow > before.slow).sum() > 0


@pytest.mark.parametrize("threshold", [-1.0, float("nan"), -1e-300])
def test_a_wrong_threshold_is_refused_and_changes_nothing(memory: Memory, threshold: float) -> None:
    memory.add(corpus(26, 10))
    before = contents(memory)
    with pytest.raises(InputError, match="pass a strength of at least 0"):
        memory.consolidate(threshold=threshold)
    assert contents(memory) == before


def test_an_empty_store_can_be_consolidated(memory: Memory) -> None:
    report = memory.consolidate()
    assert (report.edges, report.forgotten, report.strengths) == (0, 0, {})
    memory.remember("Ada met Bob.", time="2025-01-01")
    assert memory.consolidate(threshold=1e9).forgotten == 2
    assert memory.consolidate().edges == 0
    assert memory.remember("Ada met Bob.", time="2025-01-02").added == 1
    assert len(memory.associations("Ada")) == 1


def test_evidence_later_than_the_pass_stays_as_it_is(memory: Memory) -> None:
    memory.add(corpus(27, 20))
    before = contents(memory)["ASSOCIATES"]
    memory.consolidate(now=from_millis(START), threshold=0.0)
    assert contents(memory)["ASSOCIATES"] == before


def test_it_counts_what_was_strengthened(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    assert memory.consolidate(now="2025-01-03").strengthened == 2
    assert memory.consolidate(now="2025-01-03").strengthened == 0
    # after months the slow variable only wanes
    assert memory.consolidate(now="2025-08-01").strengthened == 0 or memory.parameters.tau_slow > 200


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    keep=st.integers(0, 60),
    rank=st.floats(0, 1),
)
def test_a_budget_keeps_the_strongest_of_what_the_threshold_leaves(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, seed: int, keep: int, rank: float
) -> None:
    file = shutil.copy(empty_store, tmp_path_factory.mktemp("budget") / "a.memini")
    with Memory.open(file, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(seed, 12))
        edges = edges_from_arrow(memory._store.read_edges())
        fast, slow = propagate(edges.fast, edges.slow, (NOW - edges.as_of) / DAY, memory.parameters)
        threshold = float(np.quantile(np.maximum(fast, slow), rank / 2))
        rows = zip(-fast, edges.source, edges.target, np.maximum(fast, slow) >= threshold, strict=True)
        lasting = sorted(row[:3] for row in rows if row[3])
        kept = [(source, target) for _, source, target in lasting[:keep]]
        ends = {end for pair in kept for end in pair}
        mentions = memory.cypher(
            "MATCH (p:Passage) OPTIONAL MATCH (p)-[:MENTIONS]->(e:Entity) "
            "RETURN p.id AS p, collect(e.id) AS e"
        )
        unneeded = sum(ends.isdisjoint(row["e"]) for row in mentions.to_pylist())

        dry = memory.consolidate(threshold=threshold, keep=keep, dry_run=True)
        assert len(memory._store.read_edges()) == len(edges)
        report = memory.consolidate(threshold=threshold, keep=keep)
        after = edges_from_arrow(memory._store.read_edges())
        assert sorted(zip(after.source, after.target, strict=True)) == sorted(kept)
        assert replace(report, seconds=0) == replace(dry, seconds=0, dry_run=False)
        assert (report.edges, report.forgotten) == (len(edges), len(edges) - len(lasting))
        assert report.over_budget == len(lasting) - len(kept)
        assert report.unneeded_passages == unneeded
        assert memory.doctor(deep=True).sound


def test_what_a_budget_drops_is_learnt_anew_and_its_documents_keep_their_events(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time=from_millis(NOW), source="old")
    memory.remember("Ada met Cleo. Ada met Cleo.", time=from_millis(NOW), source="new")
    events = read_ledger(memory._store.read)
    report = memory.consolidate(keep=1)
    assert (report.over_budget, report.forgotten, report.unneeded_passages) == (3, 0, 0)
    assert [each.target for each in memory.associations("Ada")] == ["Cleo"]
    assert len(read_ledger(memory._store.read)) == len(events)
    assert memory.recall("Bob").passages[0].text == "Ada met Bob."
    assert memory.consolidate(keep=0).unneeded_passages == 2
    memory.remember("Ada met Bob.", time=from_millis(NOW), source="again")
    assert memory.associations("Ada")[0].events == 1
    # the fold of the ledgers, as after a pass with a threshold
    memory.retune(memory.parameters)
    assert {(each.target, each.events) for each in memory.associations("Ada")} == {("Bob", 2), ("Cleo", 1)}


def test_where_strengths_tie_a_budget_goes_by_the_ids_of_the_ends(memories: Callable[[], Memory]) -> None:
    texts = ["Ada met Bob.", "Cleo met Dora.", "Emil met Fay."]
    kept = []
    for order in (texts, texts[::-1]):
        memory = memories()
        for text in order:
            memory.remember(text, time="2025-01-01")
        assert memory.consolidate(threshold=0.0, keep=2).over_budget == 4
        kept.append(sorted(strengths(memory, NOW)))
        ids = {stable_id(source) for source, _ in kept[-1]}
        assert ids == set(sorted(map(stable_id, ("ada", "cleo", "emil")))[:2])
    assert kept[0] == kept[1]


def test_a_passage_that_mentions_nobody_is_needed_by_no_association(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time=from_millis(NOW))
    assert memory.consolidate().unneeded_passages == 0
    memory.remember("nobody came.", time=from_millis(NOW))
    assert memory.consolidate(keep=9).unneeded_passages == 1


def test_a_negative_budget_is_refused_and_changes_nothing(memory: Memory) -> None:
    memory.add(corpus(26, 10))
    before = contents(memory)
    with pytest.raises(InputError, match="keep = -1; pass how many associations to keep at most, 0 or more"):
        memory.consolidate(keep=-1)
    assert contents(memory) == before
