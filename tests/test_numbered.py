"""Events as the store keeps them: what they share stands once, and they are given back as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from fixtures_memory import NOW, Names, corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu.errors import StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.store import numbered
from memini_kuzu.store.numbered import Events, dates, number, spell
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

LEAST, MOST = -(2**63), 2**63 - 1

AMOUNTS = (1.0, 0.1, 0.1 + 2**-56, 0.0, -0.0, float("inf"), 5e-324)


def table(events: Events, rows: int) -> pa.Table:
    return pa.table(number(events, rows))


def as_lists(events: Events) -> list[list[int]]:
    return [events.row.tolist(), *(each.view(np.int64).tolist() for each in events[1:])]


@given(
    told=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([LEAST, -1, 0, 7, MOST]),
                st.integers(LEAST, MOST),
                st.sampled_from(AMOUNTS),
                st.integers(0, 10**12),
            ),
            max_size=9,
        ),
        max_size=6,
    ),
    block=st.sampled_from([1, 4, 1 << 14]),
)
@settings(max_examples=200, deadline=None)
def test_events_are_given_back_to_the_bit(told: list[list[tuple[int, int, float, int]]], block: int) -> None:
    flat = [event for row in told for event in row]
    source, target, amount, time = zip(*flat, strict=True) if flat else ((), (), (), ())
    row = np.repeat(np.arange(len(told)), [len(each) for each in told]).astype(np.int64)
    events = Events(
        row,
        np.array(source, np.int64),
        np.array(target, np.int64),
        np.array(amount, np.float64),
        np.array(time, np.int64),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbered, "BLOCK", block)
        stored = table(events, len(told))
    assert as_lists(spell(stored)) == as_lists(events)
    assert dates(stored).tolist() == list(time)
    rows = stored.to_pylist()
    for kept, each in zip(rows, told, strict=True):
        ends = {end for source, target, *_ in each for end in (source, target)}
        assert sorted(kept["event_entities"]) == sorted(ends)
        assert len(kept["event_times"]) == len({time for *_, time in each})
        assert len(kept["event_amounts"]) == len({np.float64(amount).tobytes() for *_, amount, _ in each})


@pytest.mark.parametrize("wrong", [0, -1, 3])
@pytest.mark.parametrize("name", numbered.PLACES)
def test_an_event_of_what_is_not_there_is_an_error(name: str, wrong: int) -> None:
    none, one = np.zeros(1, dtype=np.int64), np.ones(1)
    stored = table(Events(none, none + 5, none + 6, one, none), 1)
    broken = stored.set_column(
        stored.schema.get_field_index(name), name, pa.array([[wrong]], pa.list_(pa.int64()))
    )
    with pytest.raises(
        StoreError, match=r"events name what event_\w+ of their document or load does not hold"
    ):
        spell(broken)


def test_lists_that_are_missing_hold_no_events() -> None:
    missing = pa.table({name: pa.array([None], pa.list_(pa.int64())) for name in numbered.LISTS})
    assert len(spell(missing).row) == 0


@pytest.mark.parametrize("table", ["Document", "EventLog"])
def test_the_doctor_finds_events_of_what_is_not_there(path: Path, table: str) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(3, 5))
        memory.load_events(pa.table({"source": ["Ada"], "target": ["Bob"], "time": [NOW - DAY]}))
        assert memory.doctor().sound
        query = f"MATCH (n:{table}) WHERE size(n.time_at) > 0 WITH n LIMIT 1 SET n.event_times = $none"
        memory.cypher(query.replace("$none", "CAST([], 'TIMESTAMP[]')"), write=True)
        report = memory.doctor()
        assert not report.sound
        assert any("name what is not in their lists" in finding.detail for finding in report.findings)


def test_a_note_takes_each_entity_date_and_amount_once(path: Path) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.remember("Ada met Bob, Cy and Dan. Ada met Bob.", time="2026-01-01")
        [row] = memory.cypher(
            "MATCH (d:Document) RETURN size(d.event_entities) AS entities, size(d.event_times) AS times, "
            "size(d.source_at) AS events"
        ).to_pylist()
        assert row == {"entities": 4, "times": 1, "events": 12}
