"""Which associates a recall finds without looking at all of them, against looking at all."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu.config import Parameters
from memini_kuzu.recall import follow as following
from memini_kuzu.recall.follow import BEAM, Wanted, follow
from memini_kuzu.recall.nodes import Nodes
from memini_kuzu.store.model.fans import NOTED, KnownFan, KnownFans
from memini_kuzu.store.outgoing import Gathered, Leading, States, strength_at, sums_of
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PARAMETERS = Parameters()

NOW = 1_000 * DAY

NOBODY = np.zeros(0, dtype=np.int64)

VALUES = st.one_of(st.just(0.0), st.floats(1e-280, 1e30), st.floats(-1e30, -1e-280))
"""Not so near to the least that a double can be that it has fewer bits."""


class Apart(Gathered):
    """With heads: the strongest association of each source is told apart from the others."""

    def __init__(self, found: Leading, passages: Ints, n: int) -> None:
        others = passages[found.target]
        total = sums_of(found.strength, found.source, n)
        super().__init__(
            found.source, found.target, others, others, found.strength, found.latest, total, unknown=0
        )
        self.asked_for: list[Ints] = []
        states = States(found.source, found.strength, np.zeros(len(others)), np.zeros(n))
        each = np.maximum(others - 1, 1)
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *states.foremost(1, each)])
        self.heads = Leading._make(column[rows] for column in self._all)
        fans = states.fans(rows, each)
        self.size = np.bincount(found.source, minlength=n)
        self.most, self.shared = fans.fast_most, fans.fast_shared

    def leading(self, sources: Ints) -> Leading:
        self.asked_for.append(sources)
        return super().leading(sources)


def world(seed: int, sources: int, associates: int, edges: int, *, names: int) -> tuple[Apart, Nodes, Floats]:
    """Sources of which some have many associates and some few, and their activation by two words."""
    rng = np.random.default_rng(seed)
    weight = rng.random(sources) ** 4
    pairs = np.unique(
        rng.choice(sources, edges, p=weight / weight.sum()) * associates
        + (associates * rng.random(edges) ** 2).astype(np.int64)
    )
    source, target = pairs // associates, pairs % associates
    strength = rng.random(len(pairs)) ** rng.integers(1, 30)
    strength[rng.random(len(pairs)) < 0.05] = 0.0
    led = Leading(source, target, strength, np.zeros(len(pairs), dtype=np.int64))
    y = rng.random((sources, 3)) ** 3
    y[rng.random(sources) < 0.2, :-1] = 0.0
    y[:, -1] = 0.0
    y[rng.choice(sources, min(names, sources), replace=False), -1] = 1.0
    mentions = rng.integers(0, 9, associates)
    nodes = Nodes(np.arange(sources), np.zeros(sources, dtype=np.int64), np.zeros(sources, dtype=np.int64))
    return Apart(led, mentions, sources), nodes, y


def followed(associates: Nodes, z: Floats, mass: Floats) -> list[int]:
    """The ids of those that are followed, first those that a name leads to."""
    worth = z[:, :-1] @ mass / np.maximum(associates.mentions - 1, 1)
    rows = np.flatnonzero(z.any(axis=1))
    order = np.lexsort((associates.id[rows], -worth[rows], ~(z[rows, -1] > 0)))
    return associates.id[rows[order[:BEAM]]].tolist()


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2**31),
    st.integers(1, 40),
    st.sampled_from([1, 30, 300, 3_000]),
    st.sampled_from([1, 10, 400, 4_000]),
    st.tuples(st.integers(0, 2), st.sampled_from([1, 10])),
)
def test_what_is_wanted_is_found_as_if_all_had_been_looked_at(
    seed: int, sources: int, associates: int, edges: int, names_active: tuple[int, int]
) -> None:
    names, active = names_active
    outgoing, nodes, y = world(seed, sources, associates, edges, names=names)
    mass = np.array([2.0, 0.5])
    wanted = Wanted(mass, np.array([0.8, 0.2, 1.0]), active)
    beam = np.random.default_rng(seed).permutation(sources)
    found = []
    for first in (10**9, 1):
        with patch.object(following, "FIRST", first):
            ends, z, led = follow(outgoing, beam, nodes, y, wanted)
        every = z @ wanted.weights
        own = dict(zip(nodes.id.tolist(), (y @ wanted.weights).tolist(), strict=True))
        total = {
            one: float(worth) + own.get(one, 0.0)
            for one, worth in zip(ends.id.tolist(), every.tolist(), strict=True)
        }
        total |= {one: worth for one, worth in own.items() if one not in total}
        best = sorted(total, key=lambda one: (-total[one], one))[:active]
        by_id = {one: z[row].tolist() for row, one in enumerate(ends.id.tolist())}
        chosen = followed(ends, z, mass)
        ways = sorted(
            zip(led.source.tolist(), ends.id[led.target].tolist(), led.strength.tolist(), strict=True)
        )
        found.append(
            (
                chosen,
                [by_id[one] for one in chosen],
                [(one, total[one]) for one in best],
                [way for way in ways if way[1] in set(chosen)],
            )
        )
    assert found[0] == found[1]


def test_of_hubs_few_associations_are_looked_at() -> None:
    rng = np.random.default_rng(3)
    few = np.repeat(np.arange(40), 5)
    source = np.concatenate([few, np.full(30_000, 40)])
    target = np.concatenate([rng.permutation(200), np.arange(30_000)])
    led = Leading(source, target, np.ones(len(source)), np.zeros(len(source), dtype=np.int64))
    outgoing = Apart(led, np.full(30_000, 3), 41)
    nodes = Nodes(np.arange(41) + 10**6, np.zeros(41, dtype=np.int64), np.zeros(41, dtype=np.int64))
    y = np.column_stack([np.ones(41), np.zeros(41)])
    ends, _, led = follow(outgoing, np.arange(41), nodes, y, Wanted(np.ones(1), np.ones(2), 10))
    assert 40 not in np.concatenate(outgoing.asked_for)
    assert len(ends.id) <= 250
    # and what the hub brings to those is there
    assert (led.source == 40).sum() == len(ends.id)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), VALUES), max_size=40))
def test_sums_do_not_depend_on_the_order(rows: list[tuple[int, float]]) -> None:
    owner = np.array([one for one, _ in rows], dtype=np.int64)
    values = np.array([value for _, value in rows], dtype=np.float64)
    found = sums_of(values, owner, 4)
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    assert sums_of(values[order], owner[order], 4).tolist() == found.tolist()
    for one in range(4):
        own = values[owner == one].tolist()
        exact = sum((Fraction(value) for value in own), Fraction(0))
        most = max(map(abs, own), default=0.0)
        assert abs(Fraction(float(found[one])) - exact) <= Fraction(most) * len(own) * Fraction(2) ** -52


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 60))
def test_the_sum_of_associations_moves_as_each_does(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 50))
    owner, others = rng.integers(0, 3, n), rng.integers(0, 9, n)
    fast, slow = rng.random((2, n))
    as_of = NOW - rng.integers(0, 100, n) * DAY
    now = NOW + days * DAY
    states = States.of(owner, fast, slow, as_of, 3, now, PARAMETERS)
    others = np.maximum(others - 1, 1)
    heads = np.concatenate(states.foremost(2, others))
    apart = np.isin(np.arange(n), heads)
    total, most, shared = states.fans(heads, others).at(now, PARAMETERS)
    strength = strength_at(now, fast, slow, as_of, PARAMETERS)
    for one in range(3):
        own = owner == one
        assert math.isclose(total[one], strength[own].sum(), rel_tol=1e-12, abs_tol=1e-300)
        rest = strength[own & ~apart]
        assert rest.max(initial=0.0) <= most[one] * (1 + 1e-12)
        each = rest / others[own & ~apart]
        assert each.max(initial=0.0) <= shared[one] * (1 + 1e-12)


def test_a_question_before_a_pass_is_answered_as_of_the_pass() -> None:
    state = (np.array([0]), np.array([1.0]), np.array([0.5]), np.array([NOW]))
    then = NOW - DAY
    states = States.of(*state, 1, then, PARAMETERS)
    total, _, _ = states.sums().at(then, PARAMETERS)
    assert total.tolist() == strength_at(then, *state[1:4], PARAMETERS).tolist() == [1.0]


def known(as_of: int) -> KnownFan:
    one = (np.array([0]), np.array([1.0]), np.array([0.0]), np.array([as_of]))
    states = States.of(*one, 1, as_of, PARAMETERS)
    return KnownFan(states.sums(), NOBODY)


def test_each_state_gets_the_fans_that_are_true_of_it() -> None:
    fans = KnownFans()
    fans.put([7, 8], 1, NOW, [known(NOW), known(NOW)])
    fans.changed(np.array([7]), 2)
    # a reader of the first state that is late
    fans.put([7], 1, NOW, [known(NOW)])
    assert [fan is None for fan in fans.get([7, 8], 2, NOW)] == [True, False]
    fans.put([7], 2, NOW, [known(NOW)])
    assert fans.get([7], 2, NOW) != [None]
    assert fans.get([7], 1, NOW) == [None]
    assert fans.get([7], 2, NOW - 1) == [None]
    fans.forget(3)
    assert fans.get([7, 8], 3, NOW) == [None, None]


def test_fans_made_for_one_question_are_not_kept() -> None:
    fans = KnownFans()
    fans.put([7], 1, NOW - 1, [known(NOW)])
    assert fans.get([7], 1, NOW) == [None]


@pytest.mark.parametrize("many", [1, NOTED + 1])
def test_changes_of_many_are_not_told_apart(many: int) -> None:
    fans = KnownFans()
    fans.put([-1], 1, NOW, [known(NOW)])
    fans.changed(np.arange(many), 2)
    assert (fans.get([-1], 2, NOW) == [None]) == (many > NOTED)
