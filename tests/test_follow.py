"""Which associates a recall finds without looking at all of them, against looking at all."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from fixtures_memory import corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_lookup import unlike

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.recall import follow as following
from memini_kuzu.recall.follow import BEAM, Wanted, follow
from memini_kuzu.recall.nodes import Nodes
from memini_kuzu.store import modes
from memini_kuzu.store.model import fans as known_fans
from memini_kuzu.store.model.columns import ASSOCIATES
from memini_kuzu.store.model.fans import FOLLOWED, HEADS, NOTED, Fan, KnownFans
from memini_kuzu.store.model.following import Following
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import Rows
from memini_kuzu.store.modes import BLOCK, LEAST, Modes, Parts, exact_sums, rounded
from memini_kuzu.store.outgoing import Gathered, Leading, strength_at, sums_of, totals
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.memory import Memory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

pytest_plugins = ["fixtures_memory"]

PARAMETERS = Parameters()

NOW = 1_000 * DAY

NOBODY = np.zeros(0, dtype=np.int64)

MODES = Modes.of(PARAMETERS)

HIDDEN = np.array([7, 8])
"""Entities that people have dropped."""

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
        at = np.zeros(n, dtype=np.int64)
        parts = Parts(found.source, found.strength, np.zeros(len(others)), at, at)
        each = np.maximum(others - 1, 1)
        rows = np.concatenate([NOBODY, *parts.foremost(1, each, 0, MODES)])
        self.heads = Leading._make(column[rows] for column in self._all)
        self.size = np.bincount(found.source, minlength=n)
        self.most, _, self.shared, _ = parts.most(rows, each)

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
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-1e300, 1e300)), max_size=40))
def test_exact_sums_are_not_rounded(rows: list[tuple[int, float]]) -> None:
    owner = np.array([one for one, _ in rows], dtype=np.int64)
    values = np.array([value for _, value in rows], dtype=np.float64)
    for one, found in enumerate(exact_sums(values, owner, 4)):
        expected = sum(map(Fraction, values[owner == one].tolist()), Fraction(0))
        assert Fraction(found, 2**LEAST) == expected
        assert rounded(found) == float(expected)


def test_exact_sums_of_many_values() -> None:
    rng = np.random.default_rng(5)
    values = rng.random(3 * BLOCK) * 10.0 ** rng.integers(-300, 300, 3 * BLOCK)
    [found] = exact_sums(np.append(values, -values[::2]), np.zeros(len(values) * 3 // 2, dtype=np.int64), 1)
    assert rounded(found) == math.fsum(values[1::2].tolist())


@settings(deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(0, 2_000),
    st.sampled_from([PARAMETERS, Parameters(1e-3, 2e-3, 0.1, 2.0), Parameters(1e4, 1e6, 1e-6, 1.0)]),
)
def test_the_sum_of_associations_moves_as_each_does(seed: int, days: int, parameters: Parameters) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 50))
    owner, others = rng.integers(0, 3, n), np.maximum(rng.integers(0, 9, n) - 1, 1)
    fast, slow = propagate(rng.random(n), np.zeros(n), rng.integers(0, 100, n), parameters)
    as_of = NOW - rng.integers(0, 100, n) * DAY
    now = NOW + days * DAY
    with patch.object(modes, "MANY", 1):
        total = totals(owner, fast, slow, as_of, 3, now, parameters)
    both = Modes.of(parameters)
    own, owner = np.unique(owner, return_inverse=True)
    parts = Parts.of(owner, fast, slow, as_of, len(own), both)
    strength = strength_at(now, fast, slow, as_of, parameters)
    with patch.object(known_fans, "HEADS", 2):
        fans = Fan.each(parts, np.arange(n, dtype=np.int32), others, now, both)
    summed, most, shared = Fan.at(fans, now)
    assert total[own].tolist() == summed.tolist()
    for one, fan in enumerate(fans):
        ours = owner == one
        assert math.isclose(summed[one], strength[ours].sum(), rel_tol=1e-12, abs_tol=1e-250)
        ours[fan.heads] = False
        assert strength[ours].max(initial=0.0) <= most[one] * (1 + 1e-12)
        assert (strength / others)[ours].max(initial=0.0) <= shared[one] * (1 + 1e-12)


def test_a_question_before_a_pass_is_answered_as_of_the_pass() -> None:
    one = (np.array([0]), np.array([1.0]), np.array([0.5]), np.array([NOW]))
    with patch.object(modes, "MANY", 1):
        assert totals(*one, 1, NOW - DAY, PARAMETERS).tolist() == [1.0]


def test_what_was_summed_in_another_order_is_the_same() -> None:
    rng = np.random.default_rng(4)
    owner, order = rng.integers(0, 2, 5_000), rng.permutation(5_000)
    fast, slow = propagate(rng.random(5_000), np.zeros(5_000), 3.0, PARAMETERS)
    columns = (owner, fast, slow, NOW - rng.integers(0, 2_000 * DAY, 5_000))
    one = totals(*columns, 2, NOW, PARAMETERS)
    assert totals(*(each[order] for each in columns), 2, NOW, PARAMETERS).tolist() == one.tolist()


class Told:
    """Associations that lead from the entities 0 to 3, and what is known of all that leads from each."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.table = Rows.none(ASSOCIATES, ("pair",))
        self.version, self.now = 0, NOW
        self.fans = KnownFans()
        self.others = self.rng.integers(1, 9, 40)

    def change(self, gone: int, new: int, *, pair: Ints | None = None) -> None:
        """So many end, and others come."""
        self.version += 1
        ended = self.rng.permutation(self.table.all())[:gone].astype(np.int32)
        before = self.table
        if gone:
            self.table = self.table.without(self.version, ended)
        known = pairs(self.rng.integers(0, 4, new), self.rng.integers(0, 40, new))
        values = {name: np.zeros(new, dtype=kind) for name, kind in ASSOCIATES.items()}
        values |= {"pair": known if pair is None else pair}
        days = self.rng.integers(0, 100, new)
        values["fast"], values["slow"] = propagate(self.rng.random(new), np.zeros(new), days, PARAMETERS)
        values["as_of"] = self.now - self.rng.integers(0, 3, new) * self.rng.integers(0, 2) * DAY
        self.table = self.table.plus(self.version, values)
        came = np.arange(before.n, self.table.n, dtype=np.int32)
        self.fans.changed(self.version, self.table, ended, came, HIDDEN)

    def anew(self) -> tuple[Ints, list[Fan]]:
        """What leads from each entity that anything leads from, from all associations."""
        rows = self.table.all().astype(np.int32)
        source, target = unpaired(self.table.take("pair", rows))
        seen = ~np.isin(target, HIDDEN)
        rows, target = rows[seen], target[seen]
        own, owner = np.unique(source[seen], return_inverse=True)
        columns = (self.table.take(name, rows) for name in ("fast", "slow", "as_of"))
        parts = Parts.of(owner, *columns, len(own), MODES)
        with patch.object(known_fans, "HEADS", 2):
            return own, Fan.each(parts, rows, self.others[target], self.now, MODES)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_fans_that_follow_changes_are_those_made_anew(seed: int) -> None:
    told = Told(seed)
    told.change(0, 60)
    followed = 0
    for _ in range(12):
        own, fans = told.anew()
        told.fans.put(own.tolist(), told.version, fans)
        told.now += int(told.rng.choice([0, 60_000, DAY, 40 * DAY]))
        told.change(int(told.rng.integers(0, 4)), int(told.rng.integers(0, 5)))
        own, anew = told.anew()
        for fan, expected in zip(told.fans.get(own.tolist(), told.version), anew, strict=True):
            if fan is None:
                continue
            followed += 1
            assert fan._replace(most=expected.most, heads=NOBODY) == expected._replace(heads=NOBODY)
            check_bounds(told, fan, int(own[anew.index(expected)]))
    assert followed


