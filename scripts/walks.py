"""Beyond pair strengths: activation spreads over the memory, so that a pair never seen can be foreseen.

At the moment t of a question let W be the matrix of strengths w(s, o; t) of all pairs, from earlier events
only. Associations are walked in both directions, with the square root of their strength (so that yesterday's
one event does not drown a year of them), divided among a node's associations (the fan effect, ν = 1)::

    U = D⁻¹ (√W + √Wᵀ),     D the row sums

and a candidate's score is one linear form with few coefficients::

    (s, ?)      w(s,o) + ρ w(o,s) + Σ_h γ_h (Uʰ)(s,o) + η (P R P)(s,o) + π pop(o),       h = 2, 3, 5
    (s, k, ?)   w(s,k,o) + β w(s,o) + ρ w(o,s) + Σ_h γ_h (Uʰ)(s,o) + σ N[U² W_k](s,o) + π pop_k(o)

with w(s,k,o) the strength of the association by events of kind k, W_k its matrix, P = D⁻¹√W, R = D⁻¹√Wᵀ, N[·]
divided by row sums and pop(o) the share of all strength (of kind k) that points to o. An inverse question (?,
k, o) is the same with the roles exchanged. Strengths are evidence, activation is the prior, the coefficients
say how many events the prior is worth; where evidence is missing, the prior decides.

The coefficients are chosen on a validation span, in two steps. First they maximise the walk-forward
likelihood under Luce's choice rule, mean log(score(o*) / Σ_o score(o)), which is smooth and needs only the
scores of the true targets and the totals. From there a simplex (Nelder and Mead) climbs the mean reciprocal
rank itself, among each question's strongest rivals: likelihood is dominated by how improbable the hopeless
answers were, ranks are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from memini_kuzu.insight.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memini_kuzu.insight.forecast import Kernel

__all__ = [
    "PAIR_SIGNALS",
    "TRIPLE_SIGNALS",
    "Questions",
    "fit_coefficients",
    "pair_questions",
    "question_ranks",
    "refine_coefficients",
    "spread_ranks",
    "triple_questions",
]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

STEPS = (2, 3, 5)

PAIR_SIGNALS = ("direct", "reverse", *(f"{h} steps" for h in STEPS), "shared targets", "popularity")
"""The signals of `pair_questions`, in their order."""

TRIPLE_SIGNALS = (
    "direct",
    "pair",
    "reverse",
    *(f"{h} steps" for h in STEPS),
    "kind of similar",
    "popularity in kind",
)
"""The signals of `triple_questions`, in their order."""

SHORTLIST = 100
"""Rivals of each question that the simplex looks at."""

WIDTHS = (0.7, 1.0)
"""Initial size of the simplex at each restart: the objective is a staircase, on which one simplex stalls."""

TINY = 1e-9
"""Score of an answer without any signal, which has a logarithm."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked at one moment, with the signals for every candidate.

    Parameters
    ----------
    signals : float64 (n_signals, n_cues, n_entities)
        The first is the evidence itself.
    truth : bool (n_cues, n_entities)
        What then happened.
    known : bool (n_cues, n_entities)
        Whether the first signal's pair (or triple) was met before.
    """

    signals: Floats
    truth: Flags
    known: Flags


Ask: TypeAlias = Callable[[Stream, float, "Kernel"], Questions]


def strengths_at(
    row: Ints,
    column: Ints,
    time: Floats,
    amount: Floats,
    *,
    now: float,
    kernel: Kernel,
    shape: tuple[int, int],
) -> sparse.csr_array:
    """Strengths from strictly earlier events: sparse, of the given shape.

    Examples
    --------
    >>> zero = np.zeros(2, dtype=np.int64)
    >>> days, ones = np.arange(2.0), np.ones(2)
    >>> strengths_at(zero, zero, days, ones, now=1.0, kernel=np.ones_like, shape=(1, 1)).toarray()
    array([[1.]])
    """
    past = time < now
    entries = amount[past] * kernel(now - time[past])
    # tocsr sums the events of a pair
    return sparse.csr_array(sparse.coo_array((entries, (row[past], column[past])), shape=shape).tocsr())


def _divide_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Every row divided by its sum; empty rows stay empty."""
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.csr_array(sparse.diags_array(1 / np.where(total > 0, total, 1)) @ matrix)


