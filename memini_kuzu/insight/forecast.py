"""The next-association protocol: how well strengths predict the next event of a source.

Take a list of dated events (source → target) in order of time. Before the events of one moment are revealed,
every source that acts in it ranks all candidates by their strength just then. The memory is linear, so the
strength of a pair is the sum of one *kernel* over the lags to its past events::

    S(s, o; t) = Σ_{events e of (s, o), t_e < t} amount_e · k(t - t_e)

and the choice of model is the choice of k::

    count              k(Δ) = 1
    one exponential    k(Δ) = e^(-Δ/τ)
    fast variable      k(Δ) = p_ff(Δ)          dynamics.kernel
    power law          k(Δ) = Δ^(-d)
    chain              k(Δ) = p_11(Δ)          chain.respond

`Histories` holds the lags once, as a sparse matrix H (candidate rows × distinct lags), so that the strengths
under any kernel are one product, S = H k.

Ranks follow the literature on temporal knowledge graphs: the other true targets of the same question at the
same time are dropped (time-aware filter), ties take the mean rank, never-seen candidates share the last
places.

References
----------
J. Gastinger et al., "History repeats itself: a baseline for temporal knowledge graph forecasting", IJCAI
(2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = [
    "Histories",
    "Kernel",
    "Scores",
    "blocks",
    "distinct",
    "exponential",
    "histories",
    "power_law",
    "rank_all",
    "ranks",
    "recency",
    "scores",
    "two_exponentials",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Kernel: TypeAlias = Callable[[Floats], Floats]
"""Lags in days, > 0, to what one event still weighs."""

BLOCK_LAGS = 2_000_000
"""Lags laid out at a time: bounds the memory of temporaries to about 200 MB."""

MAX_LAGS = 20_000_000
"""Lags of a span at most; above it a random sample of the questions is asked."""

WHOLE_DAYS = 1e6
"""Lags of whole days below this many are numbered without a sort."""


@dataclass(frozen=True, slots=True)
class Histories:
    """The questions of a span, their known candidates, and the lags to each candidate's past events.

    A *group* is one (source, time) with at least one event; a *row* is one candidate that the group's source
    met before that time. Rows are sorted by group.

    Parameters
    ----------
    n_true, n_true_known : int64 (n_groups,)
        Distinct true targets, and those among them that are rows.
    group : int64 (n_rows,)
        The row's group.
    is_true : bool (n_rows,)
        Whether the candidate is one of the group's true targets.
    events : sparse (n_rows, n_lags)
        Amounts of the past events of the row's pair, by lag.
    lags : float64 (n_lags,)
        Distinct lags in days, > 0.
    last_lag : float64 (n_rows,)
        Days since the pair's latest event.
    n_candidates : int
        How many candidates are ranked, known or not.
    """

    n_true: Ints
    n_true_known: Ints
    group: Ints
    is_true: Flags
    events: sparse.csr_array
    lags: Floats
    last_lag: Floats
    n_candidates: int

    def strengths(self, kernel: Kernel) -> Floats:
        """Strength of every row under a kernel: float64 (n_rows,)."""
        return np.asarray(self.events @ kernel(self.lags), dtype=np.float64)


class Scores(dict[str, float]):
    """Scores in per cent by name: ``mrr``, ``hits@1``, ``hits@10``."""


def histories(
    source: Ints,
    target: Ints,
    time: Floats,
    amount: Floats,
    queried: Flags,
    *,
    n_candidates: int,
) -> Histories:
    """Lay out the questions of the marked events, and all that was known when each was asked.

    Parameters
    ----------
    source, target : int64 (n_events,)
        Codes from 0. A source may be any cue: an actor, or an actor and a kind.
    time : float64 (n_events,)
        Days.
    amount : float64 (n_events,)
        What each event weighs.
    queried : bool (n_events,)
        Events to predict; each distinct (source, target, time) is one question.
    n_candidates : int
        How many candidates there are, seen or not.

    Returns
    -------
    Histories
        With no rows where no source was met before.

    Examples
    --------
    >>> zero = np.zeros(3, dtype=np.int64)
    >>> last = np.array([False, False, True])
    >>> asked = histories(zero, zero + 1, np.arange(3.0), np.ones(3), last, n_candidates=2)
    >>> asked.lags, asked.strengths(np.ones_like)
    (array([1., 2.]), array([2.]))
    """
    moments, step = np.unique(time, return_inverse=True)
    n_steps = len(moments)
    order = np.lexsort((step, target, source))
    starts_pair = _changes(source[order] * n_candidates + target[order])
    pair_start = np.flatnonzero(starts_pair)
    pair_source, pair_target = source[order][pair_start], target[order][pair_start]
    event_key = (np.cumsum(starts_pair) - 1) * n_steps + step[order]  # ascending: (pair, step)

    # groups: distinct (source, step) among the queried events; truths: distinct (source, step, target)
    truth = np.unique(np.stack([source[queried] * n_steps + step[queried], target[queried]], axis=1), axis=0)
    group_key, group_of_truth = np.unique(truth[:, 0], return_inverse=True)
    group_source, group_step = np.divmod(group_key, n_steps)

    # rows: every pair of the group's source whose first event comes before the group's step
    first = np.searchsorted(pair_source, group_source, side="left")
    count = np.searchsorted(pair_source, group_source, side="right") - first
    row_pair, row_group = _ranges(first, count), np.repeat(np.arange(len(group_key)), count)
    known = step[order][pair_start][row_pair] < group_step[row_group]
    row_pair, row_group = row_pair[known], row_group[known]
    is_true = np.isin(
        row_group * n_candidates + pair_target[row_pair], group_of_truth * n_candidates + truth[:, 1]
    )

    # entries: the events of the row's pair before the group's step, as lags
    begin = pair_start[row_pair]
    end = np.searchsorted(event_key, row_pair * n_steps + group_step[row_group], side="left")
    entry = _ranges(begin, end - begin)
    now = moments[group_step[row_group]]
    lags, column = distinct(np.repeat(now, end - begin) - moments[step[order][entry]])
    events = sparse.csr_array(
        (amount[order][entry], column.astype(np.int32), np.append(0, np.cumsum(end - begin))),
        shape=(len(row_pair), len(lags)),
    )
    events.sum_duplicates()
    return Histories(
        n_true=np.bincount(group_of_truth, minlength=len(group_key)),
        n_true_known=np.bincount(row_group[is_true], minlength=len(group_key)),
        group=row_group,
        is_true=is_true,
        events=events,
        lags=lags,
        last_lag=now - moments[step[order][end - 1]],
        n_candidates=n_candidates,
    )


def blocks(
    source: Ints,
    target: Ints,
    time: Floats,
    amount: Floats,
    queried: Flags,
    *,
    n_candidates: int,
    seed: int = 0,
) -> list[Histories]:
    """Histories of a span, laid out in pieces that memory bears.

    Parameters
    ----------
    source, target, time, amount, queried, n_candidates
        As for `histories`.
    seed : int
        Of the sample of questions that is taken where there are more than ``MAX_LAGS`` lags.

    Examples
    --------
    >>> zero = np.zeros(3, dtype=np.int64)
    >>> len(blocks(zero, zero, np.arange(3.0), np.ones(3), np.ones(3, dtype=np.bool_), n_candidates=1))
    1
    """
    moments, step = np.unique(time, return_inverse=True)
    key = source * len(moments) + step
    groups, group_of = np.unique(key[queried], return_inverse=True)
    ordered = np.sort(key)
    # a group's lags: the events of its source before its step
    size = np.searchsorted(ordered, groups) - np.searchsorted(ordered, groups // len(moments) * len(moments))
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    kept = np.zeros(len(groups), dtype=np.bool_)
    kept[shuffled[np.cumsum(size[shuffled]) <= max(MAX_LAGS, int(size.max(initial=0)))]] = True
    piece = np.where(kept, np.cumsum(np.where(kept, size, 0)) // BLOCK_LAGS, -1)
    asked = np.full(len(source), -1)
    asked[queried] = piece[group_of]
    return [
        histories(source, target, time, amount, asked == number, n_candidates=n_candidates)
        for number in np.unique(piece[piece >= 0])
    ]


def ranks(questions: Histories, strength: Floats) -> Floats:
    """Filtered rank of every question.

    Parameters
    ----------
    questions : Histories
        What is asked.
    strength : float64 (n_rows,)
        Of each known candidate. They come before all unknown ones, however weak.

    Returns
    -------
    float64 (n_questions,)
        From 1, the answers that were known first; with a half where ties take the mean.

    Examples
    --------
    >>> source, target = np.zeros(4, dtype=np.int64), np.array([0, 1, 1, 0])
    >>> last = np.arange(4) == 3
    >>> asked = histories(source, target, np.arange(4.0), np.ones(4), last, n_candidates=9)
    >>> ranks(asked, asked.strengths(np.ones_like))
    array([2.])
    """
    order = np.lexsort((strength, questions.group))
    group, value, true = questions.group[order], strength[order], questions.is_true[order]
    starts_run = _changes(group) | _changes(value)
    run = np.cumsum(starts_run) - 1
    run_start = np.flatnonzero(starts_run)
    run_end = np.append(run_start[1:], len(order))
    false_before = np.append(0, np.cumsum(~true))  # distractors among the first i rows
    above = false_before[np.searchsorted(group, group, side="right")] - false_before[run_end[run]]
    tied = false_before[run_end[run]] - false_before[run_start[run]]
    seen = (1.0 + above + tied / 2.0)[true]

    n_known = np.bincount(questions.group, minlength=len(questions.n_true))
    n_unseen_true = questions.n_true - questions.n_true_known
    above_unseen = n_known - questions.n_true_known
    unseen_tied = questions.n_candidates - n_known - n_unseen_true
    unseen = np.repeat(1.0 + above_unseen + unseen_tied / 2.0, n_unseen_true)
    return np.concatenate([seen, unseen])


def rank_all(span: list[Histories], strength: Callable[[Histories], Floats]) -> Floats:
    """Ranks of all questions of a span.

    Examples
    --------
    >>> rank_all([], recency).shape
    (0,)
    """
    return np.concatenate([np.empty(0), *(ranks(piece, strength(piece)) for piece in span)])


def scores(rank: Floats) -> Scores:
    """Mean reciprocal rank and hits, in per cent.

    Examples
    --------
    >>> scores(np.array([1.0, 2.0, 20.0]))
    {'mrr': 51.67, 'hits@1': 33.33, 'hits@10': 66.67}
    """
    return Scores(
        {
            "mrr": round(100 * float(np.mean(1 / rank)), 2),
            "hits@1": round(100 * float(np.mean(rank <= 1)), 2),
            "hits@10": round(100 * float(np.mean(rank <= 10)), 2),  # noqa: PLR2004 - as its name says
        }
    )


def recency(questions: Histories) -> Floats:
    """Score by the latest event; where that ties, by the number of events.

    Examples
    --------
    >>> zero = np.zeros(3, dtype=np.int64)
    >>> asked = histories(zero, zero, np.arange(3.0), np.ones(3), np.arange(3) == 2, n_candidates=1)
    >>> recency(asked).round(3)
    array([-0.6])
    """
    count = questions.strengths(np.ones_like)
    # below half of the smallest difference of lags, so that it decides ties only
    gap = np.diff(questions.lags).min(initial=1.0)
    return np.asarray(
        gap * count / (1.0 + 2.0 * count.max(initial=1.0)) - questions.last_lag, dtype=np.float64
    )


def exponential(tau: float) -> Kernel:
    """One exponential with time constant τ in days.

    Examples
    --------
    >>> exponential(2.0)(np.array([2.0])).round(3)
    array([0.368])
    """
    return lambda lag: np.exp(-lag / tau)


def power_law(d: float) -> Kernel:
    """Δ^(-d).

    Examples
    --------
    >>> power_law(0.5)(np.array([4.0]))
    array([0.5])
    """
    return lambda lag: np.asarray(lag**-d, dtype=np.float64)


def two_exponentials(fast: float, slow: float, slow_share: float) -> Kernel:
    """p_ff by its effective time constants: (1 - A) e^(-Δ/T_fast) + A e^(-Δ/T_slow).

    Examples
    --------
    >>> two_exponentials(1.2, 252.0, 0.014)(np.array([1.0])).round(2)
    array([0.44])
    """
    return lambda lag: (1 - slow_share) * np.exp(-lag / fast) + slow_share * np.exp(-lag / slow)


def distinct(lag: Floats) -> tuple[Floats, Ints]:
    """Distinct lags, ascending, and the index of each; without a sort where all are whole days.

    Examples
    --------
    >>> distinct(np.array([3.0, 1.0, 3.0]))
    (array([1., 3.]), array([1, 0, 1]))
    """
    if len(lag) and lag.max() < WHOLE_DAYS:
        whole = lag.astype(np.int64)
        if np.array_equal(whole, lag):
            present = np.bincount(whole) > 0
            return np.flatnonzero(present).astype(np.float64), (np.cumsum(present) - 1)[whole]
    lags, column = np.unique(lag, return_inverse=True)
    return lags, column


def _changes(values: Ints | Floats) -> Flags:
    """Which entries differ from the one before; the first does."""
    changed = np.ones(len(values), dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _ranges(starts: Ints, counts: Ints) -> Ints:
    """Each start's arange(start, start + count), one after the other."""
    offsets = np.cumsum(counts) - counts
    return np.repeat(starts - offsets, counts) + np.arange(int(counts.sum()))