def check_bounds(told: Told, fan: Fan, source: int) -> None:
    """What is no head does not exceed what is known of it."""
    rows = told.table.all()
    pair = unpaired(told.table.take("pair", rows))
    rest = (pair[0] == source) & ~np.isin(pair[1], HIDDEN) & ~np.isin(rows, fan.heads)
    assert np.isin(fan.heads, rows).all()
    rows, others = rows[rest], told.others[pair[1][rest]]
    fast, slow, as_of = (told.table.take(name, rows) for name in ("fast", "slow", "as_of"))
    for days in (0, 1, 100):
        now = told.now + days * DAY
        strength = strength_at(now, fast, slow, as_of, PARAMETERS)
        _, most, shared = Fan.at([fan], now)
        assert strength.max(initial=0.0) <= most[0] * (1 + 1e-12)
        assert (strength / others).max(initial=0.0) <= shared[0] * (1 + 1e-12)


def test_each_state_gets_the_fans_that_are_true_of_it() -> None:
    told = Told(1)
    told.change(0, 2, pair=pairs(np.array([1, 2]), np.array([5, 5])))
    _, [one, other] = told.anew()
    fans = told.fans
    fans.put([1, 2], 1, [one, other])
    told.change(0, 1, pair=pairs(np.array([1]), np.array([6])))
    # the next state has what followed, the first one what it had, where nothing changed
    [followed, same] = fans.get([1, 2], 2)
    assert followed is not None
    assert (followed.number, same) == (2, other)
    assert fans.get([1, 2], 1) == [None, other]
    # a reader of the first state that is late
    fans.put([1], 1, [one])
    assert fans.get([1], 2) == [followed]
    fans.put([3], 2, [one])
    assert fans.get([3], 1) == [None]
    fans.forget(3)
    assert fans.get([1, 2], 3) == [None, None]


