"""Edges as columns: folding events, and adding edges to edges, whatever the order and the split."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import parameters, strengths

from memini_kuzu.associations import add_edges, associate, common_pairs, concatenate
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import respond
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
