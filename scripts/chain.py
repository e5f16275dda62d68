r"""A chain of m coupled variables: the model of Benna and Fusi of which `dynamics` is the case m = 2.

The equation, for the variables u_1 (what recall would read) to u_m of one edge::

    c_k du_k/dt = -c_k ℓ_k u_k + g_(k-1) (u_(k-1) - u_k) + g_k (u_(k+1) - u_k) + [k = 1] I(t)

    c_k = κ^(k-1),  g_k = C κ^(1-k),  ℓ_1 = 1/τ_f,  ℓ_m = 1/τ_s,  ℓ_k = 0 between

Capacities grow and couplings shrink by κ a link, so each variable is κ² slower than the one before it. With
D = diag(√c) the matrix D M D⁻¹ is symmetric, so that its eigenvectors V are orthonormal and

    P(Δ) = e^(MΔ) = D⁻¹ V e^(-ΛΔ) Vᵀ D,        p_11 = Σ_i V_1i² e^(-λ_i Δ)

p_11 is a sum of m exponentials with positive weights. Their time constants are spaced evenly on a logarithmic
scale, and so a long chain forgets as a power law over the range that it spans, where two variables forget
exponentially. `kernel` and `propagate` are called as those of `dynamics` are; stores hold two variables.

======  =========  ============================================================
symbol  unit       meaning
======  =========  ============================================================
u       strength   the variables; ``state : float64 (n, m)``
Δ       days       time since the edge's as_of, ≥ 0
τ_f     days       how long the first variable lasts by itself
τ_s     days       how long the last variable lasts by itself
C       per day    coupling of the first two
κ       1          how much more each variable holds than the one before it
======  =========  ============================================================

References
----------
M. K. Benna and S. Fusi, "Computational principles of synaptic memory consolidation", Nature Neuroscience 19,
1697-1706 (2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memini_kuzu.errors import InputError, ParameterError

if TYPE_CHECKING:
    from memini_kuzu.config import Parameters

__all__ = ["Chain", "Modes", "kernel", "modes", "propagate", "respond"]

Column: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chain:
    """The parameters of a chain.

    Parameters
    ----------
    m : int
        How many variables, ≥ 2.
    tau_fast, tau_slow : float
        τ_f and τ_s in days, > 0: the leaks of the first and the last variable.
    coupling : float
        C per day, > 0.
    capacity : float
        κ, ≥ 1.

    Raises
    ------
    ParameterError
        If a value lies outside its range.

    Examples
    --------
    >>> Chain(m=5, capacity=4.0)
    Chain(m=5, tau_fast=5.0, tau_slow=3650.0, coupling=0.6, capacity=4.0)
    """

    m: int
    tau_fast: float = 5.0
    tau_slow: float = 3650.0
    coupling: float = 0.6
    capacity: float = 40.0

    def __post_init__(self) -> None:
        if self.m < 2:  # noqa: PLR2004 - a fast and a slow variable
            raise ParameterError(f"m = {self.m}; pass how many variables the chain has, at least 2")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ParameterError(
                    f"{field.name} = {value!r}; pass a finite number above 0, such as {field.default}"
                )
        if self.capacity < 1:
            raise ParameterError(f"capacity = {self.capacity!r}; pass κ of at least 1, such as 4.0")

    @classmethod
    def of(cls, parameters: Parameters) -> Chain:
        """The chain of two variables that a store's edges are.

        Examples
        --------
        >>> from memini_kuzu.config import Parameters
        >>> Chain.of(Parameters()).m
        2
        """
        return cls(2, parameters.tau_fast, parameters.tau_slow, parameters.coupling, parameters.capacity)


@dataclass(frozen=True, slots=True)
class Modes:
    """The eigenmodes of a chain; see `modes`.

    Parameters
    ----------
    rates : float64 (m,)
        λ per day, ascending: the slowest mode first.
    vectors : float64 (m, m)
        V, orthonormal columns.
    scale : float64 (m,)
        √c.
    """

    rates: Column
    vectors: Column
    scale: Column

    @property
    def weights(self) -> Column:
        """Weight of each mode in p_11: float64 (m,), ≥ 0, of sum 1."""
        return np.asarray(self.vectors[0] ** 2, dtype=np.float64)


def modes(chain: Chain) -> Modes:
    """Eigen-decomposition of a chain.

    Parameters
    ----------
    chain : Chain
        Its parameters.

    Returns
    -------
    Modes
        Rates, good to about 1e-16 of the fastest one.

    Examples
    --------
    >>> (1 / modes(Chain(2)).rates).round(2), modes(Chain(2)).weights.round(3)
    (array([252.02,   1.23]), array([0.014, 0.986]))
    """
    k = np.arange(chain.m, dtype=np.float64)
    capacities = chain.capacity**k
    coupling = chain.coupling * chain.capacity ** -k[:-1]
    leak = np.zeros(chain.m)
    leak[0], leak[-1] = 1 / chain.tau_fast, 1 / chain.tau_slow
    inner = np.append(0.0, coupling) + np.append(coupling, 0.0)
    beside = -coupling / np.sqrt(capacities[1:] * capacities[:-1])
    symmetric = np.diag(leak + inner / capacities) + np.diag(beside, 1) + np.diag(beside, -1)
    rates, vectors = np.linalg.eigh(symmetric)
    return Modes(rates, vectors, np.sqrt(capacities))


def kernel(dt: float | Column, chain: Chain) -> Column:
    """Propagator P(Δ).

    Parameters
    ----------
    dt : float or float64 (n,)
        Δ in days, ≥ 0.
    chain : Chain
        Its parameters.

    Returns
    -------
    float64 (m, m) or (n, m, m)
        Entry (i, j) is what variable j becomes in variable i.

    Raises
    ------
    InputError
        If a Δ is negative or NaN.

    Examples
    --------
    >>> kernel(1.0, Chain(2)).round(4)
    array([[0.452 , 0.4101],
           [0.0103, 0.9883]])
    """
    found = modes(chain)
    decay = np.exp(-np.multiply.outer(_days(dt), found.rates))
    inner = (found.vectors * decay[..., None, :]) @ found.vectors.T
    return np.asarray(inner * found.scale / found.scale[:, None], dtype=np.float64)


def propagate(state: Column, dt: float | Column, chain: Chain) -> Column:
    """Bring edges forward in time.

    Parameters
    ----------
    state : float64 (n, m)
        The variables at each edge's as_of; left unchanged.
    dt : float or float64 (n,)
        Days since then, ≥ 0: one for all edges, or one for each.
    chain : Chain
        Its parameters.

    Returns
    -------
    float64 (n, m)
        The variables `dt` later.

    Raises
    ------
    InputError
        If a Δ is negative or NaN, or the shapes do not agree.

    Examples
    --------
    >>> propagate(np.array([[1.0, 0.0, 0.0]]), 1.0, Chain(3)).round(5)
    array([[0.452  , 0.01025, 0.     ]])
    """
    days = _days(dt)
    if state.ndim != 2 or state.shape[1] != chain.m or days.shape not in ((), state.shape[:1]):  # noqa: PLR2004
        raise InputError(
            f"state {state.shape}, dt {days.shape} do not agree; pass one row of {chain.m} variables an edge"
        )
    found = modes(chain)
    decay = np.exp(-np.multiply.outer(days, found.rates))
    return np.asarray(((state * found.scale) @ found.vectors * decay) @ found.vectors.T / found.scale)


def respond(dt: float | Column, chain: Chain) -> Column:
    """What the first variable keeps of a unit event: p_11.

    Parameters
    ----------
    dt : float or float64 (n,)
        Days since the event, ≥ 0.
    chain : Chain
        Its parameters.

    Returns
    -------
    float64 (n,) or scalar
        From 1 at Δ = 0 downwards.

    Raises
    ------
    InputError
        If a Δ is negative or NaN.

    Examples
    --------
    >>> respond(np.array([0.0, 1.0, 30.0]), Chain(2)).round(4)
    array([1.    , 0.452 , 0.0124])
    """
    found = modes(chain)
    return np.asarray(np.exp(-np.multiply.outer(_days(dt), found.rates)) @ found.weights, dtype=np.float64)


def _days(dt: float | Column) -> Column:
    days = np.asarray(dt, dtype=np.float64)
    if days.size > 0 and not days.min() >= 0:  # "not … >=", because NaN is not below 0 either
        raise InputError(f"dt = {days.min()} days; pass a time no earlier than the edge's as_of")
    return days
