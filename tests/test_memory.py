"""`Memory`, the facade: what it passes on, and what it says of a store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from fixtures_memory import NOW, Names, corpus

from memini_kuzu.errors import RecordError, TimeError, UnknownEntityError
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu.memory import Memory

pytest_plugins = ["fixtures_memory"]


@pytest.mark.parametrize(
    "time",
    [
        "2025-03-01T10:00:00",
        "2025-03-01T12:00:00+02:00",
        datetime(2025, 3, 1, 10, tzinfo=UTC),
        datetime(2025, 3, 1, 5, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2025, 3, 1, 10),  # noqa: DTZ001 - without an offset it is UTC
    ],
)
def test_a_time_may_be_told_in_many_ways(memory: Memory, time: datetime | str) -> None:
    memory.remember("Ada met Bob.", time=time)
    assert memory.recall("Ada").passages[0].time.isoformat() == "2025-03-01T10:00:00+00:00"
    assert memory.stats().first_seen == memory.stats().last_seen == datetime(2025, 3, 1, 10, tzinfo=UTC)


def test_a_day_is_its_first_moment(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time=date(2025, 3, 1))
    assert memory.recall("Ada").passages[0].time == datetime(2025, 3, 1, tzinfo=UTC)


def test_what_has_no_time_is_told_now(memory: Memory) -> None:
    memory.remember("Ada met Bob.")
    assert memory.recall("Ada").passages[0].time == from_millis(NOW)


@pytest.mark.parametrize("time", ["yesterday", "2025-13-01", "1969-12-31", "2262-01-01", ""])
def test_a_time_that_cannot_be_is_refused(memory: Memory, time: str) -> None:
    with pytest.raises(TimeError):
        memory.remember("Ada met Bob.", time=time)
    with pytest.raises(TimeError):
        memory.recall("Ada", now=time)
    assert memory.stats().passages == 0


def test_the_future_and_the_empty_text_are_refused(memory: Memory) -> None:
    with pytest.raises(RecordError, match="after now"):
        memory.remember("Ada met Bob.", time=from_millis(NOW + 2 * 86_400_000))
    with pytest.raises(RecordError, match="text is empty"):
        memory.remember(" ")
    assert memory.stats().documents == 0


def test_an_unknown_entity_is_refused_with_what_is_near(memory: Memory) -> None:
    memory.remember("Penelope met Bob.", time="2025-01-01")
    with pytest.raises(UnknownEntityError, match="did you mean Penelope"):
        memory.associations("Penelopa")
    with pytest.raises(UnknownEntityError, match="no entity is named 'Xerxes'"):
        memory.associations("Xerxes")
    with pytest.raises(UnknownEntityError, match="no entity is named"):
        memory.associations("?!")


def test_associations_come_strongest_first(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    memory.remember("Ada met Cleo.", time="2025-01-05")
    memory.remember("Ada met Cleo again.", time="2025-01-06")
    found = memory.associations("ada", now="2025-01-07")
    assert [each.target for each in found] == ["Cleo", "Bob"]
    assert found[0].strength > found[1].strength > 0
    assert found[0].consolidated > 0
    assert found[0].events == 2
    assert found[0].first_seen.isoformat() == "2025-01-05T00:00:00+00:00"
    assert found[0].last_seen.isoformat() == "2025-01-06T00:00:00+00:00"
    assert len(memory.associations("ada", k=1)) == 1


def test_stats_count_what_there_is(memory: Memory) -> None:
    memory.add(corpus(41, 30))
    stats = memory.stats()
    assert (stats.documents, stats.sources, stats.aliases) == (30, 3, 0)
    assert stats.extractor == Names.identity
    assert stats.bytes > 0
    assert stats.path == str(memory.path)
    for name, label in (("entities", "Entity"), ("passages", "Passage")):
        assert (
            getattr(stats, name) == memory.cypher(f"MATCH (n:{label}) RETURN count(*) AS n")["n"][0].as_py()
        )
    assert stats.time_constants.slow > stats.time_constants.fast


def test_an_empty_store_has_no_dates(memory: Memory) -> None:
    stats = memory.stats()
    assert stats.first_seen is None
    assert stats.last_seen is None
    assert stats.extractor is None


def test_files_are_ingested_once(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("---\ndate: 2025-01-01\n---\nAda met Bob.\n")
    (tmp_path / "talk.jsonl").write_text(
        '{"id": "D1:1", "text": "Cleo: Ada met Dora.", "time": "2025-01-02", "source": "talk"}\n'
    )
    files = tmp_path / "note.md", tmp_path / "talk.jsonl"
    assert memory.ingest(*files).added == 2
    assert memory.ingest(*files).unchanged == 2
    assert {passage.id for passage in memory.recall("Ada")} >= {"D1:1"}
    assert {each.target for each in memory.associations("Ada")} == {"Bob", "Dora", "Cleo"}
