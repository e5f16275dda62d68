"""Standing among rivals: what holds now stands before what held once, and nothing else is touched."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fixtures_memory import Names
from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu import Memory, Parameters, Record
from memini_kuzu.dynamics import kernel
from memini_kuzu.recall import recall
from memini_kuzu.recall.standing import agreement, compare
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUE = "Who is the baker of Ashford?"

OLD = [
    ("o1", "The baker of Ashford is Rowan.", "2024-01-01"),
    ("o2", "Rowan, the baker of Ashford, opened a fair.", "2024-04-01"),
    ("o3", "At noon Rowan spoke, baker of Ashford.", "2024-08-01"),
]

CHANGE = ("n1", "Linden became the baker of Ashford.", "2024-12-01")


def record(identity: str, text: str, time: str) -> Record:
    return Record(text, to_millis(time), f"wire {identity}", id=identity)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(
        tmp_path / "test.memini", extractor=Names(), clock=lambda: to_millis("2026-01-01")
    ) as opened:
        opened.add(record(*each) for each in OLD)
        yield opened


def first(memory: Memory, now: str, cue: str = CUE) -> str:
    return memory.recall(cue, now=now).passages[0].id


def test_news_stands_first_the_day_after_it_was_told(memory: Memory) -> None:
    memory.add([record(*CHANGE)])
    assert first(memory, "2024-12-02") == "n1"


def test_a_settled_truth_outlasts_what_was_said_once(memory: Memory) -> None:
    told = itertools.chain(
        OLD, [(f"o{n}", f"Rowan of Ashford, baker, day {n}.", "2024-11-20") for n in (4, 5, 6)]
    )
    memory.add(record(*each) for each in told)
    memory.add([record(*CHANGE)])
    # a month later the one saying has faded, and what was said again and again has not
    assert first(memory, "2025-01-05").startswith("o")


def test_what_no_other_answers_is_left_as_it_is(memory: Memory) -> None:
    memory.add([record("a1", "Rowan is allergic to walnuts.", "2020-01-01")])
    memory.add([record("x1", "Rowan walked to the mill.", "2025-12-01")])
    now = "2025-12-02"
    assert first(memory, now, "What is Rowan allergic to?") == "a1"
    cue = "Who is allergic to walnuts?"
    bare = recall(memory._store, cue, now=to_millis(now), without=frozenset({"standing"}))
    assert memory.recall(cue, now=now) == bare


def test_what_was_told_at_one_time_changes_nothing(tmp_path: Path) -> None:
    with Memory.open(
        tmp_path / "test.memini", extractor=Names(), clock=lambda: to_millis("2026-01-01")
    ) as memory:
        memory.add(record(identity, text, "2024-01-01") for identity, text, _ in (*OLD, CHANGE))
        now = to_millis("2024-06-01")
        with_standing = recall(memory._store, CUE, now=now)
        assert with_standing == recall(memory._store, CUE, now=now, without=frozenset({"standing"}))


def test_a_cue_that_names_a_date_is_answered_as_of_its_end(memory: Memory) -> None:
    memory.add([record(*CHANGE), record("n2", "The baker of Ashford is Linden.", "2025-06-01")])
    assert first(memory, "2025-06-02").startswith("n")
    assert first(memory, "2025-06-02", "Who was the baker of Ashford in 2024?") == "n1"
    assert first(memory, "2025-06-02", "Who was the baker of Ashford in August 2024?").startswith("o")


def test_recall_says_how_often_it_was_said_and_by_what_it_was_displaced(memory: Memory) -> None:
    memory.add([record(*CHANGE)])
    found = memory.recall(CUE, now="2024-12-02")
    ways = {path.passage: path for path in found.paths if path.kind == "standing"}
    new, old = ways["n1"], ways["o1"]
    assert new.score > 0 > old.score
    assert old.rival is not None
    assert (old.rival.passage, str(old.rival)) == ("n1", "said once, on 2024-12-01")
    assert old.said is not None
    assert str(old.said) == "said by 3 since 2024-01-01, last on 2024-08-01"
    assert new.said == old.rival
    assert new.strength is not None
    assert new.strength == pytest.approx(kernel(1.0, memory.parameters).ff, rel=0.2)
    explained = memory.explain(CUE, "o1", now="2024-12-02")
    assert old in explained.paths


def test_without_strengths_or_standing_nothing_is_displaced(memory: Memory) -> None:
    memory.add([record(*CHANGE)])
    now = to_millis("2024-12-02")
    for part in ("standing", "strengths"):
        found = recall(memory._store, CUE, now=now, without=frozenset({part}))
        assert not [path for path in found.paths if path.kind == "standing"]
    bare = recall(memory._store, CUE, now=now, without=frozenset({"standing"}))
    assert {passage.id for passage in bare} == {passage.id for passage in recall(memory._store, CUE, now=now)}


def test_displaced_passages_are_still_recalled(memory: Memory) -> None:
    memory.add([record("short", "Ashford baker: Linden", "2025-12-31")])
    found = memory.recall("Ashford baker", now="2026-01-01")
    assert {"o1", "o2", "o3"} < {passage.id for passage in found}


unit = st.floats(0, 1, allow_subnormal=False)


@st.composite
def compared(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    n, words = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    x = rng.random((n, words)) * (rng.random((n, words)) < 0.8)
    said = rng.random((n, 5)) * (rng.random((n, 5)) < 0.5)
    age = rng.integers(0, 3000, n)
    trace = np.asarray(kernel(age.astype(float), Parameters()).ff)
    return x, rng.random(words) * 5, agreement(said), trace, -age * DAY, rng.random(n) * 10


@given(compared())
def test_standing_follows_its_equations(given_: tuple[np.ndarray, ...]) -> None:
    x, mass, share, trace, time, score = given_
    strength, effect, probability = compare(*given_)
    n = len(x)
    a = x @ mass / mass.sum()
    for i in range(n):
        both = [np.minimum(x[i], x[j]) @ mass / mass.sum() for j in range(n)]
        c = [both[j] / a[i] if a[i] > 0 else 0 for j in range(n)]
        expected = trace[i] + sum(a[j] * c[j] * share[i, j] * trace[j] for j in range(n) if j != i)
        assert strength[i] == pytest.approx(expected, rel=1e-9)
        for j in range(n):
            d = 0.0
            if time[i] != time[j]:
                back = both[j] / a[j] if a[j] > 0 else 0
                d = a[i] * a[j] * c[j] * back * max(1 - strength[i] / strength[j], 0)
            back = both[j] / a[j] if a[j] > 0 else 0
            assert probability[i, j] == pytest.approx(a[i] * a[j] * c[j] * back, abs=1e-12)
            assert effect[i, j] == pytest.approx(np.log(1 - d) - d * max(score[i] - score[j], 0), abs=1e-9)


@given(compared())
def test_the_strongest_rival_loses_nothing_and_order_does_not_matter(given_: tuple[np.ndarray, ...]) -> None:
    x, mass, share, trace, time, score = given_
    strength, effect, _ = compare(*given_)
    assert (effect <= 0).all()
    assert effect[strength.argmax()].min() == 0
    turn = np.arange(len(x))[::-1]
    again, other, _ = compare(x[turn], mass, share[np.ix_(turn, turn)], trace[turn], time[turn], score[turn])
    np.testing.assert_allclose(again[turn], strength, rtol=1e-12)
    np.testing.assert_allclose(other[np.ix_(turn, turn)], effect, atol=1e-12)


def test_strengths_too_small_for_a_float_displace_nothing() -> None:
    x, trace = np.ones((3, 1)), np.array([0.0, 0.0, 1.0])
    _, effect, _ = compare(x, np.ones(1), np.eye(3), trace, np.array([0, 1, 2]), np.ones(3))
    assert np.isfinite(effect).all()
    assert effect[0, 1] == effect[1, 0] == 0
    assert effect[0, 2] < -30
