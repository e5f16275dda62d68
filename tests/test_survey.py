"""What matters in the whole store, and what comes next: now, and in the past as it was then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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

pytest_plugins = ["fixtures_memory"]

THEN = START + 20 * DAY


def told(memory: Memory, until: int = NOW) -> Memory:
    memory.add([record for record in corpus(5, 60) if record.time is not None and record.time <= until])
    return memory


def everything(memory: Memory, now: int) -> list[Association]:
    """All associations, entity by entity."""
    names = memory.cypher("MATCH (e:Entity) RETURN e.name AS n")["n"].to_pylist()
    return [each for name in names for each in memory.associations(name, now=from_millis(now), k=10_000)]


def by_strength(each: Association) -> tuple[Any, ...]:
    return (-round(each.strength, 9), each.source, each.target)


def test_top_is_the_strongest_of_all_associations(memory: Memory) -> None:
    told(memory)
    found = memory.top(25)
    expected = sorted(everything(memory, NOW), key=by_strength)[:25]
    assert [each.strength for each in found] == pytest.approx([each.strength for each in expected], abs=1e-12)
    known = {(each.source, each.target): each for each in everything(memory, NOW)}
    for each in found:
        same = known[each.source, each.target]
        assert (each.events, each.first_seen, each.last_seen) == (
            same.events,
            same.first_seen,
            same.last_seen,
        )
        assert each.consolidated == pytest.approx(same.consolidated, abs=1e-12)
    strengths = [each.strength for each in found]
    assert strengths == sorted(strengths, reverse=True)


def test_top_in_the_past_is_that_of_then(memories: Callable[[], Memory]) -> None:
    whole, early = told(memories()), told(memories(), THEN)
    assert 0 < early.stats().documents < whole.stats().documents
    now, then = whole.top(1000, now=from_millis(THEN)), early.top(1000, now=from_millis(THEN))
    assert len(now) == len(then) > 0
    assert {(each.source, each.target): each.strength for each in now} == pytest.approx(
        {(each.source, each.target): each.strength for each in then}, abs=1e-9
    )


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
    assert top[0].split() == ["from", "to", "strength", "consolidated", "events", "last", "seen"]
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
