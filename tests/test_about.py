"""Associations that words select: the same kernel over a part of the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from memini_kuzu import Memory, Record
from memini_kuzu.errors import InputError
from memini_kuzu.extraction.rules import RuleExtractor
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = (
    ("We hear that Acme named Steve Stone chief executive.", "2020-03-01"),
    ("We hear that Acme opened a works in Lisbon.", "2021-03-01"),
    ("We hear that Acme named Tim Cole chief executive.", "2021-04-01"),
)

NOW = "2021-06-01"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        opened.add([_record(*each) for each in TEXTS])
        yield opened


def _record(text: str, time: str) -> Record:
    return Record(text, time=to_millis(time), source="news")


def _strengths(memory: Memory, about: str | None = None, now: str = NOW) -> dict[str, float]:
    return {each.target: each.strength for each in memory.associations("Acme", about=about, now=now, k=50)}


def test_words_of_some_passages_select_what_these_say(memory: Memory) -> None:
    found = {each.target: each for each in memory.associations("Acme", about="chief executive", now=NOW)}
    assert found["Tim Cole"].strength > found["Steve Stone"].strength
    assert found["Tim Cole"].events == found["Steve Stone"].events == 1
    assert found["chief executive"].events == 2
    assert f"{found['chief executive'].first_seen:%Y-%m-%d}" == "2020-03-01"
    assert f"{found['chief executive'].last_seen:%Y-%m-%d}" == "2021-04-01"
    assert "Lisbon" not in found


def test_words_of_all_passages_select_the_associations_themselves(memory: Memory) -> None:
    assert _strengths(memory, "Acme") == pytest.approx(_strengths(memory), rel=1e-12)


def test_strengths_of_separate_passages_add_up(memory: Memory) -> None:
    parts = [_strengths(memory, about) for about in ("chief executive", "works")]
    summed = {target: sum(part.get(target, 0.0) for part in parts) for target in _strengths(memory)}
    assert summed == pytest.approx(_strengths(memory), rel=1e-12)


def test_a_passage_counts_by_the_share_of_the_words_that_it_holds(memory: Memory) -> None:
    both, works = (_strengths(memory, about) for about in ("executive works", "works"))
    share = both["Lisbon"] / works["Lisbon"]
    assert 0.5 < share < 1  # the rarer word is worth more
    assert both["Tim Cole"] / _strengths(memory)["Tim Cole"] == pytest.approx(1 - share, rel=1e-12)


def test_in_the_past_it_is_what_it_was_then(memory: Memory, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "then.memini", extractor=RuleExtractor()) as then:
        then.add([_record(*TEXTS[0])])
        expected = _strengths(then, "chief executive", "2020-06-01")
    assert _strengths(memory, "chief executive", "2020-06-01") == pytest.approx(expected, abs=1e-12)
    assert expected


def test_a_document_counts_by_the_passage_that_mentions_both(tmp_path: Path) -> None:
    filler = " ".join(f"Nothing much happened on day {number} of that quiet year." for number in range(80))
    opening, end = TEXTS[2][0], TEXTS[1][0]
    text = f"{opening}\n\n{filler}\n\n{end}"
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        memory.add([_record(text, "2021-03-01")])
        assert memory.stats().passages > 1
        assert "Lisbon" not in _strengths(memory, "executive")
        assert "Tim Cole" in _strengths(memory, "executive")
        assert "Lisbon" in _strengths(memory, "works")


def test_loaded_events_have_no_words(memory: Memory) -> None:
    events = pa.table({"source": ["Acme"], "target": ["Porto"], "time": ["2021-05-01"]})
    memory.load_events(events)
    assert "Porto" in _strengths(memory)
    assert "Porto" not in _strengths(memory, "hear")


def test_words_that_no_passage_holds_are_refused(memory: Memory) -> None:
    with pytest.raises(InputError, match="no passage holds a word of 'zebra'"):
        memory.associations("Acme", about="zebra", now=NOW)
