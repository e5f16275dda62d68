"""Asking in the past is asking then: what was told later changes nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from fixtures_memory import Names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from memini_kuzu import Memory, Record, TimeError
from memini_kuzu.cli import app
from memini_kuzu.cli._docs import FOLDER
from memini_kuzu.dynamics import kernel
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memini_kuzu import Association, Recall
    from memini_kuzu.insight.trajectory import Overview, Trajectory
    from memini_kuzu.recall import Explanation

pytest_plugins = ["fixtures_memory"]

START = to_millis("2025-01-01")

NAMES = ("Ada", "Bruno", "Clara", "Dora", "Emil")

PAGE = (FOLDER / "how-to" / "cypher.md").read_text(encoding="utf-8")

QUERY = PAGE.partition("<!-- query: past -->\n```cypher\n")[2].partition("```")[0]

SAID = ("met", "wrote to", "taught", "thanked", "is now the baker of")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], pa.Table, int]:
    """Passages and loaded events over two months, and a moment between."""
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
    rows = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 60)), max_size=6)
    )
    events = pa.table(
        {
            "source": pa.array([source for source, _, _ in rows], pa.string()),
            "target": pa.array([target for _, target, _ in rows], pa.string()),
            "time": pa.array([START + day * DAY for *_, day in rows], pa.timestamp("ms")),
        }
    )
    return records, events, START + draw(st.integers(0, 60)) * DAY + DAY // 2


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


def same_associations(ours: list[Association], theirs: list[Association]) -> None:
    """Targets, order, both variables, events and dates."""
    assert [each.target for each in ours] == [each.target for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.strength == pytest.approx(other.strength, abs=1e-9)
        assert one.consolidated == pytest.approx(other.consolidated, abs=1e-9)
        assert (one.events, one.first_seen, one.last_seen) == (
            other.events,
            other.first_seen,
            other.last_seen,
        )


def same_explanation(ours: Explanation, theirs: Explanation) -> None:
    """Rank, ways, and how the associations on them have changed."""
    assert (ours.rank, len(ours.paths)) == (theirs.rank, len(theirs.paths))
    for one, other in zip(ours.associations, theirs.associations, strict=True):
        assert one.strength == pytest.approx(other.strength, abs=1e-9)
        assert one.month_before == pytest.approx(other.month_before, abs=1e-9)
        assert (one.events, one.first_seen, one.last_seen) == (
            other.events,
            other.first_seen,
            other.last_seen,
        )


def same_course(ours: Trajectory, theirs: Trajectory) -> None:
    """What `memini plot ENTITY` draws."""
    assert ours.time.tolist() == theirs.time.tolist()
    assert ours.fast == pytest.approx(theirs.fast, abs=1e-9)
    assert ours.slow == pytest.approx(theirs.slow, abs=1e-9)
    assert ours.event_time.tolist() == theirs.event_time.tolist()
    assert ours.event_amount == pytest.approx(theirs.event_amount, abs=1e-9)


def same_overview(ours: Overview, theirs: Overview) -> None:
    """What `memini plot` draws of a whole store."""
    assert (ours.since, ours.now, ours.unknown) == (theirs.since, theirs.now, theirs.unknown)
    assert np.sort(ours.fast) == pytest.approx(np.sort(theirs.fast), abs=1e-9)
    assert np.sort(ours.slow) == pytest.approx(np.sort(theirs.slow), abs=1e-9)
    gains = [{(each.source, each.target): each.gain for each in one.consolidated} for one in (ours, theirs)]
    assert gains[0] == pytest.approx(gains[1], abs=1e-9)


def same_cypher(whole: Memory, early: Memory, name: str, then: int) -> None:
    """The query of the documentation, which every client of the file can ask."""
    exact = {each.target: each for each in early.associations(name, now=from_millis(then), k=50)}
    for memory in (whole, early):
        rows = memory.cypher(QUERY, {"key": name.lower(), "now": from_millis(then)}).to_pylist()
        assert {row["target"] for row in rows} == set(exact)
        for row in rows:
            assert row["strength"] == pytest.approx(exact[row["target"]].strength, abs=1e-9)
            assert row["consolidated"] == pytest.approx(exact[row["target"]].consolidated, abs=1e-9)
            assert row["events"] == exact[row["target"]].events


def tell(memory: Memory, records: list[Record], held: int | None, **asked: Any) -> None:
    """Tell these; after so many all is held in memory, and asked for."""
    if held is not None:
        memory.add(records[:held])
        memory._store.hold()
        # where nothing was told until then
        with suppress(TimeError):
            memory.recall("Who met Ada?", **asked)
        records = records[held:]
    memory.add(records)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories(), st.none() | st.integers(0, 12))
def test_asking_in_the_past_is_asking_then(
    tmp_path_factory: pytest.TempPathFactory,
    empty_store: Path,
    history: tuple[list[Record], pa.Table, int],
    held: int | None,
) -> None:
    """After so many records all is held in memory and asked for; None where the file is asked."""
    records, events, then = history
    # of what was loaded the file is asked
    events = events if held is None else events.slice(0, 0)
    folder = tmp_path_factory.mktemp("past")
    paths = [shutil.copy(empty_store, folder / f"{name}.memini") for name in ("all", "then")]
    told = [record for record in records if (record.time or 0) <= then]
    with (
        Memory.open(paths[0], extractor=Names(), clock=lambda: START + 100 * DAY) as whole,
        Memory.open(paths[1], extractor=Names(), clock=lambda: then) as early,
    ):
        tell(whole, records, held, now=from_millis(then))
        early.add(told)
        loaded = events.filter(pc.less_equal(events["time"], pa.scalar(then, pa.timestamp("ms"))))
        for memory, rows in ((whole, events), (early, loaded)):
            if rows.num_rows:
                memory.load_events(rows)
        for cue in (
            "Who met Ada?",
            "Who is the baker of Bruno now",
            "Clara Dorra",
            "What happened in January?",
        ):
            now = from_millis(then)
            if told or loaded.num_rows:
                same(whole.recall(cue, now=now), early.recall(cue, now=now))
        if told or loaded.num_rows:
            same_overview(whole.overview(now=now), early.overview(now=now))
            for passage in early.recall("Who met Ada?", now=now):
                same_explanation(
                    *(each.explain("Who met Ada?", passage.id, now=now) for each in (whole, early))
                )
        said = {word for record in told for word in record.text.strip(".").split()}
        for name in (said | {*loaded["source"].to_pylist(), *loaded["target"].to_pylist()}) & {*NAMES}:
            same_associations(*(each.associations(name, now=now, k=50) for each in (whole, early)))
            if name in said:
                same_associations(*(each.associations(name, about=name, now=now) for each in (whole, early)))
            same_cypher(whole, early, name, then)
            for one in early.associations(name, now=now, k=50):
                same_course(*(each.trajectory(name, one.target, now=now) for each in (whole, early)))
    shutil.rmtree(folder)


@pytest.fixture
def loaded(path: Path) -> Iterator[Memory]:
    """Two passages, and events whose dates are not kept: of one pair before, of another before and after."""
    with Memory.open(path, extractor=Names(), clock=lambda: START + 100 * DAY) as memory:
        memory.add([Record("Ada met Bruno.", START, "diary", id="1")])
        memory.add([Record("Clara left.", START + 50 * DAY, "diary", id="2")])
        days = ["2025-01-02", "2025-01-03", "2025-02-20"]
        ends = {"source": ["Ada", "Dora", "Dora"], "target": ["Dora", "Emil", "Emil"]}
        memory.load_events(pa.table(ends | {"time": days}), keep_events=False)
        yield memory


def test_what_was_loaded_before_is_known_in_the_past(loaded: Memory) -> None:
    found = {each.target: each for each in loaded.associations("Ada", now="2025-01-10")}
    assert set(found) == {"Bruno", "Dora"}
    days = (to_millis("2025-01-10") - to_millis("2025-01-02")) / DAY
    assert found["Dora"].strength == pytest.approx(float(kernel(days, loaded.parameters).ff), abs=1e-9)


def test_what_has_had_events_since_that_were_not_kept_is_said_to_be_unknown(loaded: Memory) -> None:
    with pytest.raises(TimeError, match=r"how strong 1 of these .* ask as of 2025-02-20 00:00 or later"):
        loaded.associations("Dora", now="2025-01-10")
    assert [each.target for each in loaded.associations("Dora", now="2025-02-20")] == ["Emil"]
    assert loaded.recall("Dora and Ada", now="2025-01-10").unknown == 1
    assert loaded.recall("Dora and Ada", now="2025-03-10").unknown == 0
    assert loaded.overview(now="2025-01-10").unknown == 1
    assert len(loaded.overview(now="2025-01-10").fast) == 3


def test_the_command_line_says_what_it_leaves_out(loaded: Memory) -> None:
    path = loaded.path
    loaded.close()
    asked = ["recall", "Dora and Ada", "--db", str(path), "--now", "2025-01-10"]
    result = CliRunner().invoke(app, asked, catch_exceptions=False, prog_name="memini")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(
        "memini: 1 associations are left out: how strong they were then cannot be known"
    )


def test_what_maintenance_has_moved_on_or_forgotten_is_still_known(path: Path) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: START + 5000 * DAY) as memory:
        memory.add([Record("Ada met Bruno.", START, "diary", id="1")])
        memory.add([Record("Ada met Clara.", START + 4000 * DAY, "diary", id="2")])
        before = memory.associations("Ada", now="2025-01-10")
        memory.consolidate(now=from_millis(START + 4500 * DAY))
        assert memory.associations("Ada", now="2025-01-10") == before
        assert [each.target for each in before] == ["Bruno"]


@pytest.mark.parametrize("by", ["pass", "import", "merge"])
def test_between_the_last_event_and_a_pass_strengths_are_those_of_then(path: Path, by: str) -> None:
    then, later = from_millis(START + 40 * DAY), from_millis(START + 100 * DAY)
    with Memory.open(path, extractor=Names(), clock=lambda: START + 200 * DAY) as memory:
        memory.add([Record("Ada met Bruno.", START, "diary", id="1")])
        [told] = memory.associations("Ada", now=then)
        recalled = memory.recall("Ada", now=then)
        # what this pass forgets was there before it
        memory.consolidate(now=later, threshold=1.0 if by == "pass" else 0.0)
        memory.export(path.parent / "out")
    path, other = path.with_name("other"), path
    if by == "pass":
        path = other
    elif by == "import":
        Memory.import_(path, path.parent / "out").close()
    else:
        with Memory.open(path, extractor=Names()) as memory:
            memory.merge(other)
    with Memory.open(path, extractor=Names(), clock=lambda: START + 200 * DAY) as memory:
        for found in (memory.associations("Ada", now=then), memory.top(now=then)):
            strengths = [(each.target, each.strength) for each in found if each.source == "Ada"]
            assert strengths == [("Bruno", pytest.approx(told.strength, rel=1e-12))]
        assert memory.overview(now=then).fast.max() == pytest.approx(told.strength, rel=1e-12)
        same(memory.recall("Ada", now=then), recalled)
        memory._store.hold()
        same(memory.recall("Ada", now=then), recalled)


def test_before_a_pass_over_events_that_were_not_kept_nothing_is_known(path: Path) -> None:
    events = pa.table({"source": ["Ada"], "target": ["Bruno"], "time": ["2025-01-01"]})
    with Memory.open(path, clock=lambda: START + 200 * DAY) as memory:
        memory.load_events(events, keep_events=False)
        memory.consolidate(now="2025-04-11")
        memory.export(path.parent / "out")
    with Memory.open(path.with_name("folded"), clock=lambda: START + 200 * DAY) as memory:
        memory.load_edges(path.parent / "out" / "edges.parquet")
    for each in (path, path.with_name("folded")):
        with Memory.open(each) as memory:
            with pytest.raises(TimeError, match=r"maintenance since.* ask as of 2025-04-11 00:00 or later"):
                memory.top(now="2025-02-20")
            assert memory.top(now="2025-04-11")


def test_an_explanation_of_the_past_knows_nothing_later(path: Path) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: START + 100 * DAY) as memory:
        memory.add(
            [
                Record("Anselm kept the lighthouse.", START, "a", id="1"),
                Record("Anselm wrote to Brunhild.", START + DAY, "b", id="2"),
                Record("Brunhild taught at Ribe.", START + 2 * DAY, "c", id="3"),
            ]
        )
        now = from_millis(START + 10 * DAY)
        before = memory.explain("lighthouse", "3", now=now)
        assert before.associations
        memory.add([Record("Anselm met Brunhild.", START + 60 * DAY, "d", id="4")])
        after = memory.explain("lighthouse", "3", now=now)
        same_explanation(after, before)
