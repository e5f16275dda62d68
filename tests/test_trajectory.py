"""Trajectories against the dynamics, at every moment that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import parameters

from memini_kuzu import InputError, Memory, Mention, Parameters, Record, UnknownEntityError
from memini_kuzu.dynamics import fold
from memini_kuzu.insight.trajectory import trace
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

START = to_millis("2026-01-01")


class Words:
    """Every word is a mention."""

    identity = "words/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            yield [Mention(word.lower(), word, "NAME", 0, place) for place, word in enumerate(text.split())]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=Words(), clock=lambda: START + 100 * DAY) as opened:
        opened.add(
            Record(text=text, time=START + day * DAY, id=str(day))
            for day, text in ((0, "Ada Babbage"), (3, "Ada Curie"), (10, "Babbage Ada"), (90, "Ada Curie"))
        )
        yield opened


@given(st.lists(st.integers(0, 500 * DAY), min_size=1, max_size=20), st.integers(0, 600), parameters())
def test_every_moment_is_the_sum_of_its_events(times: list[int], until: int, given_ones: Parameters) -> None:
    time = np.array(times, dtype=np.int64)
    amount = 1.0 + np.arange(len(time)) / 7
    moments, fast, slow = trace(amount, time, until * DAY, given_ones, points=11)
    assert (np.diff(moments) > 0).all()
    for moment, found in zip(moments, zip(fast, slow, strict=True), strict=True):
        past = time <= moment
        group = np.zeros(int(past.sum()), dtype=np.int64)
        expected = fold(group, 1, amount[past], (moment - time[past]) / DAY, given_ones)
        np.testing.assert_allclose(found, [value[0] for value in expected], rtol=1e-9, atol=1e-15)
    assert set(time[time <= until * DAY]) <= set(moments)


@pytest.mark.parametrize("other", ["Paris", None])
def test_a_trajectory_of_events_that_were_kept_in_part_is_refused(tmp_path: Path, other: str | None) -> None:
    kept, unkept = (
        pa.table({"source": ["Ada"], "target": ["Paris"], "time": [time]})
        for time in ("2026-01-01", "2026-01-05")
    )
    with Memory.open(tmp_path / "b.memini", clock=lambda: START + 100 * DAY) as memory:
        memory.load_events(kept, pa.table({"source": ["Bo"], "target": ["Rome"], "time": ["2026-01-03"]}))
        memory.load_events(unkept, keep_events=False)
        with pytest.raises(InputError, match="not all of its events were kept"):
            memory.trajectory("Ada", other)
        [found] = memory.associations("Bo")
        assert memory.trajectory("Bo", other and "Rome").fast[-1] == pytest.approx(found.strength, rel=1e-9)


def test_a_trajectory_ends_where_the_association_stands(memory: Memory) -> None:
    found = memory.trajectory("Ada", "Babbage")
    [stored] = [one for one in memory.associations("Ada") if one.target == "Babbage"]
    assert found.fast[-1] == pytest.approx(stored.strength, rel=1e-9)
    assert found.slow[-1] == pytest.approx(stored.consolidated, rel=1e-9)
    assert found.event_time.tolist() == [START, START + 10 * DAY]
    assert found.event_amount.tolist() == [1.0, 0.5]
    assert found.time[-1] == START + 100 * DAY


def test_an_entity_alone_is_the_sum_over_its_associations(memory: Memory) -> None:
    whole = memory.trajectory("Ada", points=2)
    parts = [one.strength for one in memory.associations("Ada")]
    assert whole.fast[-1] == pytest.approx(sum(parts), rel=1e-9)
    assert whole.target is None


def test_maintenance_changes_no_trajectory(memory: Memory) -> None:
    before = memory.trajectory("Ada", "Babbage", now="2026-03-01")
    memory.consolidate(threshold=10.0)
    after = memory.trajectory("Ada", "Babbage", now="2026-03-01")
    np.testing.assert_array_equal(before.fast, after.fast)


def test_what_is_not_there_is_refused(memory: Memory) -> None:
    with pytest.raises(UnknownEntityError, match="Adda"):
        memory.trajectory("Adda")
    with pytest.raises(InputError, match="Babbage → Curie"):
        memory.trajectory("Babbage", "Curie")
    with pytest.raises(InputError, match="nothing tells of Curie"):
        memory.trajectory("Curie", now="2026-01-02")
    with pytest.raises(InputError, match="points = 1"):
        memory.trajectory("Ada", points=1)


def test_an_overview_has_every_association_and_names_what_consolidated(memory: Memory) -> None:
    found = memory.overview(days=30)
    assert len(found.fast) == memory.stats().associations
    assert {one.source for one in found.consolidated} == {"Ada", "Curie"}
    best = found.consolidated[0]
    assert (best.source, best.target) == ("Ada", "Curie")
    now, then = (memory.trajectory("Ada", "Curie", now=day).slow[-1] for day in ("2026-04-11", "2026-03-12"))
    assert best.gain == pytest.approx(now - then, rel=1e-9)
    early = memory.overview(now="2026-01-02")
    assert len(early.fast) == 2
    with pytest.raises(InputError, match="days = 0"):
        memory.overview(days=0)


def test_an_empty_store_has_an_empty_overview(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "empty.memini", extractor=Words()) as memory:
        found = memory.overview()
    assert (len(found.fast), found.consolidated) == (0, [])
