"""Events of a world whose constants are known: what a fit must find again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import time_constants

if TYPE_CHECKING:
    from memini_kuzu.config import Parameters
    from memini_kuzu.insight.likelihood import Floats, Ints


__all__ = [
    "simulate",
]


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
    >>> from memini_kuzu.config import Parameters
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
