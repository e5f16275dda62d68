"""Names that are nearly spelled as the words of a cue: found in one scan, whatever the number of words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from fixtures_memory import Names
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from memini_kuzu import Memory
from memini_kuzu.store.likeness import entities_like
from memini_kuzu.store.model import holding
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = ["melanie", "melania", "caroline", "carolina", "malmö", "anna-lena", "ana", "z2x9", "北京市"]
NOW = to_millis("2026-01-01")


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    path = tmp_path_factory.mktemp("names") / "a.memini"
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as opened:
        told = pa.array([NOW] * len(NAMED), pa.timestamp("ms"))
        opened.load_events(pa.table({"source": NAMED, "target": ["hub"] * len(NAMED), "time": told}))
        yield opened


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text("aceilmnorz2北", min_size=1, max_size=9)
        | st.sampled_from(["melanie", "carolino", "anna lena"]),
        st.integers(0, 3),
        min_size=1,
        max_size=6,
    )
)
def test_the_nearest_names_are_those_of_a_comparison_with_all(memory: Memory, edits: dict[str, int]) -> None:
    keys = memory.cypher("MATCH (e:Entity) RETURN e.id AS id, e.key AS key").to_pylist()
    expected = []
    for word, most in edits.items():
        apart = sorted((Levenshtein.distance(word, row["key"]), row["id"], row["key"]) for row in keys)
        expected += [key for distance, _, key in apart if distance <= most][:2]
    found = entities_like(memory._store, edits, 2)["key"].to_pylist()
    # equally near and equally often mentioned: the lower id first
    assert found == list(dict.fromkeys(expected))


def test_no_words_are_like_no_names(memory: Memory) -> None:
    assert entities_like(memory._store, {}, 3).num_rows == 0
    assert entities_like(memory._store, {"qqqq": 1}, 3).num_rows == 0


def test_a_long_cue_of_unknown_words_scans_the_names_once(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # asked of the file
    monkeypatch.setattr(holding, "FIXED", math.inf)
    monkeypatch.setattr(memory._store._engine._live, "derived", None)
    asked = []
    read = memory._store.read

    def count(query: str, *arguments: object, **named: object) -> object:
        asked.append(query)
        return read(query, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(memory._store, "read", count)
    memory.recall(
        " ".join(f"unheard{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(300))
    )
    assert sum("size(e.key)" in query for query in asked) == 1
