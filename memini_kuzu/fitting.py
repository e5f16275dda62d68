r"""Fit the time constants: the kernel under which each source's next events were most probable.

Luce's choice rule turns strengths into a forecast. An event of source s at time t falls on the known target o
with probability proportional to strength::

    P(o | s, t) = S(s, o; t) / Σ_o' S(s, o'; t),        S = Σ_{past events} amount · k(t - t_e)

and the objective is the mean of -log P over the events of the span whose pair was met before (walk-forward:
strengths see only earlier events). Because the memory is linear, the denominator is the source's own total,
one more sum over a kernel, and no list of candidates is needed: with sparse lags H (of the event's pair) and
G (of its source)::

    L(θ) = -mean[log H k_θ - log G k_θ],    ∂L/∂θ = -(∂k/∂θ)ᵀ mean[Hᵀ 1/(H k) - Gᵀ 1/(G k)]

What can be known
-----------------
A forecast sees w_f alone, and its kernel has three degrees of freedom, not four: the effective time constants
T_fast < T_slow and the slow share A of `dynamics.time_constants`. Every (τ_f, τ_s, C, κ) on the curve ::

    1/τ_f + C = a = (1-A)/T_fast + A/T_slow,    1/τ_s + C/κ = d = A/T_fast + (1-A)/T_slow,
    C²/κ = A (1-A) (1/T_fast - 1/T_slow)² = x

forecasts identically. The convention that picks one: τ_s is given, 3650 days by default, since a stream of
months cannot see a leak of years. Then C = x / (d - 1/τ_s), κ = C²/x, 1/τ_f = a - C; this exists for every
τ_s ≥ T_slow. Where it would give κ < 1, τ_s is lowered to where κ = 1, which A ≤ ½ makes possible. The
impulse b scales all strengths alike and is not seen at all.

References
----------
R. D. Luce, "Individual choice behavior", Wiley (1959).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from memini_kuzu import chain as chains
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import TimeConstants, kernel, time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.forecast import (
    Kernel,
    Scores,
    blocks,
    distinct,
    exponential,
    rank_all,
    recency,
    scores,
    two_exponentials,
)

if TYPE_CHECKING:
    from memini_kuzu.chain import Chain
    from memini_kuzu.streams import Stream

__all__ = [
    "BURN_IN",
    "SLOW_LEAK",
    "TRAIN",
    "Choices",
    "Fit",
    "FitReport",
    "choices",
    "fit",
    "fit_chain",
    "fit_equal_capacities",
    "fit_exponential",
    "fit_power_law",
    "parameters_of",
    "report",
    "simulate",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Family: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""θ to the kernel (n_lags,) and its derivatives (n_lags, n_parameters)."""

SLOW_LEAK = 3650.0
"""τ_s in days where none is given."""

TRAIN = 0.8
"""Share of the time steps that is fitted; the rest is forecast."""

BURN_IN = 0.25
"""Share of the fitted span that is history only: early events have seen no long lags, which would bias
T_slow."""

MAX_LAGS = 20_000_000
"""Lags kept at most (240 MB); above it, a random sample of the events to predict."""

UNDERFLOW = 1e-300
"""What a kernel that underflows counts as, so that no logarithm is infinite."""

STARTS = ((0.3, 1.0, 3.0, 10.0), (5.0, 30.0, 200.0), (0.01, 0.05, 0.2))
"""Starting points: T_fast in units of a thirtieth of the median lag, T_slow / T_fast, A."""

REFINED = 3
"""How many of the starting points, the most promising, are refined."""

MAX_SHARE = 0.0
"""logit A at most: with κ ≥ 1 and τ_s ≥ τ_f the slow share is at most a half."""

VAGUE = 0.3
"""Standard error of a logarithm above which a time constant counts as not identified: a third either way."""

VAGUER = 2.0
"""Standard error of a logarithm above which nothing at all is known."""

AT_BOUND = 0.99
"""Share of τ_s from which on T_slow counts as lying at its bound."""


