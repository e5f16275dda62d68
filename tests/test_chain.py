"""The chain of m variables against the matrix exponential and against the two variables of a store."""

from __future__ import annotations

import chain as chains
import numpy as np
import pytest
from chain import Chain
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg
from strategies import magnitudes

from memini_kuzu import dynamics
from memini_kuzu.config import Parameters
from memini_kuzu.errors import InputError, ParameterError

DAYS = np.array([0.0, 1e-3, 0.5, 7.0, 300.0])


@st.composite
def drawn_chains(draw: st.DrawFn) -> Chain:
    return Chain(
        m=draw(st.integers(2, 8)),
        tau_fast=draw(magnitudes(0.1, 100)),
        tau_slow=draw(magnitudes(100, 1e4)),
        coupling=draw(magnitudes(1e-3, 10)),
        capacity=draw(magnitudes(1, 50)),
    )


def generator(chain: Chain) -> np.ndarray:
    """M of the equation, written out."""
    matrix = np.zeros((chain.m, chain.m))
    matrix[0, 0] -= 1 / chain.tau_fast
    matrix[-1, -1] -= 1 / chain.tau_slow
    for k in range(chain.m - 1):
        g = chain.coupling * float(chain.capacity) ** -k
        matrix[k, k] -= g / chain.capacity**k
        matrix[k, k + 1] += g / chain.capacity**k
        matrix[k + 1, k + 1] -= g / chain.capacity ** (k + 1)
        matrix[k + 1, k] += g / chain.capacity ** (k + 1)
    return matrix


@given(drawn_chains())
def test_the_propagator_is_the_exponential_of_the_equation(chain: Chain) -> None:
    for days, found in zip(DAYS, chains.kernel(DAYS, chain), strict=True):
        np.testing.assert_allclose(found, linalg.expm(generator(chain) * days), rtol=1e-8, atol=1e-11)


@given(magnitudes(0.1, 100), magnitudes(1, 100), magnitudes(1e-3, 10), magnitudes(1, 100))
def test_two_variables_are_those_of_a_store(
    fast: float, ratio: float, coupling: float, capacity: float
) -> None:
    parameters = Parameters(tau_fast=fast, tau_slow=fast * ratio, coupling=coupling, capacity=capacity)
    found = chains.kernel(DAYS, Chain.of(parameters))
    expected = dynamics.kernel(DAYS, parameters)
    for entry, values in zip(((0, 0), (0, 1), (1, 0), (1, 1)), expected, strict=True):
        np.testing.assert_allclose(found[:, *entry], values, rtol=1e-9, atol=1e-13)


@given(drawn_chains(), magnitudes(1e-3, 100), magnitudes(1e-3, 100))
def test_two_steps_are_one(chain: Chain, first: float, second: float) -> None:
    state = np.arange(1.0, 2 * chain.m + 1).reshape(2, chain.m)
    halfway = chains.propagate(state, first, chain)
    at_once = chains.propagate(state, np.full(2, first + second), chain)
    np.testing.assert_allclose(chains.propagate(halfway, second, chain), at_once, rtol=1e-8, atol=1e-11)


@given(drawn_chains())
def test_an_event_fades_by_positive_exponentials_that_begin_at_one(chain: Chain) -> None:
    modes = chains.modes(chain)
    assert (modes.rates > 0).all()
    assert modes.weights.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(chains.respond(DAYS, chain), chains.kernel(DAYS, chain)[:, 0, 0], rtol=1e-9)


def test_a_long_chain_forgets_as_a_power_law_where_two_variables_do_not() -> None:
    def slopes(chain: Chain) -> list[float]:
        """Of log strength over log lag, in each of three decades."""
        strength = np.log(chains.respond(np.array([3.0, 30.0, 300.0, 3000.0]), chain))
        return (np.diff(strength) / np.log(10)).tolist()

    assert slopes(Chain(9, tau_fast=1e6, tau_slow=1e6, coupling=0.5, capacity=2.0)) == pytest.approx(
        [-0.5] * 3, abs=0.1
    )
    two = slopes(Chain.of(Parameters()))
    assert max(two) - min(two) > 1


@pytest.mark.parametrize("wrong", [{"m": 1}, {"m": 3, "tau_fast": 0.0}, {"m": 3, "capacity": 0.5}])
def test_parameters_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=r"pass"):
        Chain(**wrong)  # type: ignore[arg-type]


def test_a_negative_time_and_a_wrong_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"-1"):
        chains.respond(-1.0, Chain(2))
    with pytest.raises(InputError, match="one row of 3 variables"):
        chains.propagate(np.ones((2, 2)), 1.0, Chain(3))
