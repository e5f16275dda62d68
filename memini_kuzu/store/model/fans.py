"""What leads from entities with many associations, kept and changed with these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memini_kuzu.store.model.numbers import unpaired
from memini_kuzu.store.modes import EARLIEST, Parts, exact_sums, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.model.rows import Rows
    from memini_kuzu.store.modes import Modes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Rowlike = NDArray[np.int32]

__all__ = ["HEADS", "Fan", "KnownFans"]

HEADS = 64
"""So many of the associations of an entity with many are told apart, those that may bring most."""

FOLLOWED = 4
"""So many times as many may be told apart, with those that changed since, before all are looked at anew."""

NOTED = 100_000
"""Changed entities that are told apart; from then on all are looked at anew."""


class Fan(NamedTuple):
    """All that leads from one entity.

    Parameters
    ----------
    modes : Modes
        Of the parameters.
    number : int
        How many associations.
    latest, until : int
        As of `Parts`.
    sums : tuple of int
        The exact sums of l and p.
    total : tuple of float
        The doubles nearest to these.
    most : tuple of float
        What is not a head has no greater l and p, and no greater ones for each passage, as of `Parts.most`.
    heads : int32 (n_heads,)
        The rows of those associations that are told apart.
    """

    modes: Modes
    number: int
    latest: int
    until: int
    sums: tuple[int, int]
    total: tuple[float, float]
    most: tuple[float, float, float, float]
    heads: Rowlike

    @classmethod
    def each(cls, parts: Parts, rows: Rowlike, others: Ints, now: int, modes: Modes) -> list[Fan]:
        """Of each entity of these parts.

        Parameters
        ----------
        parts : Parts
            All that leads from them.
        rows : int32 (k,)
            The rows of these associations.
        others : int64 (k,)
            How many passages beside one mention what each leads to; 1 where none does.
        now : int
            About when they will be asked for, in milliseconds since 1970.
        modes : Modes
            Of the parameters.
        """
        heads = parts.foremost(HEADS, others, now, modes)
        most = (column.tolist() for column in parts.most(np.concatenate(heads), others))
        columns = zip(
            np.bincount(parts.owner, minlength=len(parts.latest)).tolist(),
            parts.latest.tolist(),
            parts.until.tolist(),
            zip(*parts.sums(), strict=True),
            zip(*most, strict=True),
            heads,
            strict=True,
        )
        return [
            cls(modes, number, latest, until, sums, _rounded(sums), greatest, rows[some])
            for number, latest, until, sums, greatest, some in columns
        ]

    @staticmethod
    def at(fans: Sequence[Fan], now: int) -> tuple[Floats, Floats, Floats]:
        """`Outgoing.total`, `most` and `shared` of at least one, at a time not before the latest of each.

        Nothing outgrows what began with the greatest of both parts: neither grows.
        """
        until = np.array([fan.until for fan in fans])
        columns = np.array([(*fan.total, *fan.most) for fan in fans]).T
        modes = fans[0].modes
        pairs = zip(columns[::2], columns[1::2], strict=True)
        total, most, shared = (modes.strength(*pair, until, now) for pair in pairs)
        return total, most, shared

    def after(self, more: tuple[int, int], gone: Rowlike, new: Rowlike, times: tuple[int, int]) -> Fan | None:
        """It without some associations and with others; None where all have to be looked at.

        Parameters
        ----------
        more : tuple of int
            What comes to the sums.
        gone, new : int32 (k,)
            The rows of those that it is without, and of those that it is with.
        times : tuple of int
            The latest as_of of each.
        """
        left, came = times
        latest = max(self.latest, came)
        if (left == self.latest and came < left) or latest > self.until:
            return None
        # the others are among those that were no heads before: what none of these exceeds, none of them does
        heads = self.heads[~np.isin(self.heads, gone)] if len(gone) else self.heads
        heads = np.concatenate([heads, new])
        if len(heads) > FOLLOWED * HEADS:
            return None
        sums = (self.sums[0] + more[0], self.sums[1] + more[1])
        number = self.number + len(new) - len(gone)
        return self._replace(number=number, latest=latest, sums=sums, total=_rounded(sums), heads=heads)


def _rounded(sums: tuple[int, int]) -> tuple[float, float]:
    lasting, passing = map(rounded, sums)
    return lasting, passing


class KnownFans:
    """Fans of entities by their numbers; all states of a store share them, each gets what is true of it."""

    def __init__(self) -> None:
        # with the version of the state that each is of
        self._known: dict[int, tuple[int, Fan]] = {}
        # the version in which its associations changed last; all may have changed in that of `_since`
        self._changed: dict[int, int] = {}
        self._since = 0

    def changed(self, version: int, table: Rows, gone: Rowlike, new: Rowlike, hidden: Ints) -> None:
        """In the version that is being made, associations differ.

        Parameters
        ----------
        version : int
            Its number.
        table : Rows
            The associations, with the new ones.
        gone, new : int32 (k,)
            The rows that have ended, and those that have come.
        hidden : int64 (n,)
            Numbers of the entities that people have dropped: what leads there is not counted.
        """
        rows = np.concatenate([gone, new])
        if len(rows) + len(self._changed) > NOTED:
            self.forget(version)
            return
        sources, targets = unpaired(table.take("pair", rows))
        numbers = dict.fromkeys(sources.tolist(), version)
        known = {number: fan for number in numbers if (fan := self._newest(number)) is not None}
        # noted first: who finds what is known finds that it is not so any more
        self._changed.update(numbers)
        for number in numbers:
            self._known.pop(number, None)
        if known:
            came = np.repeat([False, True], [len(gone), len(new)])
            if len(hidden):
                seen = ~np.isin(targets, hidden)
                rows, sources, came = rows[seen], sources[seen], came[seen]
            followed = _followed(known, table, sources, rows, came)
            self._known.update((number, (version, fan)) for number, fan in followed)

    def _newest(self, number: int) -> Fan | None:
        """That of the newest state, where it is known."""
        version, fan = self._known.get(number, (-1, None))
        return fan if version >= max(self._changed.get(number, 0), self._since) else None

    def forget(self, version: int) -> None:
        """In the version that is being made, all may differ."""
        self._since = version
        self._known, self._changed = {}, {}

    def get(self, numbers: Sequence[int], version: int) -> list[Fan | None]:
        """The fans of these entities in the state of a version; None where not known."""
        found: list[Fan | None] = []
        for number in numbers:
            known, fan = self._known.get(number, (-1, None))
            since = max(self._changed.get(number, 0), self._since)
            found.append(fan if since <= known <= version else None)
        return found

    def put(self, numbers: Sequence[int], version: int, fans: Sequence[Fan]) -> None:
        """Keep the fans of these entities in the state of a version, unless a later one has others."""
        for number, fan in zip(numbers, fans, strict=True):
            if self._known.get(number, (-1, None))[0] < version:
                self._known[number] = version, fan


def _followed(
    known: dict[int, Fan], table: Rows, sources: Ints, rows: Rowlike, came: Flags
) -> Iterator[tuple[int, Fan]]:
    """What is known after rows that lead from these sources have come or ended."""
    n, place = len(known), {number: place for place, number in enumerate(known)}
    owner = np.array([place.get(source, n) for source in sources.tolist()], dtype=np.int64)
    # by owner, and of each first what has ended
    order = np.lexsort((came, owner))[: np.count_nonzero(owner < n)]
    owner, rows, came = owner[order], rows[order], came[order]
    bounds = np.searchsorted(2 * owner + came, np.arange(2 * n + 1)).tolist()
    fast, slow, as_of = (table.take(name, rows) for name in ("fast", "slow", "as_of"))
    until = np.array([fan.until for fan in known.values()])
    # none is as of later than that, or the sum is not kept
    parts = known[next(iter(known))].modes.parts(fast, slow, np.maximum(until[owner] - as_of, 0))
    signed = np.concatenate(parts)
    signed[np.concatenate([~came, ~came])] *= -1.0
    more, times = exact_sums(signed, np.concatenate([owner, owner + n]), 2 * n), as_of.tolist()
    for number, fan in known.items():
        first, middle, end = bounds[2 * place[number] : 2 * place[number] + 3]
        after = fan.after(
            (more[place[number]], more[place[number] + n]),
            rows[first:middle],
            rows[middle:end],
            (max(times[first:middle], default=EARLIEST), max(times[middle:end], default=EARLIEST)),
        )
        if after is not None:
            yield number, after
