r"""All that leads from an entity as one sum, which a change of a few associations changes by a few additions.

The strength of an association is the sum of two exponentials, of which one lasts and one passes (the
eigenmodes of the equation of `memini_kuzu.dynamics`). With w_f and w_s at its as_of t, and the constants
`share_slow`, `share_fast` and `exchange` of `Spectrum`,

    w_f(now) = l e^(-λ1 (now - u)) + p e^(-λ2 (now - u))
    l = (share_slow w_f + exchange w_s) e^(-λ1 (u - t))
    p = (share_fast w_f - exchange w_s) e^(-λ2 (u - t))

for any time u. An entity has one u for all that lead from it: the end of the span of some weeks in which the
latest of them was told. It stays while that span lasts, and with it stay the l and p of what was not told
again. They are added up without rounding, so that one can be taken out of the sum again; thus a sum that
followed many changes is the same number as one made of all associations.

References
----------
R. M. Neal, "Fast exact summation using small and large superaccumulators", arXiv 1505.05571 (2015).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memini_kuzu.dynamics import Spectrum, spectrum
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["BLOCK", "EARLIEST", "MANY", "Modes", "Parts", "exact_sums", "greatest", "rounded"]

MANY = 256
"""Associations of an entity from which on their sum is that of their parts. Of fewer the strengths themselves
are added up: these are read anyway."""

SPAN = 64.0
"""Spans are no longer than so many times 1/λ2: a power of e that a double holds, and its reciprocal too."""

LONGEST = 60
"""And no longer than two to this power, in milliseconds: their ends are numbers of 64 bits."""

EARLIEST = -(1 << 62)
"""Before all times."""

LIMB = 32
"""Bits of each whole number that a value is cut into; a value reaches into three, one after the other."""

LEAST = 36 * LIMB
"""Sums are multiples of two to the minus so much: every double is one."""

LIMBS = 69
"""So many hold every double: the greatest is below 2¹⁰²⁴."""

BLOCK = 1 << 13
"""Values that are added up at once: what comes between stays in the processor's cache."""


def greatest(values: Floats, owner: Ints, n: int) -> Floats:
    """The greatest value of each owner: float64 (n,), ≥ 0."""
    found = np.zeros(n)
    np.maximum.at(found, owner, values)
    return found


def exact_sums(values: Floats, owner: Ints, n: int) -> list[int]:
    """The sum of the values of each owner, in multiples of 2⁻¹¹⁵²: not rounded, whatever the values are.

    Parameters
    ----------
    values : float64 (k,)
        Finite.
    owner : int64 (k,)
        Whose each is, from 0 to n - 1.
    n : int
        How many owners there are.

    Examples
    --------
    >>> [rounded(each) for each in exact_sums(np.array([1e300, 1.0, -1e300, 0.1]), np.array([0, 0, 0, 1]), 2)]
    [1.0, 0.1]
    """
    limbs = np.zeros(n * LIMBS, dtype=np.int64)
    for start in range(0, len(values), BLOCK):
        fraction, exponent = np.frexp(values[start : start + BLOCK])
        place = exponent + LEAST
        limb = owner[start : start + BLOCK] * LIMBS + place // LIMB
        rest = np.ldexp(fraction, place & (LIMB - 1))
        for lower in range(3):
            # below 2³²: a double holds the sums of a block, 64 bits those of 2³¹ values
            whole = np.trunc(rest)
            limbs += np.bincount(limb - lower, weights=whole, minlength=len(limbs)).astype(np.int64)
            rest = (rest - whole) * 2.0**LIMB
    table = limbs.reshape(n, LIMBS)
    used = np.flatnonzero(table.any(axis=0))
    least, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    sums = []
    for row in table[:, least:end][:, ::-1].tolist():
        total = 0
        for limb in row:
            total = (total << LIMB) + limb
        sums.append(total << least * LIMB)
    return sums


def rounded(exact: int) -> float:
    """The double nearest to a sum of `exact_sums`."""
    return exact / (1 << LEAST)


