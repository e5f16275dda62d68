"""What leads from entities with many associations, kept until one of these changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.outgoing import Fans

__all__ = ["MANY", "KnownFans"]

MANY = 256
"""Associations of an entity from which on they are not all read for each recall."""

NOTED = 100_000
"""Changed entities that are told apart; from then on all are looked at anew."""


class _Known(NamedTuple):
    """The fan of one entity in the state of one version."""

    version: int
    fan: tuple[float, ...]


class KnownFans:
    """Fans of entities by their numbers; all states of a store share them, each gets what is true of it."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
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

    def get(self, numbers: Sequence[int], version: int, now: int) -> list[tuple[float, ...] | None]:
        """The fans of these entities in the state of a version, for a question; None where not known."""
        found: list[tuple[float, ...] | None] = []
        for number in numbers:
            known = self._known.get(number)
            since = max(self._changed.get(number, 0), self._since)
            if known is None or min(version, known.version) < since or known.fan[0] > now:
                found.append(None)
            else:
                found.append(known.fan)
        return found

    def put(self, numbers: Sequence[int], version: int, now: int, fans: Fans) -> None:
        """Keep the fans of these entities in the state of a version, but those of this question alone."""
        rows = zip(*(column.tolist() for column in fans), strict=True)
        known = ((n, _Known(version, row)) for n, row in zip(numbers, rows, strict=True) if row[0] <= now)
        self._known.update(known)