def _transposed(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(matrix.T)


def walk_matrix(strength: sparse.csr_array) -> sparse.csr_array:
    """U = D⁻¹ (√W + √Wᵀ).

    Examples
    --------
    >>> walk_matrix(sparse.csr_array(np.array([[0.0, 4.0], [0.0, 0.0]]))).toarray()
    array([[0., 1.],
           [1., 0.]])
    """
    root = strength.sqrt()
    return _divide_rows(sparse.csr_array(root + root.T))


def activation(walk: sparse.csr_array, seeds: Ints) -> Floats:
    """Activation of every node after each of `STEPS` from each seed: float64 (n_steps, n_seeds, n_nodes).

    Examples
    --------
    >>> swap = sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> activation(swap, np.array([0]))[:, 0]
    array([[1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    spread = _transposed(walk)
    state = walk[seeds].toarray().T
    after = {1: state.T}
    for h in range(2, max(STEPS) + 1):
        state = np.asarray(spread @ state)
        after[h] = state.T
    return np.stack([after[h] for h in STEPS])


def shared_targets(strength: sparse.csr_array, seeds: Ints) -> Floats:
    """What the sources that share targets with each seed turn to: P R P, float64 (n_seeds, n_nodes).

    Examples
    --------
    >>> strength = sparse.csr_array(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    >>> shared_targets(strength, np.array([0]))
    array([[0.25, 0.  , 0.75]])
    """
    root = strength.sqrt()
    forward, backward = _divide_rows(root), _divide_rows(_transposed(root))
    return np.asarray((sparse.csr_array(forward[seeds] @ backward) @ forward).toarray(), dtype=np.float64)


def pair_questions(stream: Stream, now: float, kernel: Kernel) -> Questions:
    """(source, ?) for every source that acts at a moment.

    Parameters
    ----------
    stream : Stream
        Events.
    now : float
        The moment, days since 1970.
    kernel : Kernel
        Of the strengths.

    Returns
    -------
    Questions
        With `PAIR_SIGNALS`.

    Examples
    --------
    >>> zero = np.zeros(2, dtype=np.int64)
    >>> stream = Stream(zero, zero + 1, np.arange(2.0), np.ones(2), zero, 2, 0)
    >>> pair_questions(stream, 1.0, np.ones_like).signals[0]
    array([[0., 1.]])
    """
    shape = (stream.n_entities, stream.n_entities)
    strength = strengths_at(
        stream.source, stream.target, stream.time, stream.amount, now=now, kernel=kernel, shape=shape
    )
    today = np.flatnonzero(stream.time == now)
    cues, cue = np.unique(stream.source[today], return_inverse=True)
    truth = np.zeros((len(cues), stream.n_entities), dtype=np.bool_)
    truth[cue, stream.target[today]] = True
    direct = strength[cues].toarray()
    popularity = np.asarray(strength.sum(axis=0)).ravel()
    signals = np.concatenate(
        [
            [direct, _transposed(strength)[cues].toarray()],
            activation(walk_matrix(strength), cues),
            [shared_targets(strength, cues)],
            [_share(np.broadcast_to(popularity, direct.shape))],
        ]
    )
    return Questions(signals=signals, truth=truth, known=direct > 0)


def triple_questions(stream: Stream, now: float, kernel: Kernel) -> Questions:
    """(source, kind, ?) and (?, kind, target) for every event at a moment.

    An inverse question is asked of the target, as the kind ``kind + n_kinds``: the literature's way.

    Parameters
    ----------
    stream : Stream
        Events with kinds.
    now : float
        The moment, days since 1970.
    kernel : Kernel
        Of the strengths.

    Returns
    -------
    Questions
        With `TRIPLE_SIGNALS`.

    Examples
    --------
    >>> zero = np.zeros(2, dtype=np.int64)
    >>> stream = Stream(zero, zero + 1, np.arange(2.0), np.ones(2), zero, 2, 1)
    >>> triple_questions(stream, 1.0, np.ones_like).signals[0]
    array([[0., 1.],
           [1., 0.]])
    """
    n, n_kinds = stream.n_entities, 2 * stream.n_kinds
    subject = np.concatenate([stream.source, stream.target])
    kind = np.concatenate([stream.kind, stream.kind + stream.n_kinds])
    answer = np.concatenate([stream.target, stream.source])
    time, amount = np.tile(stream.time, 2), np.tile(stream.amount, 2)

    today = np.flatnonzero(time == now)
    cues, cue = np.unique(kind[today] * n + subject[today], return_inverse=True)
    truth = np.zeros((len(cues), n), dtype=np.bool_)
    truth[cue, answer[today]] = True
    cue_kind, cue_subject = np.divmod(cues, n)
    subjects, of_subject = np.unique(cue_subject, return_inverse=True)

    strength = strengths_at(
        stream.source, stream.target, stream.time, stream.amount, now=now, kernel=kernel, shape=(n, n)
    )
    by_kind = strengths_at(
        kind * n + subject, answer, time, amount, now=now, kernel=kernel, shape=(n_kinds * n, n)
    )
    walk = walk_matrix(strength)
    inverse = cue_kind >= stream.n_kinds
    both = sparse.csr_array(sparse.vstack([strength, strength.T]))
    similar = sparse.csr_array(walk[subjects] @ walk)
    of_similar, popularity = np.zeros(truth.shape), np.zeros(truth.shape)
    for k in np.unique(cue_kind):
        rows = np.flatnonzero(cue_kind == k)
        of_kind = by_kind[k * n : (k + 1) * n]
        of_similar[rows] = (similar[of_subject[rows]] @ of_kind).toarray()
        popularity[rows] = np.asarray(of_kind.sum(axis=0)).ravel()
    direct = by_kind[cues].toarray()
    signals = np.concatenate(
        [
            [direct, both[cue_subject + n * inverse].toarray(), both[cue_subject + n * ~inverse].toarray()],
            activation(walk, subjects)[:, of_subject],
            [_share(of_similar), _share(popularity)],
        ]
    )
    return Questions(signals=signals, truth=truth, known=direct > 0)


def _share(values: Floats) -> Floats:
    """Each row divided by its sum; empty rows stay zero."""
    return np.asarray(values / np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))


def _asked(
    ask: Ask, stream: Stream, moments: Floats, kernel: Kernel, progress: Callable[[], None]
) -> Iterator[Questions]:
    for now in moments.tolist():
        yield ask(stream, now, kernel)
        progress()


def fit_coefficients(
    ask: Ask,
    stream: Stream,
    moments: Floats,
    kernel: Kernel,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Floats:
    """Coefficients of the signals by likelihood, the first fixed to 1.

    Parameters
    ----------
    ask : callable
        `pair_questions` or `triple_questions`.
    stream : Stream
        Events.
    moments : float64 (n,)
        Of the span that the coefficients are chosen on.
    kernel : Kernel
        Of the strengths.
    progress : callable
        Called once a moment.

    Returns
    -------
    float64 (n_signals,)
        Each ≥ 0.
    """
    true_parts, total_parts = [], []
    for asked in _asked(ask, stream, moments, kernel, progress):
        cue = np.nonzero(asked.truth)[0]
        true_parts.append(asked.signals[:, asked.truth])
        total_parts.append(asked.signals.sum(axis=2)[:, cue])
    true, total = np.concatenate(true_parts, axis=1), np.concatenate(total_parts, axis=1)

    def objective(logarithms: Floats) -> tuple[float, Floats]:
        c = np.append(1.0, np.exp(logarithms))
        score, mass = c @ true + TINY, c @ total + stream.n_entities * TINY
        slope = (total / mass - true / score).mean(axis=1)
        return -float(np.mean(np.log(score / mass))), (c * slope)[1:]

    n_free = len(true) - 1
    result = optimize.minimize(
        objective, np.full(n_free, -2.0), jac=True, method="L-BFGS-B", bounds=[(-12.0, 6.0)] * n_free
    )
    return np.append(1.0, np.exp(result.x))


def refine_coefficients(
    ask: Ask,
    stream: Stream,
    moments: Floats,
    kernel: Kernel,
    start: Floats,
    *,
    progress: Callable[[], None] = lambda: None,
) -> Floats:
    """Climb the mean reciprocal rank by a simplex over the logarithms of the coefficients.

    Parameters
    ----------
    ask, stream, moments, kernel, progress
        As for `fit_coefficients`.
    start : float64 (n_signals,)
        Where to begin; it also chooses the rivals.

    Returns
    -------
    float64 (n_signals,)
        The first is 1.
    """
    true_parts, rival_parts = [], []
    size = min(SHORTLIST, stream.n_entities - 1)
    for asked in _asked(ask, stream, moments, kernel, progress):
        cue, _ = np.nonzero(asked.truth)
        score = np.where(asked.truth, -np.inf, np.tensordot(start, asked.signals, 1))
        best = np.argpartition(-score, size, axis=1)[:, :size]
        rivals = np.take_along_axis(asked.signals, best[None], axis=2).astype(np.float32)
        true_parts.append(asked.signals[:, asked.truth].astype(np.float32))
        rival_parts.append(rivals[:, cue])
    true, rival = np.concatenate(true_parts, axis=1), np.concatenate(rival_parts, axis=1)

    def objective(logarithms: Floats) -> float:
        c = np.append(1.0, np.exp(logarithms)).astype(np.float32)
        value = np.tensordot(c, true, 1)[:, None]
        rivals = np.tensordot(c, rival, 1)
        above = np.count_nonzero(rivals > value, axis=1) + np.count_nonzero(rivals == value, axis=1) / 2
        return -float(np.mean(1 / (1 + above)))

    theta = np.log(np.maximum(start[1:], 1e-4))  # a coefficient of 0 could never come back
    for width in WIDTHS:
        theta = optimize.minimize(
            objective,
            theta,
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([theta, theta + width * np.eye(len(theta))]),
                "maxfev": 25 * len(theta),
                "xatol": 0.01,
                "fatol": 1e-6,
            },
        ).x
    return np.append(1.0, np.exp(theta))


def question_ranks(asked: Questions, coefficients: Floats) -> Floats:
    """Filtered rank of every true answer among all candidates; ties take the mean.

    Examples
    --------
    >>> truth = np.array([[False, True, False]])
    >>> asked = Questions(np.array([[[1.0, 2.0, 2.0]]]), truth, truth)
    >>> question_ranks(asked, np.ones(1))
    array([1.5])
    """
    score = np.tensordot(coefficients, asked.signals, 1)
    cue, answer = np.nonzero(asked.truth)
    value = score[cue, answer][:, None]
    rivals = np.where(asked.truth, -np.inf, score)[cue]
    return np.asarray(
        1.0 + np.count_nonzero(rivals > value, axis=1) + np.count_nonzero(rivals == value, axis=1) / 2.0
    )


def spread_ranks(
    ask: Ask,
    stream: Stream,
    moments: Floats,
    kernel: Kernel,
    coefficients: Sequence[Floats],
    *,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Floats, Flags]:
    """Ranks of all questions of a span under each set of coefficients, in one pass.

    Parameters
    ----------
    ask, stream, moments, kernel, progress
        As for `fit_coefficients`.
    coefficients : sequence of float64 (n_signals,)
        The sets.

    Returns
    -------
    ranks, known : float64 (n_sets, n_questions), bool (n_questions,)
        And whether the pair (triple) had been met before.
    """
    found, known = [], []
    for asked in _asked(ask, stream, moments, kernel, progress):
        found.append(np.stack([question_ranks(asked, c) for c in coefficients]))
        known.append(asked.known[asked.truth])
    return np.concatenate(found, axis=1), np.concatenate(known)
