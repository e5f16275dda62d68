r"""Standing among rivals: of the passages that speak of what the cue asks, which says what holds now.

Words find what speaks of a matter. They cannot tell which of several answers is the present one: *the chief
executive is Cook* and *the chief executive is Jobs* hold the same words of the cue. What tells them apart is
when, and how often, each was said. So each saying is an event of the store's own dynamics, and what it says
is as strong as an association with these events would be. With

- x[i, t] and m[t], how well passage i covers cue word t, from 0 to 1, and what that word is worth, as in
  `activation`; a heading that the cue names, and the cue's meaning, are words as well,
- v[i, w] = idf(w) where passage i has word w, which is none of the cue's, and 0 where it has not,
- t[i], when i was said, and p_ff, the kernel of the fast variable (`dynamics.kernel`),

the passages that were said by the time that the cue asks about are compared:

    a_i     = Σ_t m_t x_it / Σ_t m_t                       the share of the cue that i speaks of
    c_ij    = Σ_t m_t min(x_it, x_jt) / Σ_t m_t x_it       the share of that which j speaks of as well
    σ_ij    = Σ_w min(v_iw, v_jw)² / Σ_w v_jw²             the share of what j says that i says too
    S_i     = p_ff(now - t_i) + Σ_j≠i a_j c_ij σ_ij p_ff(now - t_j)          the strength of what i says
    d_ij    = a_i a_j c_ij c_ji (1 - S_i / S_j)⁺           how far j displaces i; 0 where t_i = t_j
    score_i = L_i + min_j [ln(1 - d_ij) - d_ij (L_i - L_j)⁺]

Two passages are rivals in so far as both speak of what is asked, and of all of it: a_i a_j c_ij c_ji is read
as the probability that they answer the same question. If they do, the odds that i is needed fall in the ratio
of the strengths; so they fall to 1 - d_ij on the average. And in so far as i is displaced, its words are
worth no more than those of j: that one of two answers is the shorter sentence does not make it true.

What has no rival is left as it is: an allergy told once is not buried. So is everything where all was said at
one time, or where passages answer different parts of the cue. Scores and logarithms of odds may be added,
since both are logarithms of how much more probable something is. L is the score by words and activation; the
dates that the cue names are in the scores but not in L_i - L_j, for the kernel weighs them already.

References
----------
J. R. Anderson and L. J. Schooler, "Reflections of the environment in memory", Psychological Science 2 (1991):
need odds from the history of use, times the odds of the cue. M. K. Benna and S. Fusi, "Computational
principles of synaptic memory consolidation", Nature Neuroscience 19 (2016): the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memini_kuzu.dynamics import kernel
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.recall.candidates import Candidates
    from memini_kuzu.recall.cue import Cue
    from memini_kuzu.store.lookup import Lookup, Said

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["JUDGED", "Standings", "agreement", "compare", "judge", "nobody"]

JUDGED = 50
"""The best passages are compared with each other; the work grows with their square."""

HALF = 0.5
"""In the reasons that people read, what has more than half of what a passage says counts as saying it too,
and what more probably than not answers the same question as a rival. No score depends on it."""


@dataclass(frozen=True, slots=True)
class Standings:
    """How the passages stand that speak of what the cue asks.

    Parameters
    ----------
    row : int64 (n,)
        Rows of the candidates that were compared.
    time : int64 (n,)
        When each was said, milliseconds since 1970.
    strength : float64 (n,)
        S, the fast variable of what each says, at the time that the cue asks about.
    same : bool (n, n)
        Whether j says what i says.
    effect : float64 (n, n)
        What rival j takes from the score of i, ≤ 0.
    rivals : bool (n, n)
        Whether i and j answer the same question, more probably than not.
    """

    row: Ints
    time: Ints
    strength: Floats
    same: NDArray[np.bool_]
    effect: Floats
    rivals: NDArray[np.bool_]

    @property
    def change(self) -> Floats:
        """What is added to the scores: float64 (n,), ≤ 0."""
        least: Floats = np.array(self.effect.min(axis=1, initial=0.0), dtype=np.float64)
        return least

    def place(self, row: int) -> int | None:
        """Where a candidate is among those compared."""
        found = np.flatnonzero(self.row == row)
        return int(found[0]) if len(found) else None

    def rival(self, place: int) -> int | None:
        """The place of what displaces it most, or else of what it displaces most; none that says the same."""
        others = self.rivals[place] & ~self.same[place] & ~self.same[:, place]
        for effect in (self.effect[place], self.effect[:, place]):
            other = np.where(others, effect, 0.0)
            if other.min() < 0:
                return int(other.argmin())
        return None


def nobody() -> Standings:
    """Where nothing is compared.

    Examples
    --------
    >>> len(nobody().row)
    0
    """
    none = np.zeros(0, dtype=np.int64)
    square = np.zeros((0, 0))
    return Standings(none, none, np.zeros(0), square.astype(bool), square, square.astype(bool))


def agreement(said: Floats) -> Floats:
    """How much of what each passage says each other one says too.

    Parameters
    ----------
    said : float64 (n, n_words)
        v, what the words that each passage says are worth; 0 for those that it does not say.

    Returns
    -------
    float64 (n, n)
        σ; row i, column j: the share of what j says that i says. 1 on the diagonal.

    Examples
    --------
    >>> agreement(np.array([[2.0, 0.0], [2.0, 1.0]]))
    array([[1. , 0.8],
           [1. , 1. ]])
    """
    square, total = said**2, (said**2).sum(axis=1)[None, :]
    has = said > 0
    # most words are said once; and a product by BLAS would wait for its threads where the cores are busy
    several = has.sum(axis=0) > 1
    shared = np.einsum("iw,jw->ij", square[:, several], has[:, several].astype(np.float64))
    share: Floats = np.divide(shared, total, out=np.zeros_like(shared), where=total > 0)
    np.fill_diagonal(share, 1.0)
    return share


def compare(  # noqa: PLR0917 - the equations' own symbols
    x: Floats, mass: Floats, share: Floats, trace: Floats, time: Ints, score: Floats
) -> tuple[Floats, Floats, Floats]:
    """Strengths, what rivals take from each other's scores, and how probably they are rivals.

    Parameters
    ----------
    x : float64 (n, n_words)
        How well each passage covers each word of the cue, from 0 to 1.
    mass : float64 (n_words,)
        m, what each word is worth.
    share : float64 (n, n)
        σ, of `agreement`.
    trace : float64 (n,)
        p_ff, what is left of each saying.
    time : int64 (n,)
        When each was said; what was said at once is one statement and does not displace itself.
    score : float64 (n,)
        L.

    Returns
    -------
    strength : float64 (n,)
        S.
    effect : float64 (n, n)
        ln(1 - d_ij) - d_ij (L_i - L_j)⁺, ≤ 0.
    probability : float64 (n, n)
        a_i a_j c_ij c_ji.

    Examples
    --------
    Two answers to all of the cue, of which the older one is worn to a tenth:

    >>> x, mass, none, trace = np.ones((2, 1)), np.ones(1), np.eye(2), np.array([0.1, 1.0])
    >>> compare(x, mass, none, trace, np.array([0, 1]), np.ones(2))[1].round(2)
    array([[ 0. , -2.3],
           [ 0. ,  0. ]])

    To half of it, they may answer different questions:

    >>> compare(x / 2, mass, none, trace, np.array([0, 1]), np.ones(2))[1].round(2)
    array([[ 0.  , -0.25],
           [ 0.  ,  0.  ]])
    """
    n, total = len(x), mass.sum()
    both = np.zeros((n, n))
    # word by word: a long cue would otherwise take n² times its length at once
    for covered, worth in zip(x.T, mass, strict=True):
        both += worth * np.minimum(covered[:, None], covered[None, :])
    if total > 0:
        both /= total
    # a_i a_j c_ij c_ji: what both speak of is a_i c_ij, and a_j c_ji as well
    probability = both**2
    covers = np.diag(both).copy()
    as_well = np.divide(both, covers[:, None], out=np.zeros_like(both), where=covers[:, None] > 0)
    evidence = covers[None, :] * as_well * share
    np.fill_diagonal(evidence, 1.0)
    strength = evidence @ trace
    weaker = np.ones((n, n))
    # where nothing is left of either, neither stands above the other
    np.divide(strength[:, None], strength[None, :], out=weaker, where=strength[None, :] > strength[:, None])
    displaced = probability * (1.0 - weaker)
    displaced[time[:, None] == time[None, :]] = 0.0
    # what is displaced for certain keeps the smallest odds that there are
    np.minimum(displaced, 1.0 - np.finfo(np.float64).eps, out=displaced)
    ahead = np.maximum(score[:, None] - score[None, :], 0.0)
    # + 0.0: no negative zeros
    effect: Floats = np.log1p(-displaced) - displaced * ahead + 0.0
    return strength, effect, probability


def judge(
    lookup: Lookup, cue: Cue, passages: Candidates, x: Floats, mass: Floats, *, evoked: Floats
) -> Standings:
    """Compare the best candidates that were said by the time that the cue asks about.

    Parameters
    ----------
    lookup : Lookup
        Where: the kernel of the store weighs the sayings, and it knows how rare their words are.
    cue : Cue
        What is asked, and about when.
    passages : Candidates
        All that were found.
    x, mass : float64 (n_passages, n_words), float64 (n_words,)
        As of `activation`.
    evoked : float64 (n_passages,)
        The scores so far.

    Returns
    -------
    Standings
        Of at most `JUDGED` passages.
    """
    row = np.flatnonzero((passages.time <= cue.until) & (evoked > 0))
    row = row[np.argsort(-evoked[row], kind="stable")[:JUDGED]]
    time = passages.time[row]
    if not len(row) or (time == time[0]).all():
        return nobody()
    x, score = x[row], evoked[row]
    for facet in cue.facets:
        if facet.heading is None:
            score = score - facet.mass * facet.share(passages)[row]
        else:
            x, mass = np.column_stack([x, facet.share(passages)[row]]), np.append(mass, facet.mass)
    share = agreement(_said(lookup.said(passages.id[row], cue.words), len(row), lookup.sums.passages))
    trace = np.asarray(kernel((cue.until - time) / DAY, lookup.parameters).ff, dtype=np.float64)
    strength, effect, probability = compare(x, mass, share, trace, time, score)
    return Standings(row, time, strength, share.T > HALF, effect, probability > HALF)


def _said(words: Said, n_passages: int, known: int) -> Floats:
    """v: what each passage says beside the cue, by how rare its words are among those that are known."""
    # a writer may have added passages since they were counted
    idf = np.log1p((np.maximum(known - words.df, 0) + 0.5) / (words.df + 0.5))
    said = np.zeros((n_passages, len(words.df)))
    said[words.passage, words.word] = idf[words.word]
    return said
