"""The likelihood of a stream's choices under a kernel, and its minimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from memini_kuzu.errors import InputError
from memini_kuzu.insight.forecast import (
    distinct,
)

__all__ = [
    "UNDERFLOW",
    "Choices",
    "Floats",
    "Ints",
    "choices",
    "loss",
    "minimise",
    "numeric",
]


Floats: TypeAlias = NDArray[np.float64]


Ints: TypeAlias = NDArray[np.int64]


Flags: TypeAlias = NDArray[np.bool_]


Family: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""θ to the kernel (n_lags,) and its derivatives (n_lags, n_parameters)."""


MAX_LAGS = 20_000_000
"""Lags kept at most (240 MB); above it, a random sample of the events to predict."""


UNDERFLOW = 1e-300
"""What a kernel that underflows counts as, so that no logarithm is infinite."""


REFINED = 3
"""How many of the starting points, the most promising, are refined."""


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


def numeric(lags: Floats, kernel: Callable[[Floats, Floats], Floats], step: float = 1e-5) -> Family:
    """Any kernel k(lag, θ), differentiated by central differences of the (cheap) kernel alone."""

    def family(theta: Floats) -> tuple[Floats, Floats]:
        slopes = [
            (kernel(lags, theta + h) - kernel(lags, theta - h)) / (2 * step)
            for h in step * np.eye(len(theta))
        ]
        return kernel(lags, theta), np.stack(slopes, axis=1)

    return family


def minimise(
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
