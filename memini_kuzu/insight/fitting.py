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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import TimeConstants, time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.insight.forecast import (
    Kernel,
    Scores,
    blocks,
    exponential,
    rank_all,
    recency,
    scores,
    two_exponentials,
)
from memini_kuzu.insight.likelihood import UNDERFLOW, Choices, Floats, _slopes, choices, minimise, numeric

if TYPE_CHECKING:
    from collections.abc import Callable

    from memini_kuzu.insight.streams import Stream

__all__ = [
    "BURN_IN",
    "SLOW_LEAK",
    "TRAIN",
    "Fit",
    "FitReport",
    "fit",
    "fit_exponential",
    "parameters_of",
    "report",
]


SLOW_LEAK = 3650.0
"""τ_s in days where none is given."""

TRAIN = 0.8
"""Share of the time steps that is fitted; the rest is forecast."""

BURN_IN = 0.25
"""Share of the fitted span that is history only: early events have seen no long lags, which would bias
T_slow."""


STARTS = ((0.3, 1.0, 3.0, 10.0), (5.0, 30.0, 200.0), (0.01, 0.05, 0.2))
"""Starting points: T_fast in units of a thirtieth of the median lag, T_slow / T_fast, A."""


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


# --- the objective
# ---------------------------------------------------------------------------------------------


def _constants(theta: Floats) -> TimeConstants:
    """(log T_slow, log T_slow/T_fast, logit A): a box in them keeps T_fast < T_slow ≤ τ_s and A ≤ ½."""
    slow = float(np.exp(theta[0]))
    return TimeConstants(slow * float(np.exp(-theta[1])), slow, float(1 / (1 + np.exp(-theta[2]))))


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
    >>> from memini_kuzu.insight.simulation import simulate
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

    theta, value = minimise(data, family, starts, bounds, progress)
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
    >>> from memini_kuzu.insight.simulation import simulate
    >>> stream = simulate(Parameters(), n_sources=20, n_days=60)
    >>> fit_exponential(choices(*stream, np.ones(1200), np.ones(1200, dtype=np.bool_))) > 1
    True
    """
    bounds = [(float(np.log(data.lags.min() / 20)), float(np.log(100 * data.lags.max())))]
    starts = [np.array([x]) for x in np.linspace(*bounds[0], 12)]
    family = numeric(data.lags, lambda lag, theta: np.exp(-lag / np.exp(theta[0])))
    return float(np.exp(minimise(data, family, starts, bounds, progress)[0][0]))


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
    >>> from memini_kuzu.insight.simulation import simulate
    >>> from memini_kuzu.insight.streams import Stream
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
