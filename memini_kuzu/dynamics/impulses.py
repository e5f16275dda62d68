"""Events as impulses: what each adds to the variables of an edge, and the sums of these responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics.propagation import Column, kernel, propagate
from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters


__all__ = ["fold", "merge", "peak", "potentiate", "respond", "retained"]


def potentiate(fast: Column, amount: float | Column) -> Column:
    """Add an impulse to the fast variable; it reaches the slow one through the coupling.

    Parameters
    ----------
    fast : float64 (n,)
        The fast variable at the instant of the event; left unchanged.
    amount : float or float64 (n,)
        What the event adds.

    Returns
    -------
    float64 (n,)
        The fast variable just after the event, as a new array.

    Examples
    --------
    >>> potentiate(np.array([0.5, 0.0]), 1.0)
    array([1.5, 1. ])
    """
    return fast + amount


def respond(amount: Column, dt: float | Column, parameters: Parameters) -> tuple[Column, Column]:
    """Response to events some days later: P(Δ) (amount, 0).

    Parameters
    ----------
    amount : float64 (n,)
        What each event added to the fast variable; negative to take an event back.
    dt : float or float64 (n,)
        Days since each event, ≥ 0.
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    fast, slow : float64 (n,)
        Each event's contribution to the two variables.

    Raises
    ------
    InputError
        If a Δ is negative or NaN.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> fast, slow = respond(np.array([1.0, 2.0]), np.array([1.0, 0.0]), Parameters())
    >>> fast.round(5), slow.round(5)
    (array([0.452, 2.   ]), array([0.01025, 0.     ]))
    """
    p = kernel(dt, parameters)
    return amount * p.ff, amount * p.sf


def fold(
    group: NDArray[np.int64], n_groups: int, amount: Column, dt: Column, parameters: Parameters
) -> tuple[Column, Column]:
    """Sum of the responses of each group's events, in any order: superposition.

    Parameters
    ----------
    group : int64 (n,)
        The edge that each event belongs to, from 0 to `n_groups` - 1.
    n_groups : int
        How many edges there are.
    amount : float64 (n,)
        What each event added to the fast variable.
    dt : float64 (n,)
        Days from each event to the common as_of, ≥ 0.
    parameters : Parameters
        τ_f, τ_s, C and κ.

    Returns
    -------
    fast, slow : float64 (n_groups,)
        The variables at the common as_of; 0 for a group without events.

    Raises
    ------
    InputError
        If a Δ is negative or NaN, or a group lies outside its range.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> fast, slow = fold(np.array([0, 2, 0]), 3, np.ones(3), np.array([1.0, 1.0, 0.0]), Parameters())
    >>> fast.round(5), slow.round(5)
    (array([1.452, 0.   , 0.452]), array([0.01025, 0.     , 0.01025]))
    """
    if group.size > 0 and not (group.min() >= 0 and group.max() < n_groups):
        first = int(np.argmax((group < 0) | (group >= n_groups)))
        raise InputError(f"group = {group[first]} at position {first}; pass groups from 0 to {n_groups - 1}")
    fast, slow = respond(amount, dt, parameters)
    # asarray: numpy's types call the sums integers, which with weights they are not
    return (
        np.asarray(np.bincount(group, weights=fast, minlength=n_groups), dtype=np.float64),
        np.asarray(np.bincount(group, weights=slow, minlength=n_groups), dtype=np.float64),
    )


def merge(  # noqa: PLR0917 - two memories of three columns each
    fast_a: Column,
    slow_a: Column,
    dt_a: float | Column,
    fast_b: Column,
    slow_b: Column,
    dt_b: float | Column,
    parameters: Parameters,
) -> tuple[Column, Column]:
    """Propagate two memories of the same edges to one time and add them.

    Parameters
    ----------
    fast_a, slow_a, fast_b, slow_b : float64 (n,)
        The variables on both sides, each at its own as_of; left unchanged.
    dt_a, dt_b : float or float64 (n,)
        Days from each side's as_of to the common time, ≥ 0.
    parameters : Parameters
        τ_f, τ_s, C and κ, which both sides share.

    Returns
    -------
    fast, slow : float64 (n,)
        The variables at the common time, as if one memory had seen the events of both.

    Raises
    ------
    InputError
        If a Δ is negative or NaN, or the columns differ in length.

    Examples
    --------
    >>> from memini_kuzu.config import Parameters
    >>> fast, slow = merge(np.ones(1), np.zeros(1), 1.0, np.ones(1), np.zeros(1), 0.0, Parameters())
    >>> fast.round(5), slow.round(5)
    (array([1.452]), array([0.01025]))
    """
    fast, slow = propagate(fast_a, slow_a, dt_a, parameters)
    other_fast, other_slow = propagate(fast_b, slow_b, dt_b, parameters)
    return fast + other_fast, slow + other_slow


def peak(fast: Column, slow: Column) -> Column:
    """Monotone bound: no later fast or slow value exceeds it without a new event.

    Each variable relaxes towards the other and towards zero, so the larger of the two never grows.

    Parameters
    ----------
    fast, slow : float64 (n,)
        The variables at one time, ≥ 0.

    Returns
    -------
    float64 (n,)
        max(w_f, w_s).

    Examples
    --------
    >>> peak(np.array([0.2, 0.0]), np.array([0.1, 0.3]))
    array([0.2, 0.3])
    """
    return np.maximum(fast, slow)


def retained(fast: Column, slow: Column, threshold: float) -> NDArray[np.bool_]:
    """Edges to keep: those whose fast variable reaches the threshold, or may reach it by the coupling alone.

    Parameters
    ----------
    fast, slow : float64 (n,)
        The variables at one time, ≥ 0.
    threshold : float
        The strength below which an edge is forgotten.

    Returns
    -------
    bool (n,)
        False where the fast variable can never again reach the threshold without a new event.

    Examples
    --------
    >>> retained(np.array([0.2, 0.0, 0.0]), np.array([0.0, 0.2, 0.01]), 0.1)
    array([ True,  True, False])
    """
    return peak(fast, slow) >= threshold
