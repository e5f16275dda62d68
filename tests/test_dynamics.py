"""The dynamics against mathematics: other ways to the same numbers, and the laws they must obey."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mpmath import mp
from numpy.typing import NDArray
from scipy.linalg import expm
from strategies import CENTURY, MICROSECOND, columns, days, magnitudes, parameters, strengths

from memini_kuzu import dynamics
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import propagation
from memini_kuzu.errors import InputError

Column = NDArray[np.float64]

DEFAULTS = Parameters()
TOLERANCE = 1e-12
NORMAL = 1e-300  # below this a float64 runs out of digits
SIZE = 3


def exact_kernel(dt: float, values: Parameters) -> dict[str, mp.mpf]:
    """The matrix exponential of the equation, to 50 digits, by Taylor series and squaring."""
    # 50 digits are left when the largest norm here (4e8) has taken 9 and the least share (1e-22) 22.
    with mp.workdps(90):
        tau_fast, tau_slow = mp.mpf(values.tau_fast), mp.mpf(values.tau_slow)
        coupling, capacity = mp.mpf(values.coupling), mp.mpf(values.capacity)
        generator = mp.matrix(
            [
                [-1 / tau_fast - coupling, coupling],
                [coupling / capacity, -1 / tau_slow - coupling / capacity],
            ]
        )
        power = mp.expm(generator * mp.mpf(dt))
        return {"ff": power[0, 0], "fs": power[0, 1], "sf": power[1, 0], "ss": power[1, 1]}


def assert_exact(dt: float, values: Parameters) -> None:
    entries = dynamics.kernel(dt, values)._asdict()
    for name, truth in exact_kernel(dt, values).items():
        entry = float(entries[name])
        assert math.isfinite(entry)
        if truth > NORMAL:
            error = float(abs(mp.mpf(entry) / truth - 1))
            assert error < TOLERANCE, f"p_{name} of Δ = {dt!r}, {values}: off by {error:.1e}"
        else:
            assert 0 <= entry <= 2 * NORMAL


@given(dt=days(), values=parameters())
@example(dt=MICROSECOND, values=DEFAULTS)
@example(dt=10 * CENTURY, values=DEFAULTS)
def test_kernel_equals_the_matrix_exponential_to_50_digits(dt: float, values: Parameters) -> None:
    assert_exact(dt, values)


@given(decay=magnitudes(1e-3, 690.0), values=parameters())
def test_kernel_is_exact_wherever_the_slow_mode_is_left(decay: float, values: Parameters) -> None:
    # Any Δ, however long: the last digits go where λ1 Δ is large and the value still a normal float.
    assert_exact(decay / dynamics.spectrum(values).rate_slow, values)


@pytest.mark.parametrize("tau_fast", [1e-3, 5.0, 1e4])
@pytest.mark.parametrize("ratio", [1.01, 730.0, 1e6])
def test_kernel_is_exact_at_the_corners_of_the_range(tau_fast: float, ratio: float) -> None:
    for coupling, capacity in itertools.product([1e-6, 1e3], [1.0, 1e4]):
        values = Parameters(
            tau_fast=tau_fast, tau_slow=tau_fast * ratio, coupling=coupling, capacity=capacity
        )
        for dt in (MICROSECOND, 1.0, 10 * CENTURY):
            assert_exact(dt, values)


@pytest.mark.parametrize("dt", [0.001, 0.5, 3.0, 30.0, 1000.0])
@pytest.mark.parametrize("capacity", [1.0, 40.0])
def test_kernel_equals_scipys_matrix_exponential(dt: float, capacity: float) -> None:
    values = replace(DEFAULTS, capacity=capacity)
    coupling = values.coupling
    generator = np.array(
        [
            [-1 / values.tau_fast - coupling, coupling],
            [coupling / capacity, -1 / values.tau_slow - coupling / capacity],
        ]
    )
    p = dynamics.kernel(dt, values)
    np.testing.assert_allclose([[p.ff, p.fs], [p.sf, p.ss]], expm(generator * dt), rtol=1e-10)


def test_kernel_solves_the_differential_equation() -> None:
    # A central difference around t: independent of every matrix exponential.
    t, h = 2.0, 1e-4
    before, now, after = (dynamics.kernel(t + step, DEFAULTS) for step in (-h, 0.0, h))
    slope_fast, slope_slow = (after.ff - before.ff) / (2 * h), (after.sf - before.sf) / (2 * h)
    flow = DEFAULTS.coupling * (now.sf - now.ff)
    assert slope_fast == pytest.approx(-now.ff / DEFAULTS.tau_fast + flow, rel=1e-7)
    assert slope_slow == pytest.approx(-now.sf / DEFAULTS.tau_slow - flow / DEFAULTS.capacity, rel=1e-7)


def test_kernel_of_a_column_equals_the_kernel_of_each_value() -> None:
    dt = np.array([0.0, MICROSECOND, 1.0, 300.0, CENTURY])
    together = np.array(dynamics.kernel(dt, DEFAULTS))
    each = np.array([dynamics.kernel(float(value), DEFAULTS) for value in dt]).T
    np.testing.assert_allclose(together, each, rtol=1e-14)


@given(values=parameters())
def test_kernel_of_no_time_is_exactly_the_identity(values: Parameters) -> None:
    assert [float(entry) for entry in dynamics.kernel(0.0, values)] == [1.0, 0.0, 0.0, 1.0]


@given(fast=columns(strengths(), SIZE), slow=columns(strengths(), SIZE), values=parameters())
def test_propagating_by_no_time_changes_no_bit(fast: Column, slow: Column, values: Parameters) -> None:
    for dt in (0.0, np.zeros(SIZE)):
        after = dynamics.propagate(fast, slow, dt, values)
        np.testing.assert_array_equal(after, (fast, slow))


def test_after_endless_time_nothing_is_left() -> None:
    fast, slow = dynamics.propagate(np.ones(2), np.ones(2), np.array([1e12, np.inf]), DEFAULTS)
    np.testing.assert_array_equal((fast, slow), np.zeros((2, 2)))


@given(
    fast=columns(strengths(), SIZE),
    slow=columns(strengths(), SIZE),
    first=columns(days(), SIZE),
    second=columns(days(), SIZE),
    values=parameters(),
)
def test_two_steps_equal_one(
    fast: Column, slow: Column, first: Column, second: Column, values: Parameters
) -> None:
    halfway = dynamics.propagate(fast, slow, first, values)
    in_two = dynamics.propagate(*halfway, second, values)
    in_one = dynamics.propagate(fast, slow, first + second, values)
    # 1e-11: the rounding of first + second alone costs λ Δ ulps of the result.
    np.testing.assert_allclose(in_two, in_one, rtol=1e-11, atol=NORMAL)


def test_a_thousand_daily_steps_equal_one() -> None:
    fast, slow = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    stepped = fast, slow
    for _ in range(1000):
        stepped = dynamics.propagate(*stepped, 1.0, DEFAULTS)
    np.testing.assert_allclose(stepped, dynamics.propagate(fast, slow, 1000.0, DEFAULTS), rtol=1e-11)


@given(
    fast=columns(strengths(), SIZE),
    slow=columns(strengths(), SIZE),
    dt=columns(days(), SIZE),
    values=parameters(),
)
def test_propagate_applies_the_kernel_of_each_edge(
    fast: Column, slow: Column, dt: Column, values: Parameters
) -> None:
    p = dynamics.kernel(dt, values)
    after = dynamics.propagate(fast, slow, dt, values)
    np.testing.assert_allclose(after, (p.ff * fast + p.fs * slow, p.sf * fast + p.ss * slow), rtol=1e-14)


def test_propagate_is_the_same_across_blocks() -> None:
    random = np.random.default_rng(1)
    size = 2 * propagation.BLOCK + 3
    fast, slow, dt = random.random(size), random.random(size), 100 * random.random(size)
    after = np.array(dynamics.propagate(fast, slow, dt, DEFAULTS))
    some = np.array([0, propagation.BLOCK - 1, propagation.BLOCK, 2 * propagation.BLOCK, size - 1])
    alone = dynamics.propagate(fast[some], slow[some], dt[some], DEFAULTS)
    np.testing.assert_allclose(after[:, some], alone, rtol=1e-14)
    shared = dynamics.propagate(fast, slow, 7.0, DEFAULTS)
    np.testing.assert_allclose(shared, dynamics.propagate(fast, slow, np.full(size, 7.0), DEFAULTS), rtol=0)
    p = dynamics.kernel(7.0, DEFAULTS)
    np.testing.assert_allclose(shared, (p.ff * fast + p.fs * slow, p.sf * fast + p.ss * slow), rtol=1e-14)


def test_propagate_leaves_its_arguments_unchanged() -> None:
    fast, slow, dt = np.ones(3), np.full(3, 0.5), np.array([1.0, 2.0, 3.0])
    for column in (fast, slow, dt):
        column.flags.writeable = False  # as Arrow hands them on
    after = dynamics.propagate(fast, slow, dt, DEFAULTS)
    assert not any(np.shares_memory(new, old) for new in after for old in (fast, slow))


def test_propagating_no_edges_gives_no_edges() -> None:
    for dt in (1.0, np.empty(0)):
        fast, slow = dynamics.propagate(np.empty(0), np.empty(0), dt, DEFAULTS)
        assert fast.shape == slow.shape == (0,)


@given(
    amount=columns(strengths(), SIZE),
    gaps=columns(days(), SIZE),
    values=parameters(),
)
def test_fold_equals_living_through_the_events(amount: Column, gaps: Column, values: Parameters) -> None:
    # One edge, event by event: an impulse, then the time to the next one.
    fast, slow = np.zeros(1), np.zeros(1)
    for impulse, gap in zip(amount, gaps, strict=True):
        fast, slow = dynamics.propagate(dynamics.potentiate(fast, impulse), slow, float(gap), values)
    since = np.cumsum(gaps[::-1])[::-1]
    folded = dynamics.fold(np.zeros(SIZE, dtype=np.int64), 1, amount, since, values)
    np.testing.assert_allclose(folded, (fast, slow), rtol=1e-11, atol=NORMAL)


@given(
    group=st.lists(st.integers(0, 2), min_size=SIZE, max_size=SIZE),
    amount=columns(strengths(), SIZE),
    dt=columns(days(), SIZE),
    values=parameters(),
    shuffle=st.tuples(st.permutations(range(SIZE)), st.integers(0, SIZE)),
)
def test_fold_does_not_depend_on_order_or_split(
    group: list[int], amount: Column, dt: Column, values: Parameters, shuffle: tuple[list[int], int]
) -> None:
    groups = np.array(group, dtype=np.int64)
    order, cut = shuffle
    whole = dynamics.fold(groups, 3, amount, dt, values)
    shuffled = dynamics.fold(groups[order], 3, amount[order], dt[order], values)
    np.testing.assert_allclose(shuffled, whole, rtol=1e-14)
    head = dynamics.fold(groups[:cut], 3, amount[:cut], dt[:cut], values)
    tail = dynamics.fold(groups[cut:], 3, amount[cut:], dt[cut:], values)
    np.testing.assert_allclose(np.add(head, tail), whole, rtol=1e-14)


def test_fold_sums_each_group_apart_and_leaves_the_others_at_zero() -> None:
    group = np.array([2, 0, 2], dtype=np.int64)
    fast, slow = dynamics.fold(group, 4, np.array([1.0, 2.0, 3.0]), np.zeros(3), DEFAULTS)
    np.testing.assert_array_equal(fast, [2.0, 0.0, 4.0, 0.0])
    np.testing.assert_array_equal(slow, np.zeros(4))


def test_folding_no_events_gives_zeros() -> None:
    fast, slow = dynamics.fold(np.empty(0, dtype=np.int64), 2, np.empty(0), np.empty(0), DEFAULTS)
    assert fast.dtype == slow.dtype == np.float64
    np.testing.assert_array_equal((fast, slow), np.zeros((2, 2)))


@given(early=days(), late=days(), rest=days(), values=parameters())
def test_a_late_event_is_added_exactly(early: float, late: float, rest: float, values: Parameters) -> None:
    # Events in order, the second `early` days after the first and `late + rest` before now ...
    one, nothing = np.ones(1), np.zeros(1)
    fast, slow = dynamics.propagate(one, nothing, early, values)
    in_order = dynamics.propagate(dynamics.potentiate(fast, 1.0), slow, late + rest, values)
    # ... and the second told of only `late` days after it happened.
    stored = dynamics.propagate(one, nothing, early + late, values)
    with_late = np.add(stored, dynamics.respond(one, late, values))
    told_late = dynamics.propagate(with_late[0], with_late[1], rest, values)
    np.testing.assert_allclose(told_late, in_order, rtol=1e-11, atol=NORMAL)


def test_taking_events_back_leaves_what_never_saw_them() -> None:
    random = np.random.default_rng(2)
    amount, dt = random.random(100), 500 * random.random(100)
    group = random.integers(0, 10, 100)
    kept = np.arange(100) < 60
    everything = np.array(dynamics.fold(group, 10, amount, dt, DEFAULTS))
    taken = dynamics.fold(group[~kept], 10, -amount[~kept], dt[~kept], DEFAULTS)
    never = dynamics.fold(group[kept], 10, amount[kept], dt[kept], DEFAULTS)
    np.testing.assert_allclose(everything + taken, never, rtol=0, atol=1e-15 * everything.max() * 10)


@given(
    amount=columns(strengths(), SIZE),
    dt=columns(days(), SIZE),
    ages=st.tuples(days(), days()),
    values=parameters(),
)
def test_merge_equals_one_memory_of_all_events_from_either_side(
    amount: Column, dt: Column, ages: tuple[float, float], values: Parameters
) -> None:
    group = np.arange(SIZE, dtype=np.int64)
    age_a, age_b = ages
    a = (*dynamics.fold(group, SIZE, amount, dt, values), age_a)
    b = (*dynamics.fold(group, SIZE, amount[::-1], dt[::-1], values), age_b)
    merged = dynamics.merge(*a, *b, values)
    np.testing.assert_array_equal(merged, dynamics.merge(*b, *a, values))
    both = np.concatenate([group, group])
    amounts = np.concatenate([amount, amount[::-1]])
    since = np.concatenate([dt + age_a, dt[::-1] + age_b])
    at_once = dynamics.fold(both, SIZE, amounts, since, values)
    np.testing.assert_allclose(merged, at_once, rtol=1e-11, atol=NORMAL)


@given(
    fast=columns(strengths(), SIZE),
    slow=columns(strengths(), SIZE),
    dt=columns(days(), SIZE),
    values=parameters(),
)
def test_without_events_the_peak_never_grows(
    fast: Column, slow: Column, dt: Column, values: Parameters
) -> None:
    before = dynamics.peak(fast, slow)
    after = dynamics.propagate(fast, slow, dt, values)
    assert np.all(dynamics.peak(*after) <= before * (1 + 1e-14))
    assert np.all(np.minimum(*after) >= 0)


def test_the_peak_is_the_larger_variable() -> None:
    np.testing.assert_array_equal(dynamics.peak(np.array([1.0, 2.0]), np.array([3.0, 0.5])), [3.0, 2.0])


def test_what_either_variable_holds_at_the_threshold_is_retained() -> None:
    fast, slow = np.array([0.1, 0.0, 0.09, 0.5]), np.array([0.0, 0.1, 0.09, 0.5])
    np.testing.assert_array_equal(dynamics.retained(fast, slow, 0.1), [True, True, False, True])


def test_an_edge_faint_in_the_fast_variable_can_return_and_is_retained() -> None:
    fast, slow = np.zeros(1), np.ones(1)
    later, _ = dynamics.propagate(fast, slow, 5.0, DEFAULTS)
    assert later[0] > 0.5
    assert dynamics.retained(fast, slow, 0.5)[0]


def test_an_impulse_adds_to_the_fast_variable_and_leaves_its_argument() -> None:
    fast = np.array([0.5, 0.0])
    np.testing.assert_array_equal(dynamics.potentiate(fast, np.array([1.0, 2.0])), [1.5, 2.0])
    np.testing.assert_array_equal(fast, [0.5, 0.0])


@given(amount=columns(strengths(), SIZE), dt=columns(days(), SIZE), values=parameters())
def test_a_response_is_an_impulse_propagated(amount: Column, dt: Column, values: Parameters) -> None:
    propagated = dynamics.propagate(dynamics.potentiate(np.zeros(SIZE), amount), np.zeros(SIZE), dt, values)
    np.testing.assert_allclose(dynamics.respond(amount, dt, values), propagated, rtol=1e-14)


def test_the_defaults_act_like_1_2_and_252_days_with_a_slow_share_of_1_4_percent() -> None:
    fast, slow, slow_share = dynamics.time_constants(DEFAULTS)
    assert fast == pytest.approx(1.23258, abs=1e-5)
    assert slow == pytest.approx(252.023, abs=1e-3)
    assert slow_share == pytest.approx(0.0140041, abs=1e-7)


def test_time_constants_are_those_of_the_response() -> None:
    # Long after the fast mode is gone, the response is the slow exponential with its share.
    _, slow, slow_share = dynamics.time_constants(DEFAULTS)
    (late, later), _ = dynamics.respond(np.ones(2), np.array([200.0, 300.0]), DEFAULTS)
    assert 100.0 / math.log(late / later) == pytest.approx(slow, rel=1e-12)
    assert late * math.exp(200.0 / slow) == pytest.approx(slow_share, rel=1e-12)


@given(values=parameters(capacity=1.0))
def test_with_equal_capacities_the_time_constants_stay_close(values: Parameters) -> None:
    fast, slow, slow_share = dynamics.time_constants(values)
    cosine = 1 - 2 * slow_share
    q = math.sqrt(1 - cosine**2) + cosine
    if q - 1 > 1e-6:  # nearer to 1 the difference has no digits left
        assert slow / fast <= (q + 1) / (q - 1) * (1 + 1e-6)


def test_with_equal_capacities_a_slow_share_of_1_4_percent_caps_the_ratio_at_10_7() -> None:
    # The cap is reached where τ_s has no end; there δ = 1/(2 τ_f), so C τ_f = ½ tan θ with cos θ = δ/r.
    coupling = math.tan(math.acos(1 - 2 * 0.014)) / 2 / DEFAULTS.tau_fast
    endless = Parameters(tau_fast=DEFAULTS.tau_fast, tau_slow=1e12, coupling=coupling, capacity=1.0)
    fast, slow, slow_share = dynamics.time_constants(endless)
    assert slow_share == pytest.approx(0.014, rel=1e-9)
    assert slow / fast == pytest.approx(10.7, abs=0.05)
    # The default capacity lifts it at the same share.
    fast, slow, slow_share = dynamics.time_constants(DEFAULTS)
    assert slow_share == pytest.approx(0.014, rel=1e-3)
    assert slow / fast > 200


@given(values=parameters())
@example(values=Parameters(tau_fast=3.0, tau_slow=3.03, coupling=1e-6, capacity=1.0))
@example(values=Parameters(tau_fast=1e4, tau_slow=1.01e4, coupling=1e-6, capacity=1e4))
def test_the_spectrum_is_good_to_its_last_digits(values: Parameters) -> None:
    constants = dynamics.spectrum(values)
    with mp.workdps(90):
        coupling, capacity = mp.mpf(values.coupling), mp.mpf(values.capacity)
        a, d = 1 / mp.mpf(values.tau_fast) + coupling, 1 / mp.mpf(values.tau_slow) + coupling / capacity
        m, delta = (a + d) / 2, (a - d) / 2
        r = mp.sqrt(delta**2 + coupling**2 / capacity)
        truth = {
            "rate_slow": m - r,
            "rate_fast": m + r,
            "share_slow": (1 - delta / r) / 2,
            "share_fast": (1 + delta / r) / 2,
            "exchange": coupling / (2 * r),
            "feed": coupling / (2 * r * capacity),
            "gap": 2 * r,
        }
        errors = {name: float(abs(getattr(constants, name) / value - 1)) for name, value in truth.items()}
    assert max(errors.values()) < 3e-15, errors


@given(values=parameters())
def test_the_spectrum_holds_the_rates_and_shares_of_the_matrix(values: Parameters) -> None:
    constants = dynamics.spectrum(values)
    a = 1 / values.tau_fast + values.coupling
    d = 1 / values.tau_slow + values.coupling / values.capacity
    assert constants.rate_slow + constants.rate_fast == pytest.approx(a + d, rel=1e-14)  # trace
    assert constants.rate_fast - constants.rate_slow == pytest.approx(constants.gap, rel=1e-9)
    assert constants.share_slow + constants.share_fast == 1.0
    assert 0 < constants.share_slow <= 0.5
    assert constants.exchange == pytest.approx(values.coupling / constants.gap, rel=1e-14)
    assert constants.feed == pytest.approx(constants.exchange / values.capacity, rel=1e-14)
    # Slow and fast shares of an eigenvector basis: exchange · feed = share_slow · share_fast.
    product = constants.share_slow * constants.share_fast
    assert constants.exchange * constants.feed == pytest.approx(product, rel=1e-13)


def test_equal_time_constants_and_capacities_make_equal_shares() -> None:
    constants = dynamics.spectrum(Parameters(tau_fast=7.0, tau_slow=7.0, coupling=0.3, capacity=1.0))
    assert constants.share_slow == constants.share_fast == 0.5
    assert constants.rate_slow == pytest.approx(1 / 7, rel=1e-15)
    assert constants.rate_fast == pytest.approx(1 / 7 + 0.6, rel=1e-15)


@pytest.mark.parametrize("bad", [-3.0, np.nan, -np.inf, -MICROSECOND])
def test_time_that_runs_backwards_is_refused_by_value_and_position(bad: float) -> None:
    dt = np.ones(10)
    dt[[7, 9]] = bad, -9.0
    message = rf"dt = {bad} days at position 7; pass a time no earlier than the edge's as_of"
    ones, group = np.ones(10), np.zeros(10, dtype=np.int64)
    with pytest.raises(InputError, match=message):
        dynamics.propagate(ones, ones, dt, DEFAULTS)
    with pytest.raises(InputError, match=message):
        dynamics.kernel(dt, DEFAULTS)
    with pytest.raises(InputError, match=message):
        dynamics.fold(group, 1, ones, dt, DEFAULTS)
    with pytest.raises(InputError, match=message):
        dynamics.merge(ones, ones, 0.0, ones, ones, dt, DEFAULTS)


def test_one_bad_time_for_all_edges_is_refused_without_a_position() -> None:
    with pytest.raises(InputError, match=r"dt = -3\.0 days; pass a time no earlier than the edge's as_of"):
        dynamics.propagate(np.ones(2), np.ones(2), -3.0, DEFAULTS)


@pytest.mark.parametrize(("slow", "dt"), [(1, 1.0), (3, np.ones(1)), (3, np.ones(2))])
def test_columns_of_different_lengths_are_refused(slow: int, dt: float | Column) -> None:
    with pytest.raises(InputError, match="differ in shape; pass one value an edge"):
        dynamics.propagate(np.ones(3), np.ones(slow), dt, DEFAULTS)


@pytest.mark.parametrize("bad", [-1, 2])
def test_a_group_outside_its_range_is_refused_by_value_and_position(bad: int) -> None:
    group = np.array([0, 1, bad], dtype=np.int64)
    with pytest.raises(InputError, match=rf"group = {bad} at position 2; pass groups from 0 to 1"):
        dynamics.fold(group, 2, np.ones(3), np.ones(3), DEFAULTS)
