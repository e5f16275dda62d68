"""Kernels that the evaluation compares with the fast variable, fitted by the same likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import chain as chains
import numpy as np

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import kernel
from memini_kuzu.insight.fitting import SLOW_LEAK
from memini_kuzu.insight.likelihood import Choices, Floats, minimise, numeric

if TYPE_CHECKING:
    from chain import Chain


__all__ = ["fit_chain", "fit_equal_capacities", "fit_power_law"]


def fit_power_law(data: Choices) -> float:
    """Fit Δ^(-d): d.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> 0 < fit_power_law(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))) < 3
    True
    """
    family = numeric(data.lags, lambda lag, theta: lag ** -theta[0])
    starts = [np.array([x]) for x in (0.3, 0.8, 1.5)]
    return float(minimise(data, family, starts, [(0.0, 10.0)], lambda: None)[0][0])


def fit_equal_capacities(data: Choices) -> Parameters:
    """Fit the fast variable with κ = 1, which bounds how far apart the two time constants can be.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> fit_equal_capacities(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))).capacity
    1.0
    """
    family = numeric(data.lags, lambda lag, theta: np.asarray(kernel(lag, equal_capacities(theta)).ff))
    starts = [np.log([f, s, c]) for f in (2.0, 20.0) for s in (20.0, 200.0) for c in (0.02, 0.1, 0.5)]
    bounds = [(np.log(0.1), np.log(1e4)), (0.0, np.log(1e5)), (np.log(1e-4), np.log(10.0))]
    return equal_capacities(minimise(data, family, starts, bounds, lambda: None)[0])


def equal_capacities(theta: Floats) -> Parameters:
    """Parameters with κ = 1 of (log τ_f, log τ_s/τ_f, log C).

    Examples
    --------
    >>> equal_capacities(np.log([2.0, 10.0, 0.5])).tau_slow.__round__(6)
    20.0
    """
    fast, ratio, coupling = (float(x) for x in np.exp(theta))
    return Parameters(tau_fast=fast, tau_slow=fast * max(ratio, 1.0), coupling=coupling, capacity=1.0)


def fit_chain(data: Choices, m: int, *, tau_slow: float = SLOW_LEAK) -> Chain:
    """Fit a chain of m variables: three parameters, whatever m, and τ_s given.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> fit_chain(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_)), 3).m
    3
    """

    def of(theta: Floats) -> Chain:
        tau, coupling, capacity = (float(x) for x in np.exp(theta))
        return chains.Chain(m, tau, tau_slow, coupling, max(1.0, capacity))

    family = numeric(data.lags, lambda lag, theta: chains.respond(lag, of(theta)))
    starts = [np.log([t, c, g]) for t in (5.0, 100.0) for c in (0.5, 1.0) for g in (2.0, 5.0, 30.0)]
    bounds = [(np.log(0.1), np.log(1e5)), (np.log(1e-3), np.log(20.0)), (0.0, np.log(1e3))]
    return of(minimise(data, family, starts, bounds, lambda: None)[0])