class Modes(NamedTuple):
    """The two exponentials of a set of parameters.

    Parameters
    ----------
    spectrum : Spectrum
        Their rates and weights.
    span : int
        Milliseconds: a power of two.
    """

    spectrum: Spectrum
    span: int

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, parameters: Parameters) -> Modes:
        """Those of these parameters."""
        constants = spectrum(parameters)
        _, bits = np.frexp(max(SPAN / constants.rate_fast * DAY, 1.0))
        return cls(constants, 1 << min(int(bits) - 1, LONGEST))

    def until(self, latest: Ints) -> Ints:
        """The ends of the spans in which these times are, in milliseconds since 1970."""
        return -(-latest // self.span) * self.span

    def parts(self, fast: Floats, slow: Floats, later: Ints) -> tuple[Floats, Floats]:
        """L and p of associations so many milliseconds later than their as_of.

        Both are ≥ 0, but for roundings: events bring them to w_f alone.
        """
        constants, days = self.spectrum, later / DAY
        lasting = (constants.share_slow * fast + constants.exchange * slow) * np.exp(
            -constants.rate_slow * days
        )
        passing = (constants.share_fast * fast - constants.exchange * slow) * np.exp(
            -constants.rate_fast * days
        )
        return lasting, passing

    def factors(self, until: Ints, now: int) -> tuple[Floats, Floats]:
        """What l and p of these times have to be multiplied by for a time."""
        days = (until - now) / DAY
        return np.exp(self.spectrum.rate_slow * days), np.exp(self.spectrum.rate_fast * days)

    def strength(self, lasting: Floats, passing: Floats, until: Ints, now: int) -> Floats:
        """w_f at a time, or a sum of them, of what l and p are at these times."""
        lasts, passes = self.factors(until, now)
        strength: Floats = lasting * lasts + passing * passes
        return strength


class Parts(NamedTuple):
    """l and p of associations that lead from n entities.

    Parameters
    ----------
    owner : int64 (k,)
        Which entity each leads from.
    lasting, passing : float64 (k,)
        At `until` of the entity.
    latest : int64 (n,)
        The latest as_of of those that lead from each entity; `EARLIEST` where none does.
    until : int64 (n,)
        The end of the span in which that is.
    """

    owner: Ints
    lasting: Floats
    passing: Floats
    latest: Ints
    until: Ints

    @classmethod
    def of(  # noqa: PLR0917 - the columns of associations
        cls, owner: Ints, fast: Floats, slow: Floats, as_of: Ints, n: int, modes: Modes
    ) -> Parts:
        """From associations as they are stored."""
        latest = np.full(n, EARLIEST)
        np.maximum.at(latest, owner, as_of)
        until = modes.until(latest)
        return cls(owner, *modes.parts(fast, slow, until[owner] - as_of), latest, until)

    def sums(self) -> tuple[list[int], list[int]]:
        """The exact sums of both, of each entity."""
        n = len(self.latest)
        return exact_sums(self.lasting, self.owner, n), exact_sums(self.passing, self.owner, n)

    def total(self, now: int, modes: Modes) -> Floats:
        """The sum of all strengths of each entity at a time: float64 (n,)."""
        lasting, passing = (np.array([rounded(each) for each in sums]) for sums in self.sums())
        return modes.strength(lasting, passing, self.until, now)

    def foremost(self, k: int, others: Ints, now: int, modes: Modes) -> list[Ints]:
        """The rows of those k of each entity that may bring most to a passage, of so many others each."""
        lasts, passes = (factor[self.owner] for factor in modes.factors(self.until, now))
        worth = np.maximum(self.lasting * lasts, self.passing * passes) / others
        order = np.argsort(self.owner, kind="stable")
        ends = np.cumsum(np.bincount(self.owner, minlength=len(self.latest)))
        return [
            rows[np.argpartition(worth[rows], len(rows) - k)[-k:]] if len(rows) > k else rows
            for rows in np.split(order, ends[:-1])
        ]

    def most(self, apart: Ints, others: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """The greatest l and p of each entity but for rows that are apart, and the greatest for each passage.

        Parameters
        ----------
        apart : int64 (n_apart,)
            Rows of associations.
        others : int64 (k,)
            How many passages beside one mention what each leads to; 1 where none does.

        Returns
        -------
        lasting, passing, lasting_shared, passing_shared : float64 (n,)
            Each ≥ 0.
        """
        n = len(self.latest)
        rest = (self.lasting.copy(), self.passing.copy())
        for each in rest:
            each[apart] = 0.0
        lasting, passing = (greatest(each, self.owner, n) for each in rest)
        lasting_shared, passing_shared = (greatest(each / others, self.owner, n) for each in rest)
        return lasting, passing, lasting_shared, passing_shared
