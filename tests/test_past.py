"""Asking in the past is asking then: what was told later changes nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from fixtures_memory import Names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memini_kuzu import Memory, Record
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from pathlib import Path

    from memini_kuzu import Recall

pytest_plugins = ["fixtures_memory"]

START = to_millis("2025-01-01")

NAMES = ("Ada", "Bruno", "Clara", "Dora", "Emil")

SAID = ("met", "wrote to", "taught", "thanked", "is now the baker of")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], int]:
    """Passages over two months, and a moment between."""
    records = [
        Record(
            f"{draw(st.sampled_from(NAMES))} {draw(st.sampled_from(SAID))} {draw(st.sampled_from(NAMES))}.",
            START + draw(st.integers(0, 60)) * DAY + number,
            draw(st.sampled_from(("diary", "", "wire"))),
            title=draw(st.sampled_from(("", "Ada", "Notes"))),
            id=f"p{number}",
        )
        for number in range(draw(st.integers(1, 12)))
    ]
    records.sort(key=lambda record: record.time or 0)
    return records, START + draw(st.integers(0, 60)) * DAY + DAY // 2


def same(ours: Recall, theirs: Recall) -> None:
    """Passages, order, scores, reasons."""
    assert [each.id for each in ours] == [each.id for each in theirs]
    assert [each.score for each in ours] == pytest.approx([each.score for each in theirs], abs=1e-9)
    # labels are those of today: a title tells less of an entity than a later mention
    assert [each.name for each in ours.entities] == [each.name for each in theirs.entities]
    for path, other in zip(ours.paths, theirs.paths, strict=True):
        assert (path.passage, path.kind, path.through) == (other.passage, other.kind, other.through)
        assert path.score == pytest.approx(other.score, abs=1e-9)
        assert path.strength == (None if other.strength is None else pytest.approx(other.strength, abs=1e-9))
        assert path.last_seen == other.last_seen


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories())
def test_asking_in_the_past_is_asking_then(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Path, history: tuple[list[Record], int]
) -> None:
    records, then = history
    folder = tmp_path_factory.mktemp("past")
    paths = [shutil.copy(empty_store, folder / f"{name}.memini") for name in ("all", "then")]
    told = [record for record in records if (record.time or 0) <= then]
    with (
        Memory.open(paths[0], extractor=Names(), clock=lambda: START + 100 * DAY) as whole,
        Memory.open(paths[1], extractor=Names(), clock=lambda: then) as early,
    ):
        whole.add(records)
        early.add(told)
        for cue in (
            "Who met Ada?",
            "Who is the baker of Bruno now",
            "Clara Dorra",
            "What happened in January?",
        ):
            now = from_millis(then)
            if told:
                same(whole.recall(cue, now=now), early.recall(cue, now=now))
        for name in NAMES if told else ():
            if name.lower() in {
                entity for record in told for entity in record.text.lower().strip(".").split()
            }:
                ours, theirs = whole.associations(name, now=now), early.associations(name, now=now)
                assert [each.target for each in ours] == [each.target for each in theirs]
                for one, other in zip(ours, theirs, strict=True):
                    assert one.strength == pytest.approx(other.strength, abs=1e-9)
                    assert one.consolidated == pytest.approx(other.consolidated, abs=1e-9)
                    assert (one.events, one.first_seen, one.last_seen) == (
                        other.events,
                        other.first_seen,
                        other.last_seen,
                    )
    shutil.rmtree(folder)
