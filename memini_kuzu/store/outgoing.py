"""The associations that lead from entities, and how much of an entity's activation each gets.

An entity shares its activation among all that it is associated with, by strength. Their sum is needed for any
one of them; the associations themselves are not, where what they bring at most does not matter. So they are
asked for in two steps: what is known of all that lead from each entity, and then those that are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from typing_extensions import override

from memini_kuzu.dynamics import propagate
from memini_kuzu.store import modes
from memini_kuzu.store.modes import BLOCK, Modes, Parts, greatest
from memini_kuzu.tables import positions
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Gathered", "Leading", "Outgoing", "strength_at", "sums_of", "totals"]

FINE = 28
"""Bits of each of the two whole numbers that a value is cut into to be added up. Sums of them are exact for
up to 2²⁵ values, since whole numbers below 2⁵³ are."""

LARGEST = 1_000
"""A double holds no power of two much greater than this one."""


class Leading(NamedTuple):
    """Associations as columns.

    Parameters
    ----------
    source : int64 (n,)
        Which of the entities that were asked for each leads from.
    target : int64 (n,)
        The number of the entity that it leads to, which holds within one `Outgoing`.
    strength : float64 (n,)
        w_f at the time of the lookup.
    latest : int64 (n,)
        Of the last evidence, milliseconds since 1970.
    """

    source: Ints
    target: Ints
    strength: Floats
    latest: Ints

    @classmethod
    def joined(cls, parts: list[Leading]) -> Leading:
        """These one after the other, at least one."""
        return cls._make(np.concatenate(columns) for columns in zip(*parts, strict=True))

    def where(self, rows: NDArray[np.bool_]) -> Leading:
        """Some of them."""
        return Leading._make(column[rows] for column in self)


class Outgoing(Protocol):
    """The associations that lead from some entities.

    Attributes
    ----------
    size : int64 (n_sources,)
        How many have to be read, or a few more, to look at all that lead from each; 0 where they are read.
    total : float64 (n_sources,)
        The sum of their strengths at the time of the lookup; the same to the last bit in whatever order they
        were read.
    heads : Leading
        Some of them, which may bring more than the others.
    most : float64 (n_sources,)
        None of the others is stronger, but for a rounding; 0 where they are read.
    shared : float64 (n_sources,)
        Nor has any of the others a greater share of its strength for each other passage that mentions its
        target; 0 where they are read.
    numbers : int
        All numbers of targets are below.
    unknown : int
        How many more there are of which it cannot be known how strong they were.
    """

    size: Ints
    total: Floats
    heads: Leading
    most: Floats
    shared: Floats
    numbers: int
    unknown: int

    def leading(self, sources: Ints) -> Leading:
        """All that lead from these sources, by their places among those that were asked for."""
        ...

    def onto(self, sources: Ints, targets: Ints) -> Leading:
        """Those that lead from these sources to these targets, each given once."""
        ...

    def mentions(self, targets: Ints) -> Ints:
        """How many passages mention each of these targets."""
        ...

    def entities(self, targets: Ints) -> tuple[Ints, Ints, Ints]:
        """Ids of these targets, how many passages mention each, and how many it heads."""
        ...

    def targets(self, ids: Ints) -> Ints:
        """The numbers of these entities; -1 for those that no association leads to."""
        ...


def strength_at(now: int, fast: Floats, slow: Floats, as_of: Ints, parameters: Parameters) -> Floats:
    """The fast variable of associations at a time in milliseconds since 1970, from their states."""
    strength, _ = propagate(fast, slow, np.maximum(now - as_of, 0) / DAY, parameters)
    return strength


def sums_of(values: Floats, owner: Ints, n: int) -> Floats:
    """The sum of the values of each owner, the same to the last bit in whatever order they come.

    Parameters
    ----------
    values : float64 (k,)
        Finite.
    owner : int64 (k,)
        Whose each is, from 0 to n - 1.
    n : int
        How many owners there are.

    Returns
    -------
    float64 (n,)
        Rounded to 2⁻⁵⁶ of the greatest value, and then to a double.

    References
    ----------
    J. Demmel and H. D. Nguyen, "Fast reproducible floating-point summation", 21st IEEE Symposium on Computer
    Arithmetic (2013): cut the values to multiples of one power of two, so that no sum of them is rounded.

    Examples
    --------
    >>> sums_of(np.array([1e-9, 0.5, 2.0, 0.1]), np.array([0, 0, 1, 0]), 3)
    array([0.6, 2. , 0. ])
    """
    _, exponent = np.frexp(greatest(np.abs(values), owner, n))
    # a power of two rounds nothing; of values near the least that a double can be, the last bits are lost
    scale = np.ldexp(1.0, np.minimum(FINE - exponent, LARGEST))
    whole, rest = np.zeros((2, n))
    for start in range(0, len(values), BLOCK):
        own = owner[start : start + BLOCK]
        scaled = values[start : start + BLOCK] * scale[own]
        high = np.rint(scaled)
        whole += np.bincount(own, weights=high, minlength=n)
        rest += np.bincount(own, weights=np.rint((scaled - high) * 2.0**FINE), minlength=n)
    summed: Floats = (whole + rest * 2.0**-FINE) / scale
    return summed


def totals(  # noqa: PLR0917 - the columns of associations
    owner: Ints, fast: Floats, slow: Floats, as_of: Ints, n: int, now: int, parameters: Parameters
) -> Floats:
    """`Outgoing.total` of n entities, from all associations that lead from them as they are stored.

    From `modes.MANY` associations on, it is the sum of the parts of `Modes`, which can be kept. These do not
    tell how strong an association was before its as_of: where one is later than now, strengths are added up.
    """
    total = sums_of(strength_at(now, fast, slow, as_of, parameters), owner, n)
    early = np.bincount(owner[as_of > now], minlength=n) == 0
    many = (np.bincount(owner, minlength=n) >= modes.MANY) & early
    some = many[owner]
    place = np.cumsum(many) - 1
    both = Modes.of(parameters)
    parts = Parts.of(place[owner[some]], fast[some], slow[some], as_of[some], int(many.sum()), both)
    total[many] = parts.total(now, both)
    return total


class Gathered(Outgoing):
    """All associations that lead from some entities, already read.

    Parameters
    ----------
    source : int64 (n,)
        Which of the entities each leads from.
    target, mentions, headings : int64 (n,)
        The entity that it leads to, how many passages mention that, and how many it heads.
    strength : float64 (n,)
        w_f at the time of the lookup.
    latest : int64 (n,)
        Of the last evidence, milliseconds since 1970.
    total : float64 (n_sources,)
        As of `Outgoing`.
    unknown : int
        As of `Outgoing`.
    """

    def __init__(  # noqa: PLR0917 - columns
        self,
        source: Ints,
        target: Ints,
        mentions: Ints,
        headings: Ints,
        strength: Floats,
        latest: Ints,
        total: Floats,
        unknown: int,
    ) -> None:
        self._ids, first, number = np.unique(target, return_index=True, return_inverse=True)
        self._mentions, self._headings = mentions[first], headings[first]
        self._all = Leading(source, number, strength, latest)
        # all are read: none has to be told from the others
        self.heads = self._all.where(np.zeros(len(source), dtype=np.bool_))
        n = len(total)
        self.size = np.zeros(n, dtype=np.int64)
        self.total, self.unknown, self.numbers = total, unknown, len(self._ids)
        self.most, self.shared = np.zeros((2, n))

    @classmethod
    def none(cls, n_sources: int, unknown: int = 0) -> Gathered:
        """No associations of so many entities."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, none, none, np.zeros(0), none, np.zeros(n_sources), unknown)

    @override
    def leading(self, sources: Ints) -> Leading:
        return self._all.where(np.isin(self._all.source, sources))

    @override
    def onto(self, sources: Ints, targets: Ints) -> Leading:
        return self._all.where(np.isin(self._all.source, sources) & np.isin(self._all.target, targets))

    @override
    def mentions(self, targets: Ints) -> Ints:
        return self._mentions[targets]

    @override
    def entities(self, targets: Ints) -> tuple[Ints, Ints, Ints]:
        return self._ids[targets], self._mentions[targets], self._headings[targets]

    @override
    def targets(self, ids: Ints) -> Ints:
        return positions(ids, self._ids)
