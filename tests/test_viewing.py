"""What pictures of a memory are made of: they agree with what the memory answers at every moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from test_trajectory import Words

from memini_kuzu import InputError, Memory, Record, UnknownEntityError
from memini_kuzu.dynamics import respond
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = to_millis("2026-01-01")

TALK = (
    (0, "ada bob", "letters"),
    (1, "ada cleo", "letters"),
    (5, "ada bob", "diary"),
    (9, "bob cleo", "diary"),
    (30, "ada dora", "diary"),
    (60, "eve finn", "letters"),
)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=Words(), clock=lambda: START + 100 * DAY) as opened:
        opened.add(
            Record(text=text, time=START + day * DAY, id=str(day), source=source)
            for day, text, source in TALK
        )
        yield opened


def day(number: float) -> str:
    return str(np.datetime64(START + round(number * DAY), "ms"))


@pytest.mark.parametrize("when", [3, 9, 40, 100])
def test_a_neighbourhood_is_as_strong_as_the_memory_says(memory: Memory, when: int) -> None:
    found = memory.neighbourhood("ada", now=day(when))
    names = [each.name for each in found.entities]
    own = {names[each.target]: each.strength for each in found.associations if names[each.source] == "ada"}
    expected = {each.target: each.strength for each in memory.associations("ada", now=day(when))}
    assert names[0] == "ada"
    assert own == pytest.approx(expected, rel=1e-12)
    assert "eve" not in names


def test_the_events_of_a_neighbourhood_give_its_strengths_at_any_other_moment(memory: Memory) -> None:
    found = memory.neighbourhood("ada", now=day(100))
    names = [each.name for each in found.entities]
    assert ("bob", "cleo") in {(names[each.source], names[each.target]) for each in found.associations}
    for when in (5, 8.5, 60):
        moment = START + round(when * DAY)
        for each in found.associations:
            assert each.time is not None
            assert each.amount is not None
            past = each.time <= moment
            if not past.any():
                continue
            strength = respond(each.amount[past], (moment - each.time[past]) / DAY, memory.parameters)[
                0
            ].sum()
            [expected] = [
                one.strength
                for one in memory.associations(names[each.source], now=day(when))
                if one.target == names[each.target]
            ]
            assert strength == pytest.approx(expected, rel=1e-12)


def test_a_small_neighbourhood_holds_the_strongest_and_counts_the_others(memory: Memory) -> None:
    found = memory.neighbourhood("ada", now=day(31), k=2)
    names = [each.name for each in found.entities]
    assert {names[each.source] for each in found.associations} == {"ada", "dora"}
    assert found.left_out == 4


def test_without_an_entity_the_strongest_of_all_are_shown(memory: Memory) -> None:
    found = memory.neighbourhood(now=day(61), k=2)
    assert {each.name for each in found.entities} == {"eve", "finn"}
    assert [round(each.strength, 3) for each in found.associations] == [
        round(each.strength, 3) for each in memory.top(2, now=day(61))
    ]


def test_a_neighbourhood_by_sources_is_as_they_alone_told_it(memory: Memory) -> None:
    found = memory.neighbourhood("ada", now=day(10), sources="letters")
    names = [each.name for each in found.entities]
    own = {names[each.target]: each.strength for each in found.associations if names[each.source] == "ada"}
    told = memory.associations("ada", now=day(10), sources="letters")
    assert own == pytest.approx({each.target: each.strength for each in told}, rel=1e-12)
    assert memory.neighbourhood("ada", sources="nothing").associations == []


def test_events_that_were_not_kept_leave_the_strength_alone(memory: Memory) -> None:
    rows = {"source": ["ada"], "target": ["gus"], "time": [day(50)], "kind": ["meets"]}
    memory.load_events(pa.table(rows), keep_events=False)
    rows = {"source": ["ada"], "target": ["hal"], "time": [day(50)], "kind": ["meets"]}
    memory.load_events(pa.table(rows))
    found = memory.neighbourhood("ada", now=day(90))
    told = {found.entities[each.target].name: each for each in found.associations}
    assert told["gus"].time is None
    assert told["gus"].strength == pytest.approx(told["hal"].strength, rel=1e-12)
    assert told["hal"].time is not None
    assert told["hal"].kinds == ("meets",)
    assert memory.neighbourhood("ada", now=day(20)).unknown == 0
    memory.load_events(pa.table(rows | {"target": ["gus"], "time": [day(10)]}), keep_events=False)
    assert memory.neighbourhood("ada", now=day(20)).unknown == 1


def test_each_event_has_its_kind(memory: Memory) -> None:
    kinds = ["writes to", "meets", "writes to"]
    rows = {"source": ["ada"] * 3, "target": ["hal"] * 3, "time": [day(50 + n) for n in range(3)]}
    memory.load_events(pa.table(rows | {"kind": kinds}))
    memory.load_events(pa.table({"source": ["ada"], "target": ["hal"], "time": [day(60)]}))
    found = memory.neighbourhood("ada", now=day(90))
    [one] = [each for each in found.associations if found.entities[each.target].name == "hal"]
    assert one.kinds == ("meets", "writes to")
    assert one.kind is not None
    assert [one.kinds[each] if each >= 0 else None for each in one.kind.tolist()] == [*kinds, None]
    [told] = [each for each in found.associations if found.entities[each.target].name == "dora"]
    assert told.kind is not None
    assert set(told.kind.tolist()) == {-1}


def test_what_is_dropped_is_in_no_picture(memory: Memory) -> None:
    memory.entity_drop("bob")
    for now in (day(10), day(100)):
        assert "bob" not in {each.name for each in memory.neighbourhood("ada", now=now).entities}
        assert "bob" not in {each.name for each in memory.neighbourhood(now=now).entities}
        assert "bob" not in {each.source for each in memory.entity("ada", now=now).led_from}
    assert [each.name for each in memory.entities(like="bo")] == []


def test_an_entity_is_shown_as_it_was(memory: Memory) -> None:
    memory.alias_add("countess", "ada")
    found = memory.entity("countess", now=day(6))
    assert (found.name, found.aliases) == ("ada", ["countess"])
    assert [each.id for each in found.passages] == ["5", "1", "0"]
    assert found.passages[0].document == memory.list(text="ada bob", sources="diary")[0].id
    assert found.sources == {"letters": 2, "diary": 1}
    leads = {each.target: each.strength for each in found.leads_to}
    assert leads == pytest.approx(
        {each.target: each.strength for each in memory.associations("ada", now=day(6))}, rel=1e-12
    )
    into = {name: memory.associations(name, now=day(6)) for name in ("bob", "cleo")}
    expected = {name: one.strength for name, each in into.items() for one in each if one.target == "ada"}
    assert {each.source: each.strength for each in found.led_from} == pytest.approx(expected, rel=1e-12)
    with pytest.raises(UnknownEntityError):
        memory.entity("nobody")


def test_entities_are_found_by_a_part_of_a_name(memory: Memory) -> None:
    memory.remember("Cleopatra", time=day(70), id="70")
    memory.alias_add("The Cléo of Rome", "eve")
    assert [each.name for each in memory.entities(like="CLÉO")] == ["cleo", "Cleopatra", "eve"]
    assert [each.name for each in memory.entities(like="opat")] == ["Cleopatra"]
    assert memory.entities(like="!") == []
    assert [each.name for each in memory.entities(1, like="cleo")] == ["cleo"]


def test_the_timeline_counts_what_was_told(memory: Memory, tmp_path: Path) -> None:
    found = memory.timeline(bins=60)
    # equal intervals up to the millisecond after the last date
    assert [number for number, count in enumerate(found.counts) if count] == [0, 4, 8, 29, 59]
    assert sum(found.counts) == len(TALK)
    memory.load_events(pa.table({"source": ["ada"], "target": ["hal"], "time": [day(90)]}))
    later = memory.timeline(bins=10)
    assert sum(later.counts) == len(TALK) + 1
    assert later.last is not None
    assert to_millis(later.last) == START + 90 * DAY
    with pytest.raises(InputError, match="bins = 0"):
        memory.timeline(bins=0)
    with Memory.open(tmp_path / "empty.memini") as empty:
        assert empty.timeline().counts == []
        assert empty.neighbourhood().associations == []


def test_sources_are_counted_with_what_was_loaded(memory: Memory, tmp_path: Path) -> None:
    stream = tmp_path / "stream.csv"
    stream.write_text("source,target,time\nada,hal,2026-02-01\nada,bob,2026-02-01\n")
    memory.load_events(stream)
    assert sorted(memory.sources().values()) == [2, 3, 3]
    assert memory.sources()["diary"] == 3


def test_rivals_of_an_entity_without_associations_are_refused(memory: Memory) -> None:
    memory.remember("alone", time=day(80))
    with pytest.raises(InputError, match="no association of alone answers"):
        memory.rivals("alone", "alone")