# --- what can be known
# -----------------------------------------------------------------------------------------


def parameters_of(
    constants: TimeConstants, *, tau_slow: float = SLOW_LEAK, impulse: float = 1.0
) -> Parameters:
    """The parameters with these effective time constants, by the convention above.

    Parameters
    ----------
    constants : TimeConstants
        T_fast, T_slow in days, and A ≤ ½.
    tau_slow : float
        τ_s in days, at least T_slow.
    impulse : float
        b.

    Raises
    ------
    InputError
        If `tau_slow` is below T_slow, or A above ½.

    Examples
    --------
    >>> given = Parameters(tau_fast=9.0, coupling=0.3)
    >>> found = parameters_of(time_constants(given), tau_slow=3650.0)
    >>> f"{found.tau_fast:.6f} {found.coupling:.6f} {found.capacity:.6f}"
    '9.000000 0.300000 40.000000'
    """
    slow_share = constants.slow_share
    fast, slow = 1 / constants.fast, 1 / constants.slow
    if tau_slow < constants.slow:
        raise InputError(
            f"tau_slow = {tau_slow} days is shorter than the slow time constant, {constants.slow:.6g} days; "
            "pass at least that"
        )
    if not 0 < slow_share <= 1 / 2:
        raise InputError(f"the slow share is {slow_share}; no κ ≥ 1 gives that, pass a share of at most 0.5")
    out_of_fast = (1 - slow_share) * fast + slow_share * slow
    out_of_slow = slow_share * fast + (1 - slow_share) * slow
    exchange = slow_share * (1 - slow_share) * (fast - slow) ** 2
    leak = max(1 / tau_slow, out_of_slow - exchange**0.5)  # the second makes κ = 1
    coupling = exchange / (out_of_slow - leak)
    tau_fast = 1 / (out_of_fast - coupling)
    return Parameters(
        tau_fast=tau_fast,
        tau_slow=max(1 / leak, tau_fast),  # equal but for rounding where τ_s = T_slow
        coupling=coupling,
        capacity=max(1.0, coupling**2 / exchange),
        impulse=impulse,
    )


# --- the events as lags
# ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choices:
    """The events to predict, with the lags to the past events of their pair and of their source.

    Parameters
    ----------
    pair, source : sparse (n_choices, n_lags)
        H and G: amounts by lag; every row of H has one.
    weight : float64 (n_choices,)
        Amount of the events that each row stands for, divided by the sum.
    count : float64 (n_choices,)
        The same, undivided.
    lags : float64 (n_lags,)
        Distinct lags in days, > 0.
    """

    pair: sparse.csr_array
    source: sparse.csr_array
    weight: Floats
    count: Floats
    lags: Floats


