"""The associations that lead from entities, in the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store import modes
from memini_kuzu.store.model.fans import Fan
from memini_kuzu.store.model.numbers import leading, pairs, unpaired
from memini_kuzu.store.model.rows import rows_within, spans
from memini_kuzu.store.modes import Modes, Parts
from memini_kuzu.store.outgoing import Leading, Outgoing, strength_at, sums_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.state import Model

    Ints = NDArray[np.int64]

__all__ = ["Following", "gather"]

PIECE = 1 << 20
"""So many associations are gathered at once."""

READ = 16
"""To look for an association takes as long as to read so many keys one after the other."""


class Following(Outgoing):
    """The associations that lead from some entities.

    Parameters
    ----------
    model : Model
        Of the state.
    entities : int64 (n_sources,)
        The entities.
    now : int
        In milliseconds since 1970: no earlier than all that the model holds.
    parameters : Parameters
        The store's.
    """

    def __init__(self, model: Model, entities: Ints, now: int, parameters: Parameters) -> None:
        self._model, self._now, self._parameters = model, now, parameters
        self._sources = model.numbers.find(entities)
        self._within = leading(model.associations.indexes["pair"], self._sources)
        size = np.zeros(len(entities), dtype=np.int64)
        for _, begin, end in self._within:
            size += end - begin
        # also those that have ended
        self._stored = size
        many = np.flatnonzero(size >= modes.MANY)
        fans = self._known(many)
        # of the others the sum is not that of their parts, as in `totals`
        kept = [place for place, fan in enumerate(fans) if fan.number >= modes.MANY and fan.latest <= now]
        many, fans = many[kept], [fans[place] for place in kept]
        self._hubs = np.zeros(len(size), dtype=np.bool_)
        self._hubs[many] = True
        self.size, self.numbers, self.unknown = np.where(self._hubs, size, 0), len(model.numbers), 0
        owner, rows = self._rows(np.flatnonzero(~self._hubs))
        heads = [fan.heads for fan in fans]
        of_heads = np.repeat(many, [len(each) for each in heads])
        both = self._leading(np.concatenate([owner, of_heads]), np.concatenate([rows, *heads]))
        self._read = Leading._make(column[: len(rows)] for column in both)
        self.heads = Leading._make(column[len(rows) :] for column in both)
        self.total = sums_of(self._read.strength, owner, len(size))
        self.most, self.shared = np.zeros((2, len(size)))
        if fans:
            self.total[many], self.most[many], self.shared[many] = Fan.at(fans, now)

    def _known(self, sources: Ints) -> list[Fan]:
        """The fans of these sources, which are kept where they were not known."""
        fans, version, numbers = self._model.fans, self._model.version, self._sources[sources].tolist()
        found = fans.get(numbers, version)
        new = [place for place, fan in enumerate(found) if fan is None]
        if new:
            read = self._fans(sources[new])
            fans.put([numbers[place] for place in new], version, read)
            for place, fan in zip(new, read, strict=True):
                found[place] = fan
        return [fan for fan in found if fan is not None]

    def _fans(self, sources: Ints) -> list[Fan]:
        """What leads from each of these sources."""
        owner, rows = self._rows(sources)
        take = self._model.associations.take
        fast, slow, as_of = (take(name, rows) for name in ("fast", "slow", "as_of"))
        _, targets = unpaired(take("pair", rows))
        place = np.zeros(len(self._sources), dtype=np.int64)
        place[sources] = np.arange(len(sources))
        both = Modes.of(self._parameters)
        parts = Parts.of(place[owner], fast, slow, as_of, len(sources), both)
        return Fan.each(parts, rows, np.maximum(self.mentions(targets) - 1, 1), self._now, both)

    def _rows(self, sources: Ints) -> tuple[Ints, NDArray[np.int32]]:
        """Which of these sources has which rows."""
        return self._seen(*rows_within(self._within, sources))

    def _seen(self, owner: Ints, rows: NDArray[np.int32]) -> tuple[Ints, NDArray[np.int32]]:
        """Of these rows those that have not ended, and lead to what people have not dropped."""
        model = self._model
        seen = model.associations.there(rows)
        if len(model.hidden):
            _, targets = unpaired(model.associations.take("pair", rows))
            seen &= ~np.isin(targets, model.numbers.find(model.hidden))
        return (owner, rows) if seen.all() else (owner[seen], rows[seen])

    def _leading(self, owner: Ints, rows: NDArray[np.int32]) -> Leading:
        take = self._model.associations.take
        fast, slow, as_of = (take(name, rows) for name in ("fast", "slow", "as_of"))
        strength = strength_at(self._now, fast, slow, as_of, self._parameters)
        return Leading(owner, unpaired(take("pair", rows))[1], strength, take("last_seen", rows))

    @override
    def leading(self, sources: Ints) -> Leading:
        hubs = self._hubs[sources]
        if hubs.all():
            return self._leading(*self._rows(sources))
        some = np.zeros(len(self.size), dtype=np.bool_)
        some[sources] = True
        some = some[self._read.source]
        read = self._read if some.all() else self._read.where(some)
        return Leading.joined([read, self._leading(*self._rows(sources[hubs]))]) if hubs.any() else read

    @override
    def onto(self, sources: Ints, targets: Ints) -> Leading:
        index = self._model.associations.indexes["pair"]
        short = self._stored[sources] <= READ * len(targets)
        # in the order of their keys, which are found the sooner
        first, second = sources[~short], np.sort(targets)
        first = first[np.argsort(self._sources[first])]
        which, found = index.find(pairs(self._sources[first, np.newaxis], second).ravel())
        owner, rows = [np.repeat(first, len(second))[which]], [found]
        wanted, sources = np.zeros(self.numbers, dtype=np.bool_), sources[short]
        wanted[targets] = True
        for segment, (_, begin, end) in zip(index.segments, self._within, strict=True):
            number = (end - begin)[sources]
            place = spans(begin[sources], number)
            there = wanted[unpaired(segment.keys[place])[1]]
            owner.append(np.repeat(sources, number)[there])
            rows.append(segment.rows[place[there]])
        return self._leading(*self._seen(np.concatenate(owner), np.concatenate(rows)))

    @override
    def mentions(self, targets: Ints) -> Ints:
        return self._of("mentions", targets)

    def _of(self, name: str, targets: NDArray[Any]) -> Ints:
        found: Ints = self._model.entities.take(name, self._model.place[targets])
        return found

    @override
    def entities(self, targets: Ints) -> tuple[Ints, Ints, Ints]:
        return (
            self._model.numbers.ids(targets),
            self._of("mentions", targets),
            self._of("headings", targets),
        )

    @override
    def targets(self, ids: Ints) -> Ints:
        return self._model.numbers.find(ids)


def gather(model: Model, parameters: Parameters) -> None:
    """Look at all that leads from entities with many associations, of which most questions meet some.

    Parameters
    ----------
    model : Model
        What it keeps of them in `fans` follows its changes.
    parameters : Parameters
        The store's.
    """
    sources, _ = unpaired(model.associations.take("pair", model.associations.all()))
    number = np.bincount(sources)
    many = np.flatnonzero(number >= modes.MANY)
    ends = np.cumsum(number[many])
    cuts = np.searchsorted(ends, np.arange(PIECE, int(ends[-1]) if len(ends) else 0, PIECE))
    for piece in np.split(many, np.unique(cuts)):
        Following(model, model.numbers.ids(piece), model.latest, parameters)
