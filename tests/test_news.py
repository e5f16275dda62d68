"""The memory's own news: exact at both moments, read-only, and the same whatever maintenance did."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from fixtures_memory import NOW, START, Names, contents, corpus, strengths
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memini_kuzu.config import FORGET_BELOW
from memini_kuzu.errors import InputError
from memini_kuzu.memory import Memory
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu.insight.news import AssociationNews, News
    from memini_kuzu.records import Record

pytest_plugins = ["fixtures_memory"]

ALL = 10_000


def ends(rows: list[AssociationNews]) -> set[tuple[str, str]]:
    return {(row.source.lower(), row.target.lower()) for row in rows}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, list[Record]]:
    """A store, and what it was told."""
    records = corpus(31, 40)
    path = shutil.copy(empty_store, tmp_path_factory.mktemp("news") / "a.memini")
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(records)
    return path, records


def asked(path: Path, since: int, now: int, k: int = ALL) -> News:
    with Memory.open(path, extractor=Names(), read_only=True) as memory:
        return memory.changes(since=from_millis(since), now=from_millis(now), k=k)


@settings(max_examples=8, deadline=None)
@given(days=st.lists(st.integers(-5, 900), min_size=3, max_size=3))
def test_news_of_a_split_span_are_those_of_its_parts(
    learned: tuple[Path, list[Record]], days: list[int]
) -> None:
    path, _ = learned
    since, middle, now = (START + day * DAY for day in sorted(days))
    whole, first, second = asked(path, since, now), asked(path, since, middle), asked(path, middle, now)
    assert ends(whole.new) == ends(first.new) | ends(second.new)
    assert not ends(first.new) & ends(second.new)
    assert ends(whole.confirmed) | ends(whole.new) >= ends(first.confirmed) | ends(second.confirmed)
    nothing = asked(path, middle, middle)
    assert nothing.counts == dict.fromkeys(("new", "confirmed", "displaced", "faded"), 0)


def _strongest(strengths: dict[tuple[str, str], float]) -> set[tuple[str, str]]:
    best = max(strengths.values())
    return {pair for pair, fast in strengths.items() if math.isclose(fast, best, rel_tol=1e-9)}


@settings(max_examples=4, deadline=None)
@given(days=st.lists(st.integers(30, 900), min_size=2, max_size=2))
@example(days=[30, 148])
def test_news_agree_with_stores_that_saw_only_what_was_told_until_then(
    learned: tuple[Path, list[Record]],
    tmp_path_factory: pytest.TempPathFactory,
    empty_store: Path,
    days: list[int],
) -> None:
    path, records = learned
    since, now = (START + day * DAY for day in sorted(days))
    sides = []
    for moment in (since, now):
        file = shutil.copy(empty_store, tmp_path_factory.mktemp("then") / "a.memini")
        with Memory.open(file, extractor=Names(), clock=lambda: NOW) as memory:
            memory.add([record for record in records if (record.time or 0) <= moment])
            sides.append({pair: fast for pair, (fast, _) in strengths(memory, moment).items()})
    then, present = sides
    found = asked(path, since, now)
    assert ends(found.new) == present.keys() - then.keys()
    for row in (*found.new, *found.confirmed, *found.faded):
        pair = row.source.lower(), row.target.lower()
        assert row.before == pytest.approx(then.get(pair, 0.0), rel=1e-9)
        assert row.strength == pytest.approx(present[pair], rel=1e-9)
    told = ends(found.new) | ends(found.confirmed)
    assert ends(found.faded) == {
        pair for pair, fast in then.items() if fast >= FORGET_BELOW > present[pair] and pair not in told
    }
    displaced = {one.entity.lower(): (one.former.lower(), one.rival.lower()) for one in found.displaced}
    expected = set()
    for entity in {source for source, _ in then}:
        # several may be the strongest at once: of those of then, the one that is the strongest now counts
        formers = _strongest({pair: fast for pair, fast in then.items() if pair[0] == entity})
        rivals = _strongest({pair: fast for pair, fast in present.items() if pair[0] == entity})
        kept = max(present[pair] for pair in formers)
        if math.isclose(kept, max(present[pair] for pair in rivals), rel_tol=1e-9):
            continue
        expected.add(entity)
        former, rival = displaced[entity]
        assert (entity, former) in formers
        assert present[entity, former] == pytest.approx(kept, rel=1e-9)
        assert (entity, rival) in rivals
    assert displaced.keys() == expected
    for one in found.displaced:
        a, b = ((one.entity.lower(), name.lower()) for name in (one.former, one.rival))
        assert (one.former_before, one.former_strength) == pytest.approx((then[a], present[a]), rel=1e-9)
        assert (one.rival_before, one.rival_strength) == pytest.approx(
            (then.get(b, 0.0), present[b]), rel=1e-9
        )


def test_each_kind_is_told_once_and_passes_change_nothing(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2026-01-01")
    memory.remember("Cleo met Dora.", time="2026-01-01")
    memory.remember("Ada met Emil.", time="2026-03-01")
    memory.remember("Cleo met Dora.", time="2026-03-01")
    before = contents(memory)
    found = memory.changes(since="2026-02-01", now="2026-03-01")
    assert contents(memory) == before
    assert ends(found.new) == {("ada", "emil"), ("emil", "ada")}
    assert ends(found.confirmed) == {("cleo", "dora"), ("dora", "cleo")}
    assert [(one.entity, one.former, one.rival) for one in found.displaced] == [("Ada", "Bob", "Emil")]
    later = memory.changes(since="2026-03-01", now="2035-01-01")
    assert later.counts == {"new": 0, "confirmed": 0, "displaced": 0, "faded": 6}
    assert [one.before for one in later.faded] == sorted((one.before for one in later.faded), reverse=True)
    memory.consolidate(now="2026-03-01", keep=1)
    assert memory.changes(since="2026-02-01", now="2026-03-01") == found


def test_each_kind_is_listed_up_to_k_and_counted_whole(learned: tuple[Path, list[Record]]) -> None:
    path, _ = learned
    since, now = START + 100 * DAY, START + 300 * DAY
    whole, few = asked(path, since, now), asked(path, since, now, k=2)
    assert few.counts == whole.counts
    assert few.new == whole.new[:2]
    assert few.confirmed == whole.confirmed[:2]
    assert few.displaced == whole.displaced[:2]
    assert len(whole.new) == whole.counts["new"] > 2
    values = [one.strength for one in whole.new]
    assert values == sorted(values, reverse=True)


def test_of_loaded_events_it_says_what_cannot_be_known(memory: Memory) -> None:
    rows = {"source": ["Ada", "Ada"], "target": ["Bob", "Bob"], "time": ["2026-01-01", "2026-03-01"]}
    memory.load_events(pa.table(rows), keep_events=False)
    memory.remember("Ada met Cleo.", time="2026-01-15")
    found = memory.changes(since="2026-02-01", now="2026-03-02")
    assert found.unknown == 1
    assert [(one.source, one.target, one.before) for one in found.confirmed] == [("Ada", "Bob", None)]
    [known] = memory.associations("Ada", now="2026-03-02", k=1)
    assert found.confirmed[0].strength == pytest.approx(known.strength, rel=1e-9)
    # Ada's strongest at the first moment is not known
    assert not found.displaced
    after = memory.changes(since="2026-03-05", now="2026-04-01")
    assert after.unknown == 0
    before = memory.changes(since="2025-12-01", now="2026-03-02")
    assert (before.unknown, ("ada", "bob") in ends(before.new)) == (0, True)


def test_moments_the_wrong_way_round_and_no_room_are_refused(memory: Memory) -> None:
    with pytest.raises(InputError, match="since = 2026-02-01 00:00 is later than now = 2026-01-01 00:00"):
        memory.changes(since="2026-02-01", now="2026-01-01")
    with pytest.raises(InputError, match="k = 0; pass how many of each kind"):
        memory.changes(k=0)


def test_an_empty_memory_has_no_news(memory: Memory) -> None:
    found = memory.changes()
    assert not any(found.counts.values())
    assert (found.now - found.since).days == 30
