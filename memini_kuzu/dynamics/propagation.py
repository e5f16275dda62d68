r"""The dynamics of an edge: a fast and a slow variable, coupled, solved in closed form.

The equation, for the fast variable w_f and the slow variable w_s of one directed edge::

    dw_f/dt = -w_f/τ_f + C (w_s - w_f) + I(t)
    dw_s/dt = -w_s/τ_s + (C/κ) (w_f - w_s)

Its solution over Δ without input, (w_f, w_s) ← P(Δ) (w_f, w_s)::

    p_ff = ½ [(1 - δ/r) e^(-λ1 Δ) + (1 + δ/r) e^(-λ2 Δ)]      fast → fast
    p_ss = ½ [(1 + δ/r) e^(-λ1 Δ) + (1 - δ/r) e^(-λ2 Δ)]      slow → slow
    p_fs = (C / 2r) e^(-λ1 Δ) (1 - e^(-2rΔ))                  slow → fast
    p_sf = p_fs / κ                                           fast → slow

    a = 1/τ_f + C,  d = 1/τ_s + C/κ,  m = (a + d)/2,  δ = (a - d)/2,  r = √(δ² + C²/κ),
    λ1 = m - r,  λ2 = m + r

An event is an impulse I: it adds to w_f at its instant.  The system is linear, so the state of an edge
is the sum of the responses to its events (superposition), in whatever order they are added.

======  =========  =========================================================================
symbol  unit       meaning
======  =========  =========================================================================
w_f     strength   fast variable, what recall reads; ``fast : float64 (n,)``
w_s     strength   slow variable, what repetition fills; ``slow : float64 (n,)``
Δ       days       time since the edge's as_of, ≥ 0; ``dt : days, scalar or float64 (n,)``
τ_f     days       how long w_f lasts by itself
τ_s     days       how long w_s lasts by itself, ≥ τ_f
C       per day    coupling of the two variables
κ       1          capacity of w_s relative to w_f, ≥ 1
λ1, λ2  per day    the slow and the fast rate; 1/λ1 and 1/λ2 are the effective time constants
======  =========  =========================================================================

Every entry of P keeps a relative error below 1e-12 from Δ of a microsecond to Δ of many centuries. So
λ1, δ, 1 - δ/r (`spectrum`) and p_fs (`kernel`) are not evaluated as written above, where they would cancel.

References
----------
A. Pattichis and C. Dovrolis, "Continual Knowledge Updating in LLM Systems: Learning Through
Multi-Timescale Memory Dynamics", arXiv 2605.05097 (2026): the two variables of an edge, with κ = 1.
M. K. Benna and S. Fusi, "Computational principles of synaptic memory consolidation", Nature
Neuroscience 19, 1697-1706 (2016): the chain of coupled variables, with capacities that grow along it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from memini_kuzu.config import Parameters

__all__ = ["Kernel", "Spectrum", "TimeConstants", "kernel", "propagate", "spectrum", "time_constants"]

Column: TypeAlias = NDArray[np.float64]
"""One value an edge or an event: float64 (n,)."""

Value: TypeAlias = Column | np.float64
"""An array where Δ is an array, a scalar where Δ is a scalar."""

BLOCK = 16_384
"""Edges propagated at a time: the temporaries of a block stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The constants of the closed form of one set of parameters; see `spectrum`.

    Parameters
    ----------
    rate_slow : float
        λ1 = m - r, per day.
    rate_fast : float
        λ2 = m + r, per day.
    share_slow : float
        ½ (1 - δ/r): the weight of e^(-λ1 Δ) in p_ff; at most ½.
    share_fast : float
        ½ (1 + δ/r): the weight of e^(-λ2 Δ) in p_ff. The shares add to exactly 1, so that P(0) is
        exactly the identity.
    exchange : float
        C / 2r: how much of the slow variable reaches the fast one.
    feed : float
        C / 2rκ: how much of the fast variable reaches the slow one.
    gap : float
        2r = λ2 - λ1, per day.
    """

    rate_slow: float
    rate_fast: float
    share_slow: float
    share_fast: float
    exchange: float
    feed: float
    gap: float


class TimeConstants(NamedTuple):
    """The decay that the parameters amount to: two exponentials, and the weight of the slow one.

    Parameters
    ----------
    fast : float
        1/λ2 in days.
    slow : float
        1/λ1 in days.
    slow_share : float
        The weight of the slow exponential in what an event adds to the fast variable, 0 to ½.
    """

    fast: float
    slow: float
    slow_share: float


class Kernel(NamedTuple):
    """The propagator P(Δ); each entry has the shape of Δ.

    Parameters
    ----------
    ff : float64 (n,) or scalar
        fast → fast.
    fs : float64 (n,) or scalar
        slow → fast.
    sf : float64 (n,) or scalar
        fast → slow.
    ss : float64 (n,) or scalar
        slow → slow.
    """

    ff: Value
    fs: Value
    sf: Value
    ss: Value


def spectrum(parameters: Parameters) -> Spectrum:
    """Constants of the closed form.

    Parameters
    ----------
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    Spectrum
        Rates per day and weights, each good to a few units in the last place.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> constants = spectrum(Parameters())
    >>> round(constants.rate_fast, 6), round(constants.rate_slow, 6)
    (0.811306, 0.003968)
    """
    tau_fast, tau_slow = parameters.tau_fast, parameters.tau_slow
    coupling, capacity = parameters.coupling, parameters.capacity
    d = 1 / tau_slow + coupling / capacity
    m = (1 / tau_fast + coupling + d) / 2
    # Differences of the parameters themselves, which are exact where they are close: a - d would cancel.
    delta = ((tau_slow - tau_fast) / tau_slow / tau_fast + coupling * ((capacity - 1) / capacity)) / 2
    cross = coupling / math.sqrt(capacity)
    r = math.hypot(delta, cross)
    rate_fast = m + r
    # λ1 = det/λ2, because m - r cancels; divided term by term, so that no product under- or overflows.
    rate_slow = d * (1 / tau_fast / rate_fast) + (coupling / rate_fast) / tau_slow
    share_slow = (cross / r) * (cross / (r + delta)) / 2  # 1 - δ/r cancels where κ or τ_s/τ_f is large
    return Spectrum(
        rate_slow=rate_slow,
        rate_fast=rate_fast,
        share_slow=share_slow,
        share_fast=1 - share_slow,
        exchange=coupling / (2 * r),
        feed=coupling / (2 * r) / capacity,
        gap=2 * r,
    )


def time_constants(parameters: Parameters) -> TimeConstants:
    """Effective time constants, which differ from τ_f and τ_s because the coupling changes both.

    Parameters
    ----------
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    TimeConstants
        1/λ2 and 1/λ1 in days, and the share of the slow one.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> fast, slow, slow_share = time_constants(Parameters())
    >>> f"{fast:.1f} days, {slow:.0f} days, {slow_share:.1%}"
    '1.2 days, 252 days, 1.4%'
    """
    constants = spectrum(parameters)
    return TimeConstants(1 / constants.rate_fast, 1 / constants.rate_slow, constants.share_slow)


def kernel(dt: float | Column, parameters: Parameters) -> Kernel:
    """Propagator P(Δ).

    Parameters
    ----------
    dt : float or float64 (n,)
        Δ in days, ≥ 0.
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    Kernel
        The four entries, without a unit, each of the shape of `dt`.

    Raises
    ------
    InputError
        If a Δ is negative or NaN.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> [float(entry) for entry in kernel(0.0, Parameters())]
    [1.0, 0.0, 0.0, 1.0]
    >>> kernel(np.array([0.0, 1.0, 30.0]), Parameters()).ff.round(4)
    array([1.    , 0.452 , 0.0124])
    """
    return _kernel(_days(dt), spectrum(parameters))


def propagate(
    fast: Column, slow: Column, dt: float | Column, parameters: Parameters
) -> tuple[Column, Column]:
    """Propagate edges forward in time.

    Parameters
    ----------
    fast, slow : float64 (n,)
        The variables at each edge's as_of; left unchanged.
    dt : float or float64 (n,)
        Days since then, ≥ 0: one for all edges, or one for each.
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    fast, slow : float64 (n,)
        The variables `dt` later, as new arrays.

    Raises
    ------
    InputError
        If a Δ is negative or NaN, or the columns differ in length.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> fast, slow = propagate(np.array([1.0, 1.0]), np.zeros(2), np.array([1.0, 100.0]), Parameters())
    >>> fast.round(5), slow.round(5)
    (array([0.452  , 0.00942]), array([0.01025, 0.01249]))
    """
    days = _days(dt)
    if fast.shape != slow.shape or days.shape not in ((), fast.shape):
        raise InputError(
            f"fast {fast.shape}, slow {slow.shape}, dt {days.shape} differ in shape; pass one value an edge"
        )
    constants = spectrum(parameters)
    new_fast = np.empty(fast.shape, dtype=np.float64)
    new_slow = np.empty(slow.shape, dtype=np.float64)
    if days.ndim == 1 and days.size > 0 and days.min() == days.max():
        days = days[:1].reshape(())
    shared = _kernel(days, constants) if days.ndim == 0 else None
    for start in range(0, fast.size, BLOCK):
        block = slice(start, start + BLOCK)
        p = _kernel(days[block], constants) if shared is None else shared
        new_fast[block] = p.ff * fast[block]
        new_fast[block] += p.fs * slow[block]
        new_slow[block] = p.ss * slow[block]
        new_slow[block] += p.sf * fast[block]
    return new_fast, new_slow


def _days(dt: float | Column) -> Column:
    days = np.asarray(dt, dtype=np.float64)
    if days.size > 0 and not days.min() >= 0:  # "not … >=", because NaN is not below 0 either
        first = int(np.argmax(~(days.ravel() >= 0)))
        place = f" at position {first}" if days.ndim else ""
        raise InputError(
            f"dt = {days.ravel()[first]} days{place}; pass a time no earlier than the edge's as_of"
        )
    return days


def _kernel(days: Column, constants: Spectrum) -> Kernel:
    slow_mode = np.exp(-constants.rate_slow * days)
    fast_mode = np.exp(-constants.rate_fast * days)
    difference = -np.expm1(-constants.gap * days)  # 1 - e^(-2rΔ), which cancels for small Δ
    transfer = slow_mode * difference
    return Kernel(
        ff=constants.share_slow * slow_mode + constants.share_fast * fast_mode,
        fs=constants.exchange * transfer,
        sf=constants.feed * transfer,
        # share_fast e^(-λ1 Δ) + share_slow e^(-λ2 Δ); share_slow ≤ ½, so nothing cancels
        ss=slow_mode - constants.share_slow * transfer,
    )
