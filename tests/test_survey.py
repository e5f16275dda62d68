"""What matters in the whole store, and what comes next: now, and in the past as it was then."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from fixtures_memory import NOW, START, Names, corpus
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, TimeError, UnknownEntityError
from memini_kuzu.cli import app
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from memini_kuzu import Association
    from memini_kuzu.results import Order

pytest_plugins = ["fixtures_memory"]

THEN = START + 20 * DAY


def told(memory: Memory, until: int = NOW) -> Memory:
    memory.add([record for record in corpus(5, 60) if record.time is not None and record.time <= until])
    return memory


def everything(memory: Memory, now: int) -> list[Association]:
    """All associations, entity by entity."""
    names = memory.cypher("MATCH (e:Entity) RETURN e.name AS n")["n"].to_pylist()
    return [each for name in names for each in memory.associations(name, now=from_millis(now), k=10_000)]


def measure(each: Association, by: Order) -> float:
    return each.strength if by == "strength" or each.lift is None else each.strength * math.log(each.lift)


@pytest.mark.parametrize("by", ["strength", "telling"])
def test_top_is_the_first_of_all_associations(memory: Memory, by: Order) -> None:
    told(memory)
    found = memory.top(25, by=by)
    expected = sorted((measure(each, by) for each in everything(memory, NOW)), reverse=True)[:25]
    assert [measure(each, by) for each in found] == pytest.approx(expected, abs=1e-12)
    known = {(each.source, each.target): each for each in everything(memory, NOW)}
    for each in found:
        same = known[each.source, each.target]
        assert (each.events, each.first_seen, each.last_seen) == (
            same.events,
            same.first_seen,
            same.last_seen,
        )
        assert (each.consolidated, each.lift) == pytest.approx((same.consolidated, same.lift), abs=1e-12)


def test_top_in_the_past_is_that_of_then(memories: Callable[[], Memory]) -> None:
    whole, early = told(memories()), told(memories(), THEN)
    assert 0 < early.stats().documents < whole.stats().documents
    now, then = whole.top(1000, now=from_millis(THEN)), early.top(1000, now=from_millis(THEN))
    assert len(now) == len(then) > 0
    for value in ("strength", "lift"):
        assert {(each.source, each.target): getattr(each, value) for each in now} == pytest.approx(
            {(each.source, each.target): getattr(each, value) for each in then}, abs=1e-9
        )


def test_what_events_alone_tell_is_as_telling_as_it_is_strong(memory: Memory) -> None:
    memory.load_events(
        pa.table({"source": ["Ada", "Ada"], "target": ["Bo", "Cy"], "time": ["2025-01-01", "2025-01-02"]})
    )
    found = memory.top(now="2025-01-02")
    assert [(each.target, each.lift) for each in found] == [("Cy", None), ("Bo", None)]


def test_a_forecast_shares_the_next_association_out_by_strength(memory: Memory) -> None:
    told(memory)
    entity = memory.top(1)[0].source
    strengths = {each.target: each.strength for each in memory.associations(entity, k=10_000)}
    found = memory.forecast(entity, k=10_000)
    assert found.known == len(found.expected) == len(strengths)
    assert sum(each.share for each in found.expected) == pytest.approx(1)
    total = sum(strengths.values())
    assert {each.target: each.share for each in found.expected} == pytest.approx(
        {target: strength / total for target, strength in strengths.items()}
    )
    few = memory.forecast(entity, k=2)
    assert (few.expected, few.known) == (found.expected[:2], found.known)


def test_a_forecast_in_the_past_is_that_of_then(memories: Callable[[], Memory]) -> None:
    whole, early = told(memories()), told(memories(), THEN)
    entity = early.top(1, now=from_millis(THEN))[0].source
    now, then = (memory.forecast(entity, now=from_millis(THEN), k=1000) for memory in (whole, early))
    assert now.known == then.known > 0
    assert {each.target: each.share for each in now.expected} == pytest.approx(
        {each.target: each.share for each in then.expected}, abs=1e-9
    )


def test_a_forecast_that_nothing_tells_apart_is_even(memory: Memory) -> None:
    memory.remember("Ada met Bo.", time="1980-01-01")
    memory.remember("Ada met Cy.", time="1980-01-02")
    found = memory.forecast("Ada", now="2261-12-01")
    assert [each.share for each in found.expected] == pytest.approx([0.5, 0.5], abs=0.01)


def test_an_empty_store_and_an_entity_alone(memory: Memory) -> None:
    assert memory.top() == []
    memory.remember("Ada.", time="2025-01-01")
    assert memory.forecast("Ada").expected == ()
    assert memory.top(now="2024-01-01") == []


def test_what_cannot_be_answered_is_an_error(memory: Memory) -> None:
    memory.remember("Ada met Bo.", time="2025-01-01")
    with pytest.raises(InputError, match="by = 'date'; pass one of strength, telling"):
        memory.top(by="date")  # type: ignore[arg-type]
    for ask in (lambda: memory.top(0), lambda: memory.forecast("Ada", k=0)):
        with pytest.raises(InputError, match=r"k = 0; pass how many to return"):
            ask()
    with pytest.raises(UnknownEntityError, match="no entity is named 'Zoe'"):
        memory.forecast("Zoe")


def test_the_commands_print_tables_and_json(tmp_path: Path) -> None:
    db = tmp_path / "a.memini"
    with Memory.open(db, extractor=Names()) as memory:
        memory.remember("Ada met Bo.", time="2025-01-01")
        memory.remember("Ada met Cy.", time="2025-01-02")

    def run(*args: str) -> str:
        done = CliRunner().invoke(
            app, [*args, "--db", str(db), "--now", "2025-01-02"], catch_exceptions=False
        )
        assert not done.exit_code, done.stderr
        return done.stdout

    top = run("top", "-k", "1").splitlines()
    assert top[0].split() == ["from", "to", "strength", "consolidated", "lift", "events", "last", "seen"]
    assert top[1].split()[:3] == ["Ada", "Cy", "1"]
    assert [each["target"] for each in json.loads(run("top", "--json"))][:2] == ["Cy", "Ada"]
    shown = run("forecast", "ada", "-k", "1").splitlines()
    assert shown[1].split()[:3] == ["Cy", "68.9%", "1"]
    assert shown[2] == "and 1 more, 31.1% together"
    assert json.loads(run("forecast", "ada", "--json"))["known"] == 2


def test_the_commands_say_that_there_is_nothing(tmp_path: Path) -> None:
    db = tmp_path / "a.memini"
    with Memory.open(db, extractor=Names()) as memory:
        memory.remember("Ada.", time="2025-01-01")
    assert "there are no associations" in CliRunner().invoke(app, ["top", "--db", str(db)]).stdout
    assert (
        "Ada is associated with nothing"
        in CliRunner().invoke(app, ["forecast", "Ada", "--db", str(db)]).stdout
    )


def test_loaded_events_count_in_the_past_where_they_were_kept(memories: Callable[[], Memory]) -> None:
    kept, not_kept = memories(), memories()
    for memory in (kept, not_kept):
        for day in ("2025-01-01", "2025-02-01"):
            table = pa.table({"source": ["Ada"], "target": ["Bo"], "time": [day]})
            memory.load_events(table, keep_events=memory is kept)
        assert memory.top(now="2025-02-01")
    assert [each.events for each in kept.top(now="2025-01-15")] == [1]
    assert [each.share for each in kept.forecast("Ada", now="2025-01-15").expected] == [1]
    for ask in (lambda: not_kept.top(now="2025-01-15"), lambda: not_kept.forecast("Ada", now="2025-01-15")):
        with pytest.raises(TimeError, match="cannot be known"):
            ask()