def test_what_began_before_a_change_is_not_kept_after_it() -> None:
    told = Told(1)
    told.change(0, 1, pair=pairs(np.array([1]), np.array([5])))
    [_, [one]] = told.anew()
    told.change(0, 1, pair=pairs(np.array([1]), np.array([6])))
    told.fans.put([1], 1, [one])
    assert told.fans.get([1], 2) == [None]
    told.change(0, 1, pair=pairs(np.array([1]), np.array([7])))
    assert told.fans.get([1], 3) == [None]


def test_so_many_changed_ones_are_not_told_apart() -> None:
    told = Told(1)
    told.change(0, 1, pair=pairs(np.array([1]), np.array([5])))
    [_, [one]] = told.anew()
    told.fans.put([1], 1, [one])
    for first in range(10, 10 + 5 * FOLLOWED * HEADS, HEADS):
        told.change(0, HEADS, pair=pairs(np.ones(HEADS, dtype=np.int64), first + np.arange(HEADS)))
    assert told.fans.get([1], told.version) == [None]


@pytest.mark.parametrize("many", [1, NOTED + 1])
def test_changes_of_many_are_not_noted_one_by_one(many: int) -> None:
    told = Told(1)
    told.change(0, 1, pair=pairs(np.array([0]), np.array([5])))
    [_, [one]] = told.anew()
    told.fans.put([0], 1, [one])
    told.change(0, many, pair=pairs(np.arange(1, many + 1), np.full(many, 5)))
    assert (told.fans.get([0], 2) == [None]) == (many > NOTED)


def test_nothing_is_gathered_anew_after_a_sentence(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "MANY", 2)
    memory.add(corpus(57, 60))
    memory.consolidate()
    store = memory._store
    store._engine.hold(None)
    # all is gathered when it is read
    store.hold()
    monkeypatch.setattr(Following, "_fans", None)
    for number in range(10):
        memory.remember(f"Ada gave Bob the lantern {number}.", source="now")
        assert len(memory.recall("What did Ada give to Bob?"))
        assert not unlike(store)
