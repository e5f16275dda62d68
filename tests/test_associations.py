"""Edges as columns: folding events, and adding edges to edges, whatever the order and the split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import parameters, strengths

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate, respond
from memini_kuzu.dynamics.edges import add_edges, associate, concatenate, redirect_edges, superpose
from memini_kuzu.dynamics.pairs import common_pairs
from memini_kuzu.dynamics.removal import unaccounted, without_events
from memini_kuzu.tables import EDGE_SCHEMA, Edges
from memini_kuzu.times import DAY

EVENTS = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-3, 3), strengths(), st.integers(0, 4000 * DAY)), max_size=40
)

Events = list[tuple[int, int, float, int]]


def fold(events: Events, values: Parameters) -> Edges:
    source, target, amount, time = (
        (np.array(each) for each in zip(*events, strict=True)) if events else ([],) * 4
    )
    return associate(
        np.array(source, dtype=np.int64),
        np.array(target, dtype=np.int64),
        np.array(amount, dtype=np.float64),
        np.array(time, dtype=np.int64),
        values,
    )


def assert_equal_edges(one: Edges, other: Edges) -> None:
    for name in EDGE_SCHEMA.names:
        a, b = getattr(one, name), getattr(other, name)
        if name in {"fast", "slow"}:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-290, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def by_pair(edges: Edges) -> Edges:
    return edges.take(np.lexsort((edges.target, edges.source)))


@given(events=EVENTS, values=parameters())
def test_folding_equals_a_loop_over_the_events(events: Events, values: Parameters) -> None:
    edges = fold(events, values)
    pairs = sorted({(source, target) for source, target, *_ in events})
    assert list(zip(edges.source, edges.target, strict=True)) == pairs
    for row, pair in enumerate(pairs):
        mine = [(amount, time) for source, target, amount, time in events if (source, target) == pair]
        last = max(time for _, time in mine)
        assert (edges.as_of[row], edges.last_seen[row], edges.events[row]) == (last, last, len(mine))
        assert edges.first_seen[row] == min(time for _, time in mine)
        parts = [respond(np.array([amount]), (last - time) / DAY, values) for amount, time in mine]
        np.testing.assert_allclose(edges.fast[row], sum(part[0][0] for part in parts), rtol=1e-9, atol=1e-290)
        np.testing.assert_allclose(edges.slow[row], sum(part[1][0] for part in parts), rtol=1e-9, atol=1e-290)


@given(events=EVENTS, cut=st.integers(0, 40), seed=st.randoms(use_true_random=False), values=parameters())
def test_any_order_and_any_split_give_the_same_edges(
    events: Events, cut: int, seed: st.DataObject, values: Parameters
) -> None:
    shuffled = list(events)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = fold(shuffled[:cut], values), fold(shuffled[cut:], values)
    added, known = add_edges(one, other, values)
    rest = np.ones(len(one), dtype=bool)
    rest[common_pairs(one, other)[0]] = False
    assert known.sum() == (~rest).sum()
    assert_equal_edges(by_pair(concatenate(one.take(rest), added)), fold(events, values))


def test_an_event_of_a_past_before_as_of_is_added_exactly() -> None:
    values = Parameters()
    late = [(1, 2, 1.0, 100 * DAY)]
    early = [(1, 2, 1.0, 10 * DAY)]
    added, known = add_edges(fold(late, values), fold(early, values), values)
    assert known.all()
    assert_equal_edges(added, fold([*early, *late], values))


def test_adding_leaves_both_sides_as_they_were() -> None:
    one, other = fold([(1, 2, 1.0, 0)], Parameters()), fold([(1, 2, 1.0, DAY)], Parameters())
    add_edges(one, other, Parameters())
    assert_equal_edges(one, fold([(1, 2, 1.0, 0)], Parameters()))
    assert_equal_edges(other, fold([(1, 2, 1.0, DAY)], Parameters()))


def without(edges: Edges, gone: Edges, left: Edges, values: Parameters) -> Edges:
    """All that is left of the edges, those that lose nothing among them."""
    return by_pair(without_events(edges, gone, left, values))


@given(events=EVENTS, cut=st.integers(0, 40), values=parameters())
def test_what_was_taken_away_was_never_told(events: Events, cut: int, values: Parameters) -> None:
    gone, stays = fold(events[:cut], values), fold(events[cut:], values)
    assert_equal_edges(without(fold(events, values), gone, stays, values), stays)


@given(events=EVENTS, cut=st.integers(0, 40), later=st.integers(0, 400 * DAY), values=parameters())
def test_maintenance_before_does_not_matter(events: Events, cut: int, later: int, values: Parameters) -> None:
    whole, stays = fold(events, values), fold(events[cut:], values)
    passed = at(whole, 4000 * DAY + later, values)
    left = without(passed, fold(events[:cut], values), stays, values)
    expected = at(stays, 4000 * DAY + later, values)
    touched = np.isin(np.arange(len(left)), common_pairs(left, fold(events[:cut], values))[0])
    for name in ("fast", "slow"):
        mine, theirs = (getattr(each, name)[touched] for each in (left, expected))
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-290)


@given(events=EVENTS, extra=EVENTS, cut=st.integers(0, 40), values=parameters())
def test_events_of_no_ledger_stay_and_no_state_is_impossible(
    events: Events, extra: Events, cut: int, values: Parameters
) -> None:
    """What came without a ledger is reached by subtracting only, and never falls below what stays."""
    told, foreign, stays = fold(events, values), fold(extra, values), fold(events[cut:], values)
    both = superpose(concatenate(told, foreign), values)
    left = without(both, fold(events[:cut], values), stays, values)
    assert (left.fast >= 0).all()
    assert (left.slow >= 0).all()
    assert (left.events >= 1).all()
    assert (left.first_seen <= left.last_seen).all()
    assert len(left) == len(superpose(concatenate(stays, foreign), values))
    assert left.events.sum() == stays.events.sum() + foreign.events.sum()


@given(events=EVENTS, values=parameters())
def test_an_edge_that_maintenance_had_dropped_leaves_only_what_is_known(
    events: Events, values: Parameters
) -> None:
    """The store forgot an edge, was told of it again, and then forgets a document of before."""
    if len(events) < 2:
        return
    before, since = events[: len(events) // 2], events[len(events) // 2 :]
    left = without(fold(since, values), fold(before, values), fold(since, values), values)
    assert_equal_edges(left, fold(since, values))


@given(events=EVENTS, values=parameters())
def test_edges_are_known_by_their_events(events: Events, values: Parameters) -> None:
    whole = fold(events, values)
    assert not unaccounted(whole, whole, values).any()
    assert unaccounted(whole, fold(events[:0], values), values).all()
    if len(whole):
        more = superpose(concatenate(whole, whole.take(np.array([0]))), values)
        assert unaccounted(more, whole, values)[0]


@given(events=EVENTS, values=parameters())
def test_redirected_edges_are_those_of_redirected_events(events: Events, values: Parameters) -> None:
    moved = {1: 2, -3: 0}
    renamed = [
        (moved.get(source, source), moved.get(target, target), amount, time)
        for source, target, amount, time in events
        # what joins an entity with its own other name says nothing
        if moved.get(source, source) != moved.get(target, target) or source == target
    ]
    assert_equal_edges(by_pair(redirect_edges(fold(events, values), moved, values)), fold(renamed, values))


def at(edges: Edges, when: int, values: Parameters) -> Edges:
    """What a maintenance pass makes of edges."""
    fast, slow = propagate(edges.fast, edges.slow, (when - edges.as_of) / DAY, values)
    return replace(edges, fast=fast, slow=slow, as_of=np.full(len(edges), when))
