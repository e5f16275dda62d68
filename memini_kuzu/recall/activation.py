r"""Spreading activation, one activation for each word of the cue.

The words of a cue spread separately, and only the read-out adds them up. What a passage covers itself or
hears from its neighbours and associates saturates word by word, so that a word counts once however many paths
bring it, while paths that bring different words converge. With

- x[p, t], how well passage p covers cue word t, from 0 to 1 (its lexical score over the best one),
- m[t], what word t is worth (its lexical score where it is covered best),
- a[s] = (score of seed s / best score)², the seeds' weights,

activation goes from the seeds to the entities that they mention, on along the associations by their strength
at the time of the cue, and back to the passages that mention them:

    y[e, t] = Σ_s a[s] x[s, t]                                  over the seeds s that mention e
    z[f, t] = γ Σ_e y[e, t] w_f(e, f; now) / Σ_f' w_f(e, f'; now)        the fan effect
    h[p, t] = Σ_e y[e, t] / (mentions(e) - 1)  +  Σ_f z[f, t] / mentions(f)
    u[p, t] = 1 - (1 - x[p, t]) exp(-h[p, t]) Π_o (1 - k_o x[neighbour o of p, t])
    score[p] = Σ_t m[t] u[p, t]  +  Σ_facets mass · membership[p]

Passages that e or f heads, which have its name as their title or are said by it, share its activation among
them alone: 1 / headings(e), where that is more. A passage does not excite itself: what a seed gave to an
entity is taken off before it comes back. Neighbours are the passages around p in its source, the same
episode: k_o = NEAR^|o|, half of that for what came after.
Facets (a date, a heading named in the cue) count like one more word whose mass is ln(1 + N / selected).

With an embedder, the cue's meaning is one more word t, covered by how far a passage stands out of the others
in cosine similarity c to the cue, and worth what a facet of so many members is:

    x[p, t] = ((c[p] - c̄) / (max c - c̄))²     from 0 to 1; c̄ is the mean of all but the most similar one
    m[t]    = ln(1 + N / Σ_p x[p, t])

References
----------
J. R. Anderson, "A spreading activation theory of memory", Journal of Verbal Learning and Verbal Behavior 22
(1983): the fan effect. M. W. Howard and M. J. Kahana, "A distributed representation of temporal context",
Journal of Mathematical Psychology 46 (2002): contiguity and its forward asymmetry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "NEAR",
    "REACH",
    "REVERSE",
    "contiguity",
    "deliver",
    "gather",
    "readout",
    "resemblance",
    "seed_weights",
    "step",
]

NEAR = 0.6
"""What the passage next to it lends of its words; the one after that NEAR², and so on."""

REVERSE = 0.5
"""What comes after counts half of what came before: recall runs forward (Howard and Kahana)."""

REACH = 4
"""Passages on either side that are heard; NEAR⁴ is an eighth."""

ASSOCIATION = 0.5
"""γ: an association brings half of what a mention brings."""

ROUNDING = 1e-6
"""Cosines of float32 vectors that differ by less are equal."""


def seed_weights(score: Floats) -> Floats:
    """How much each seed sends: the square of its score relative to the best, so that weak hits stay quiet.

    Examples
    --------
    >>> seed_weights(np.array([4.0, 2.0]))
    array([1.  , 0.25])
    """
    best = score.max(initial=0.0)
    return (score / best) ** 2 if best > 0 else np.zeros_like(score)


def resemblance(similarity: Floats) -> Floats:
    """How well passages cover what a cue means: how far they stand out of all that is compared.

    Embedders differ in how alike they find any two texts, so the mean of the other passages is the zero;
    squared as the seeds' weights are, so that what is a little like the cue, as half of a store is, stays
    quiet.

    Parameters
    ----------
    similarity : float64 (n_passages,)
        Cosines of all the passages with the cue.

    Returns
    -------
    float64 (n_passages,)
        From 0 to 1, which the most similar one has; where all are alike, all have it. 0 for a cosine ≤ 0.

    Examples
    --------
    >>> resemblance(np.array([0.9, 0.5, 0.1])).round(2)
    array([1.  , 0.11, 0.  ])
    >>> resemblance(np.array([0.9]))
    array([1.])
    """
    if not len(similarity):
        return np.zeros(0)
    best = similarity.max()
    # float64 sums of equals may differ by a rounding, which must not stand out
    others = float(np.delete(similarity, similarity.argmax()).mean()) if len(similarity) > 1 else 0.0
    zero = max(others, 0.0)
    if best - zero <= ROUNDING:
        alike: Floats = ((similarity >= best - ROUNDING) & (best > ROUNDING)).astype(np.float64)
        return alike
    share: Floats = (np.maximum(similarity - zero, 0.0) / (best - zero)) ** 2
    return share


def gather(sent: Floats, seed: Ints, entity: Ints, n_entities: int) -> Floats:
    """From the seeds to the entities that they mention.

    Parameters
    ----------
    sent : float64 (n_seeds, n_words)
        What each seed sends of each word, a x.
    seed, entity : int64 (n_mentions,)
        Which seed mentions which entity, as row numbers.
    n_entities : int
        How many entities there are.

    Returns
    -------
    float64 (n_entities, n_words)
        y of the module's equations.

    Examples
    --------
    >>> gather(np.array([[1.0], [0.5]]), np.array([0, 1]), np.array([0, 0]), 1)
    array([[1.5]])
    """
    return _sums((word[seed] for word in sent.T), entity, n_entities)


def step(  # noqa: PLR0917 - the sum's own symbols
    activation: Floats, source: Ints, target: Ints, strength: Floats, total: Floats, n_entities: int
) -> Floats:
    """One step along associations, each entity dividing its activation among its associates.

    Parameters
    ----------
    activation : float64 (n_sources, n_words)
        y.
    source : int64 (n_edges,)
        Row of the entity that each association leads from.
    target : int64 (n_edges,)
        Row of the entity that it leads to.
    strength : float64 (n_edges,)
        w_f at the time of the cue, ≥ 0.
    total : float64 (n_sources,)
        The sum of w_f over all associations that lead from each entity, whether among the edges or not.
    n_entities : int
        How many targets there are.

    Returns
    -------
    float64 (n_entities, n_words)
        z, with γ = `ASSOCIATION`.

    Examples
    --------
    >>> step(np.array([[1.0]]), np.array([0, 0]), np.array([0, 1]), np.array([3.0, 1.0]), np.array([4.0]), 2)
    array([[0.375],
           [0.125]])
    """
    whole = total[source]
    share = np.divide(strength, whole, out=np.zeros_like(strength), where=whole > 0)
    share *= ASSOCIATION
    return _sums((share * word[source] for word in activation.T), target, n_entities)


def _sums(values: Iterable[Floats], row: Ints, n_rows: int) -> Floats:
    """The sums of each column's values that fall into the same row: float64 (n_rows, n_columns)."""
    # column by column: bincount adds in the order of the values, an eighth of the time of np.add.at
    sums = [np.bincount(row, weights=each, minlength=n_rows) for each in values]
    found: Floats = np.ascontiguousarray(np.array(sums, dtype=np.float64).reshape(len(sums), n_rows).T)
    return found


