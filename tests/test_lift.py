"""How much more often than chance two entities meet, and what associations tell most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fixtures_memory import Names

from memini_kuzu import Memory
from memini_kuzu.errors import InputError
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = to_millis("2026-02-01")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """Ada meets Everyone often, as all do, and Bob alone."""
    with Memory.open(tmp_path / "a.memini", extractor=Names(), clock=lambda: NOW) as opened:
        texts = ["Ada met Bob.", *["Ada met Everyone."] * 3, *["Cleo met Everyone."] * 8]
        for number, text in enumerate(texts):
            opened.remember(text, time="2026-01-01", id=str(number))
        yield opened


def test_lift_is_events_to_the_passages_that_would_mention_both_by_chance(memory: Memory) -> None:
    found = {one.target: one for one in memory.associations("Ada")}
    assert found["Bob"].lift == pytest.approx(1 / (4 * 1 / 12))
    assert found["Everyone"].lift == pytest.approx(3 / (4 * 11 / 12))


def test_what_is_met_everywhere_is_strong_and_tells_little(memory: Memory) -> None:
    assert [one.target for one in memory.associations("Ada")] == ["Everyone", "Bob"]
    telling = memory.associations("Ada", by="telling")
    assert [one.target for one in telling] == ["Bob", "Everyone"]
    assert {one.target: one.strength for one in telling} == {
        one.target: one.strength for one in memory.associations("Ada")
    }


def test_the_order_holds_for_all_that_there_is_not_for_the_strongest(memory: Memory) -> None:
    assert [one.target for one in memory.associations("Ada", k=1, by="telling")] == ["Bob"]


def test_lift_in_the_past_is_that_of_a_store_that_knew_no_more(memory: Memory) -> None:
    before = memory.associations("Ada", now="2026-01-15", by="telling")
    memory.remember("Ada met Bob. Ada met Everyone.", time="2026-01-20", id="later")
    memory.remember("Nobody met Dora.", time="2026-01-21", id="last")
    again = memory.associations("Ada", now="2026-01-15", by="telling")
    assert [(one.target, one.lift) for one in again] == [(one.target, one.lift) for one in before]
    assert [one.strength for one in again] == pytest.approx([one.strength for one in before], rel=1e-12)


def test_the_lift_of_what_no_passage_mentions_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("source,target,time\nAda,Bob,2026-01-01\nAda,Cleo,2026-01-02\n")
    with Memory.open(tmp_path / "b.memini", clock=lambda: NOW) as memory:
        memory.load_events(tmp_path / "events.csv")
        found = memory.associations("Ada", by="telling")
        assert [(one.target, one.lift) for one in found] == [("Cleo", None), ("Bob", None)]


def test_an_unknown_order_is_refused(memory: Memory) -> None:
    with pytest.raises(InputError, match="by = 'size'; pass one of strength, telling"):
        memory.associations("Ada", by="size")  # type: ignore[arg-type]
