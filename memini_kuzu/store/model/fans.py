"""What leads from entities with many associations, kept until one of these changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from memini_kuzu.store.outgoing import Fans

    Ints = NDArray[np.int64]

__all__ = ["MANY", "KnownFan", "KnownFans"]

MANY = 256
"""Associations of an entity from which on they are not all read for each recall."""

NOTED = 100_000
"""Changed entities that are told apart; from then on all are looked at anew."""


class KnownFan(NamedTuple):
    """What leads from one entity.

    Parameters
    ----------
    fan : Fans
        Of it alone.
    heads : int64 (n,)
        Numbers of the targets of those that are told apart.
    """

    fan: Fans
    heads: Ints

    @classmethod
    def each(cls, fans: Fans, heads: list[Ints]) -> list[KnownFan]:
        """Of each entity."""
        return [cls(fans.row(place), some) for place, some in enumerate(heads)]


class KnownFans:
    """Fans of entities by their numbers; all states of a store share them, each gets what is true of it."""

    def __init__(self) -> None:
        # with the version of the state that each is of
        self._known: dict[int, tuple[int, KnownFan]] = {}
        # the version in which its associations changed last; all may have changed in that of `_since`
        self._changed: dict[int, int] = {}
        self._since = 0

    def changed(self, numbers: NDArray[Any], version: int) -> None:
        """In the version that is being made, associations that lead from these entities differ."""
        if len(numbers) + len(self._changed) > NOTED:
            self.forget(version)
        else:
            # noted first: who finds what is known finds that it is not so any more
            self._changed.update(dict.fromkeys(numbers.tolist(), version))
            for number in numbers.tolist():
                self._known.pop(number, None)

    def forget(self, version: int) -> None:
        """In the version that is being made, all may differ."""
        self._since = version
        self._known, self._changed = {}, {}

    def get(self, numbers: Sequence[int], version: int, now: int) -> list[KnownFan | None]:
        """The fans of these entities in the state of a version, for a question; None where not known."""
        found: list[KnownFan | None] = []
        for number in numbers:
            known, fan = self._known.get(number, (-1, None))
            since = max(self._changed.get(number, 0), self._since)
            true = fan is not None and min(version, known) >= since and fan.fan.as_of[0] <= now
            found.append(fan if true else None)
        return found

    def put(self, numbers: Sequence[int], version: int, now: int, fans: Sequence[KnownFan]) -> None:
        """Keep the fans of these entities in the state of a version, but those of this question alone."""
        rows = zip(numbers, fans, strict=True)
        self._known.update((number, (version, fan)) for number, fan in rows if fan.fan.as_of[0] <= now)