@dataclass(frozen=True, slots=True)
class _Past:
    """Distinct (key, step) with their amounts, in order."""

    key: Ints
    step: Ints
    amount: Floats
    n_steps: int

    @classmethod
    def of(cls, key: Ints, step: Ints, amount: Floats, n_steps: int) -> _Past:
        unique, inverse = np.unique(key * n_steps + step, return_inverse=True)
        total = np.bincount(inverse, weights=amount)
        return cls(unique // n_steps, unique % n_steps, np.asarray(total, dtype=np.float64), n_steps)

    def before(self, key: Ints, step: Ints) -> tuple[Ints, Ints]:
        """Where the events of each key that precede each step begin and end."""
        begin = np.searchsorted(self.key, key, side="left")
        return begin, np.searchsorted(
            self.key * self.n_steps + self.step, key * self.n_steps + step, side="left"
        )


def choices(
    source: Ints, target: Ints, time: Floats, amount: Floats, predicted: Flags, *, seed: int = 0
) -> Choices:
    """Lay out the lags of every predicted event whose pair was met before.

    Parameters
    ----------
    source, target : int64 (n_events,)
        Codes from 0.
    time : float64 (n_events,)
        Days.
    amount : float64 (n_events,)
        What each event weighs, as history and as an event to predict.
    predicted : bool (n_events,)
        Events that enter the likelihood; all are history.
    seed : int
        Of the sample that is taken where there are more than ``MAX_LAGS`` lags.

    Raises
    ------
    InputError
        If no predicted event repeats an earlier pair.

    Examples
    --------
    >>> zero = np.zeros(3, dtype=np.int64)
    >>> laid = choices(zero, zero, np.array([0.0, 1.0, 5.0]), np.ones(3), np.ones(3, dtype=np.bool_))
    >>> laid.lags, laid.pair.toarray()
    (array([1., 4., 5.]), array([[1., 0., 0.],
           [0., 1., 1.]]))
    """
    moments, step = np.unique(time, return_inverse=True)
    n_targets, n_steps = int(target.max(initial=0)) + 1, len(moments)
    pair = source * n_targets + target
    pairs, sources = _Past.of(pair, step, amount, n_steps), _Past.of(source, step, amount, n_steps)
    rows = _Past.of(pair[predicted], step[predicted], amount[predicted], n_steps)
    begin, end = pairs.before(rows.key, rows.step)
    all_begin, all_end = sources.before(rows.key // n_targets, rows.step)
    kept = np.flatnonzero(end > begin)
    if not len(kept):
        raise InputError(
            "no event repeats an earlier source and target: nothing to fit; pass a longer stream"
        )
    size = (end - begin + all_end - all_begin)[kept]
    if size.sum() > MAX_LAGS:
        shuffled = np.random.default_rng(seed).permutation(len(kept))
        enough = max(1, int(np.searchsorted(np.cumsum(size[shuffled]), MAX_LAGS)))
        kept = kept[np.sort(shuffled[:enough])]
    now, count = moments[rows.step[kept]], rows.amount[kept]

    def lagged(past: _Past, begin: Ints, end: Ints) -> tuple[Floats, Floats, Ints]:
        sizes = (end - begin)[kept]
        pointers = np.append(0, np.cumsum(sizes))
        events = np.repeat(begin[kept] - pointers[:-1], sizes) + np.arange(pointers[-1])
        return np.repeat(now, sizes) - moments[past.step[events]], past.amount[events], pointers

    pair_lag, pair_amount, pair_rows = lagged(pairs, begin, end)
    source_lag, source_amount, source_rows = lagged(sources, all_begin, all_end)
    lags, column = distinct(np.concatenate([pair_lag, source_lag]))
    column = column.astype(np.int32)  # half the memory, and scipy's fast path
    shape = (len(kept), len(lags))
    return Choices(
        pair=sparse.csr_array((pair_amount, column[: len(pair_lag)], pair_rows), shape=shape),
        source=sparse.csr_array((source_amount, column[len(pair_lag) :], source_rows), shape=shape),
        weight=count / count.sum(),
        count=count,
        lags=lags,
    )


# --- the objective
# ---------------------------------------------------------------------------------------------


def loss(data: Choices, values: Floats) -> tuple[float, Floats]:
    """Mean of -log P over the choices, and its derivative with respect to the kernel.

    Parameters
    ----------
    data : Choices
        What is predicted.
    values : float64 (n_lags,)
        The kernel at each lag, > 0.

    Returns
    -------
    value, slope : float, float64 (n_lags,)
        In nats.

    Examples
    --------
    >>> zero = np.zeros(2, dtype=np.int64)
    >>> data = choices(zero, zero, np.arange(2.0), np.ones(2), np.ones(2, dtype=np.bool_))
    >>> loss(data, np.ones(1))[0] + 0.0
    0.0
    """
    pair, source = data.pair @ values, data.source @ values
    value = -float(data.weight @ (np.log(pair) - np.log(source)))
    slope = data.source.T @ (data.weight / source) - data.pair.T @ (data.weight / pair)
    return value, np.asarray(slope, dtype=np.float64)


def _slopes(lags: Floats, fast: float, slow: float, share: float) -> tuple[Floats, Floats]:
    """p_ff at the lags, and its derivatives by (log T_fast, log T_slow, logit A)."""
    e_fast, e_slow = np.exp(-lags / fast), np.exp(-lags / slow)
    by = (
        (1 - share) * e_fast * lags / fast,
        share * e_slow * lags / slow,
        share * (1 - share) * (e_slow - e_fast),
    )
    return (1 - share) * e_fast + share * e_slow, np.stack(by, axis=1)


def _constants(theta: Floats) -> TimeConstants:
    """(log T_slow, log T_slow/T_fast, logit A): a box in them keeps T_fast < T_slow ≤ τ_s and A ≤ ½."""
    slow = float(np.exp(theta[0]))
    return TimeConstants(slow * float(np.exp(-theta[1])), slow, float(1 / (1 + np.exp(-theta[2]))))


def _numeric(lags: Floats, kernel: Callable[[Floats, Floats], Floats], step: float = 1e-5) -> Family:
    """Any kernel k(lag, θ), differentiated by central differences of the (cheap) kernel alone."""

    def family(theta: Floats) -> tuple[Floats, Floats]:
        slopes = [
            (kernel(lags, theta + h) - kernel(lags, theta - h)) / (2 * step)
            for h in step * np.eye(len(theta))
        ]
        return kernel(lags, theta), np.stack(slopes, axis=1)

    return family


def _minimise(
    data: Choices,
    family: Family,
    starts: Sequence[Floats],
    bounds: Sequence[tuple[float, float]],
    progress: Callable[[], None],
) -> tuple[Floats, float]:
    """Best θ and its loss, by L-BFGS-B from the most promising starts."""

    def objective(theta: Floats) -> tuple[float, Floats]:
        progress()
        values, slopes = family(theta)
        value, slope = loss(data, np.maximum(values, UNDERFLOW))
        return value, slopes.T @ slope

    ranked = sorted(
        (np.clip(theta, *np.transpose(bounds)) for theta in starts), key=lambda x: objective(x)[0]
    )
    results = [
        optimize.minimize(objective, theta, jac=True, method="L-BFGS-B", bounds=bounds)
        for theta in ranked[:REFINED]
    ]
    best = min(results, key=lambda result: float(result.fun))
    return np.asarray(best.x, dtype=np.float64), float(best.fun)


# --- fits
# ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """What a stream says about its memory.

    Parameters
    ----------
    time_constants : TimeConstants
        What is identified: T_fast, T_slow in days, A.
    errors : tuple of three float
        Standard errors of log T_fast, log T_slow, logit A.
    parameters : Parameters
        τ_f, τ_s, C, κ by the convention above.
    loss : float
        Mean of -log P of a predicted event, in nats.
    choices : int
        How many events to predict entered.
    warnings : list of str
        What the stream does not identify.
    """

    time_constants: TimeConstants
    errors: tuple[float, float, float]
    parameters: Parameters
    loss: float
    choices: int
    warnings: list[str]


def fit(
    data: Choices,
    *,
    tau_slow: float = SLOW_LEAK,
    impulse: float = 1.0,
    progress: Callable[[], None] = lambda: None,
) -> Fit:
    """Fit the kernel of the fast variable, κ free.

    Parameters
    ----------
    data : Choices
        Events to predict with their histories.
    tau_slow : float
        τ_s in days, the convention that fixes the fourth parameter.
    impulse : float
        b of the parameters returned.
    progress : callable
        Called once an evaluation of the objective.

    Raises
    ------
    InputError
        If `tau_slow` is below the shortest lag.

    Examples
    --------
    >>> stream = simulate(Parameters(tau_fast=3.0, coupling=0.3, capacity=10.0), n_sources=40, n_days=200)
    >>> data = choices(*stream, np.ones(8000), np.ones(8000, dtype=np.bool_))
    >>> 1 < fit(data).time_constants.fast < 3
    True
    """
    if not tau_slow > data.lags.min():
        raise InputError(
            f"tau_slow = {tau_slow} days, but events lie {data.lags.min():.3g} days apart; pass more"
        )
    unit = float(np.median(data.lags[data.source.indices])) / 30  # starts have no scale: hours or years alike
    # below τ_s whatever the rounding
    low, high = float(np.log(data.lags.min() / 20)), float(np.log(0.999 * tau_slow))
    starts = [
        np.array([np.log(fast * unit * ratio), np.log(ratio), np.log(share / (1 - share))])
        for fast in STARTS[0]
        for ratio in STARTS[1]
        for share in STARTS[2]
    ]
    bounds = [(min(low, high - 1), high), (0.05, 20.0), (-12.0, MAX_SHARE)]

    def family(theta: Floats) -> tuple[Floats, Floats]:
        values, by = _slopes(data.lags, *_constants(theta))
        return values, np.stack([by[:, 0] + by[:, 1], -by[:, 0], by[:, 2]], axis=1)

    theta, value = _minimise(data, family, starts, bounds, progress)
    found = _constants(theta)
    errors = _errors(data, found)
    return Fit(
        time_constants=found,
        errors=errors,
        parameters=parameters_of(found, tau_slow=tau_slow, impulse=impulse),
        loss=value,
        choices=data.pair.shape[0],
        warnings=_warnings(found, errors, tau_slow, float(data.lags.max())),
    )


def _errors(data: Choices, found: TimeConstants) -> tuple[float, float, float]:
    """Standard errors from the outer product of gradients: given the past, choices are independent."""
    values, slopes = _slopes(data.lags, *found)
    values = np.maximum(values, UNDERFLOW)
    pair, source = data.pair @ values, data.source @ values
    gradient = (data.pair @ slopes) / pair[:, None] - (data.source @ slopes) / source[:, None]
    information = gradient.T @ (gradient * data.count[:, None])
    errors = np.sqrt(np.diag(np.linalg.pinv(information)))
    return float(errors[0]), float(errors[1]), float(errors[2])


def _warnings(
    found: TimeConstants, errors: tuple[float, float, float], tau_slow: float, span: float
) -> list[str]:
    said = []
    if found.slow >= AT_BOUND * tau_slow:
        said.append(
            f"the slow time constant ended at its bound, tau_slow = {tau_slow:g} days: this stream shows no "
            "slower fading; take it as at least that"
        )
    elif found.slow > span:
        said.append(
            f"the slow time constant, {found.slow:.4g} days, is longer than the longest lag in this stream, "
            f"{span:.4g} days: take it as at least about that"
        )
    for name, error in zip(("fast", "slow"), errors, strict=False):
        if not 0 < error <= VAGUE and not (name == "slow" and said):
            off = f"a factor of {np.exp(error):.2g}" if 0 < error < VAGUER else "any factor"
            said.append(f"the {name} time constant may be off by {off} either way; pass a longer stream")
    return said


def fit_exponential(data: Choices, *, progress: Callable[[], None] = lambda: None) -> float:
    """Fit one exponential: τ in days.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> fit_exponential(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))) > 1
    True
    """
    bounds = [(float(np.log(data.lags.min() / 20)), float(np.log(100 * data.lags.max())))]
    starts = [np.array([x]) for x in np.linspace(*bounds[0], 12)]
    family = _numeric(data.lags, lambda lag, theta: np.exp(-lag / np.exp(theta[0])))
    return float(np.exp(_minimise(data, family, starts, bounds, progress)[0][0]))


def fit_power_law(data: Choices) -> float:
    """Fit Δ^(-d): d.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> 0 < fit_power_law(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))) < 3
    True
    """
    family = _numeric(data.lags, lambda lag, theta: lag ** -theta[0])
    starts = [np.array([x]) for x in (0.3, 0.8, 1.5)]
    return float(_minimise(data, family, starts, [(0.0, 10.0)], lambda: None)[0][0])


def fit_equal_capacities(data: Choices) -> Parameters:
    """Fit the fast variable with κ = 1, which bounds how far apart the two time constants can be.

    Examples
    --------
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> fit_equal_capacities(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))).capacity
    1.0
    """
    family = _numeric(data.lags, lambda lag, theta: np.asarray(kernel(lag, equal_capacities(theta)).ff))
    starts = [np.log([f, s, c]) for f in (2.0, 20.0) for s in (20.0, 200.0) for c in (0.02, 0.1, 0.5)]
    bounds = [(np.log(0.1), np.log(1e4)), (0.0, np.log(1e5)), (np.log(1e-4), np.log(10.0))]
    return equal_capacities(_minimise(data, family, starts, bounds, lambda: None)[0])


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

    family = _numeric(data.lags, lambda lag, theta: chains.respond(lag, of(theta)))
    starts = [np.log([t, c, g]) for t in (5.0, 100.0) for c in (0.5, 1.0) for g in (2.0, 5.0, 30.0)]
    bounds = [(np.log(0.1), np.log(1e5)), (np.log(1e-3), np.log(20.0)), (0.0, np.log(1e3))]
    return of(_minimise(data, family, starts, bounds, lambda: None)[0])


# --- the report
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FitReport:
    """A fit on the earlier part of a stream, and how well it forecasts the later part.

    Parameters
    ----------
    parameters : Parameters
        Fitted, by the convention that τ_s is given.
    time_constants : TimeConstants
        What they amount to, which is what the stream identifies.
    half_lives : tuple of two float
        The time constants times ln 2, in days.
    errors : tuple of three float
        Standard errors of log T_fast, log T_slow and logit A.
    objective : str
        What was maximised.
    loss : float
        Mean of -log P of a predicted event of the fitted span, in nats.
    events, fitted, forecast : int
        Events of the stream, those that entered the likelihood, and questions about the later span.
    scores : dict of str to Scores
        MRR, Hits@1 and Hits@10 (per cent) on the later span: count, most recent, one exponential, the memory
        as it is and as fitted.
    tau : float
        Of the one exponential, days.
    gains : dict of str to float
        MRR of the fitted memory less that of each other, in points.
    warnings : list of str
        What the stream does not identify.
    """

    parameters: Parameters
    time_constants: TimeConstants
    half_lives: tuple[float, float]
    errors: tuple[float, float, float]
    objective: str
    loss: float
    events: int
    fitted: int
    forecast: int
    scores: dict[str, Scores]
    tau: float
    gains: dict[str, float]
    warnings: list[str]


OBJECTIVE = "likelihood of the next known target under Luce's choice rule, walk-forward"


def report(
    stream: Stream,
    *,
    current: Parameters,
    until: float | None = None,
    tau_slow: float = SLOW_LEAK,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> FitReport:
    """Fit on a training span, forecast the span after it.

    Parameters
    ----------
    stream : Stream
        Events.
    current : Parameters
        Of the store, for comparison; the fitted ones keep their impulse.
    until : float, optional
        Where the training span ends, in days since 1970; by default after ``TRAIN`` of the time steps.
    tau_slow : float
        τ_s in days.
    seed : int
        Of the samples taken from large streams.
    progress : callable
        Called once a step of the work.

    Raises
    ------
    InputError
        If the stream has too few dates, either span is empty, or nothing repeats.

    Examples
    --------
    >>> from memini_kuzu.streams import Stream
    >>> source, target, time = simulate(Parameters(), n_sources=30, n_days=90)
    >>> ones = np.ones(len(time))
    >>> stream = Stream(source, target, time, ones, np.zeros_like(source), 100, 0)
    >>> report(stream, current=Parameters()).gains["count"] > 0
    True
    """
    steps = np.unique(stream.time)
    if len(steps) < 5:  # noqa: PLR2004 - one or more for the burn-in, the fit and the forecast
        raise InputError(f"the stream has {len(steps)} distinct dates; pass at least 5")
    until = float(steps[int(TRAIN * len(steps))]) if until is None else until
    past = stream.time < until
    if past.all() or not past.any():
        raise InputError("the training span leaves no events to fit, or none to forecast; choose another end")
    begin = float(np.quantile(np.unique(stream.time[past]), BURN_IN))
    data = choices(
        stream.source[past],
        stream.target[past],
        stream.time[past],
        stream.amount[past],
        stream.time[past] >= begin,
        seed=seed,
    )
    found = fit(data, tau_slow=tau_slow, impulse=current.impulse, progress=progress)
    tau = fit_exponential(data, progress=progress)
    span = blocks(
        stream.source,
        stream.target,
        stream.time,
        stream.amount,
        ~past,
        n_candidates=stream.n_entities,
        seed=seed,
    )
    kernels: dict[str, Kernel] = {
        "count": np.ones_like,
        "one exponential": exponential(tau),
        "current": two_exponentials(*time_constants(current)),
        "fitted": two_exponentials(*found.time_constants),
    }
    table = {"most recent": scores(rank_all(span, recency))}
    for name, one in kernels.items():
        rank = rank_all(span, lambda piece, one=one: piece.strengths(one))  # type: ignore[misc]
        table[name] = scores(rank)
        progress()
    return FitReport(
        parameters=found.parameters,
        time_constants=found.time_constants,
        half_lives=(
            found.time_constants.fast * float(np.log(2)),
            found.time_constants.slow * float(np.log(2)),
        ),
        errors=found.errors,
        objective=OBJECTIVE,
        loss=found.loss,
        events=len(stream),
        fitted=found.choices,
        forecast=len(rank),
        scores=table,
        tau=tau,
        gains={
            name: round(table["fitted"]["mrr"] - row["mrr"], 2)
            for name, row in table.items()
            if name != "fitted"
        },
        warnings=found.warnings,
    )


# --- data with known constants
# ---------------------------------------------------------------------------------


def simulate(
    parameters: Parameters,
    *,
    n_sources: int = 300,
    n_days: int = 365,
    innovation: float = 0.3,
    seed: int = 0,
) -> tuple[Ints, Ints, Floats]:
    """Events of a world that chooses as the memory does.

    Each day each source has one event: with probability `innovation` on a target that it never met, otherwise
    on a known one, with probability proportional to the fast variable.

    Parameters
    ----------
    parameters : Parameters
        Of that world.
    n_sources, n_days : int
        Its size.
    innovation : float
        0 to 1.
    seed : int
        The same seed gives the same events.

    Returns
    -------
    source, target, time : int64 (n,), int64 (n,), float64 (n,)
        Codes and days, in order of time.

    Examples
    --------
    >>> source, target, time = simulate(Parameters(), n_sources=2, n_days=3)
    >>> len(source), float(time.max())
    (6, 2.0)
    """
    rng = np.random.default_rng(seed)
    constants = time_constants(parameters)
    decay = np.exp(-1 / np.array([constants.fast, constants.slow]))
    weight = np.array([1 - constants.slow_share, constants.slow_share])
    state = np.zeros((2, n_sources, n_days))  # mode, source, target in order of first meeting
    n_known = np.zeros(n_sources, dtype=np.int64)
    everyone = np.arange(n_sources)
    targets = np.empty((n_days, n_sources), dtype=np.int64)
    for day in range(n_days):
        state *= decay[:, None, None]
        cumulative = np.cumsum(np.tensordot(weight, state, 1), axis=1)
        draw = rng.random(n_sources) * cumulative[:, -1]
        known = np.minimum((cumulative <= draw[:, None]).sum(axis=1), n_known - 1)
        new = (n_known == 0) | (rng.random(n_sources) < innovation)
        targets[day] = np.where(new, n_known, known)
        n_known += new
        state[:, everyone, targets[day]] += 1
    return (
        np.tile(everyone, n_days),
        targets.ravel(),
        np.repeat(np.arange(n_days, dtype=np.float64), n_sources),
    )