def deliver(  # noqa: PLR0917 - the sum's own symbols
    activation: Floats, entity: Ints, passage: Ints, share: Floats, own: Floats, n_passages: int
) -> Floats:
    """From entities back to the passages that mention them.

    Parameters
    ----------
    activation : float64 (n_entities, n_words)
        y or z.
    entity, passage : int64 (n_mentions,)
        Which entity is mentioned by which passage, as row numbers.
    share : float64 (n_mentions,)
        What part of the entity's activation each passage gets.
    own : float64 (n_mentions, n_words)
        What the passage itself gave to the entity.
    n_passages : int
        How many passages there are.

    Returns
    -------
    float64 (n_passages, n_words)
        h of the module's equations.

    Examples
    --------
    >>> deliver(np.array([[1.0]]), np.array([0]), np.array([1]), np.array([0.5]), np.zeros((1, 1)), 2)
    array([[0. ],
           [0.5]])
    """
    # what is left after one's own part is taken off may fall below zero by a rounding
    arrived = (
        share * np.maximum(word[entity] - its, 0.0) for word, its in zip(activation.T, own.T, strict=True)
    )
    return _sums(arrived, passage, n_passages)


def contiguity(x: Floats, source: Ints, position: Ints) -> Floats:
    """What stays unsaid after the neighbours have spoken: Π_o (1 - k_o x[neighbour o]).

    Parameters
    ----------
    x : float64 (n_passages, n_words)
        Coverage.
    source, position : int64 (n_passages,)
        Where each passage stands; two of one source and position do not hear each other. A negative source
        is none: its passages have no neighbours.

    Returns
    -------
    float64 (n_passages, n_words)
        Factors from 0 to 1; 1 where there are no neighbours.

    Examples
    --------
    >>> contiguity(np.array([[1.0], [0.0]]), np.array([7, 7]), np.array([0, 1]))
    array([[1. ],
           [0.4]])
    """
    order = np.lexsort((position, source))
    source, position, covered = source[order], position[order], x[order]
    unsaid = np.ones_like(x)
    # a factor of 1 changes nothing: all rows at once are quicker than a choice of them
    lent = np.append(0.0, NEAR ** np.arange(1, REACH + 1))
    # positions of one source differ, so a neighbour within reach stands at most so many rows away
    for shift in range(1, min(REACH, len(order) - 1) + 1):
        offset = position[shift:] - position[:-shift]
        near = (source[shift:] == source[:-shift]) & (source[shift:] >= 0) & (offset > 0) & (offset <= REACH)
        weight = lent[np.where(near, offset, 0)][:, None]
        unsaid[shift:] *= 1.0 - weight * covered[:-shift]
        unsaid[:-shift] *= 1.0 - REVERSE * weight * covered[shift:]
    factor = np.empty_like(x)
    factor[order] = unsaid
    return factor


def readout(x: Floats, h: Floats, unsaid: Floats, mass: Floats) -> Floats:
    """The score of each passage: words add, each counted once.

    Parameters
    ----------
    x, h, unsaid : float64 (n_passages, n_words)
        Coverage, activation that arrived, and the factor of `contiguity`.
    mass : float64 (n_words,)
        m, what each word is worth.

    Returns
    -------
    float64 (n_passages,)
        From 0 to the sum of the masses.

    Examples
    --------
    >>> readout(np.array([[0.5]]), np.array([[0.0]]), np.array([[1.0]]), np.array([2.0]))
    array([1.])
    """
    score: Floats = (1.0 - (1.0 - x) * np.exp(-h) * unsaid) @ mass
    return score
