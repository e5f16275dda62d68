"""The associations that lead from entities, in the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store.model.fans import MANY, KnownFan
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import spans
from memini_kuzu.store.outgoing import Fans, Leading, Outgoing, States, strength_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.state import Model

    Ints = NDArray[np.int64]

__all__ = ["Following"]

ALL = 1 << 15
"""So many associations are read together sooner than some of them are told apart."""

HEADS = 64
"""So many of the associations of an entity with many are told apart, those that may bring most."""


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
        self._within = model.associations.indexes["pair"].within(
            pairs(self._sources, np.zeros_like(self._sources)),
            pairs(self._sources + 1, np.zeros_like(self._sources)),
        )
        size = np.zeros(len(entities), dtype=np.int64)
        for _, begin, end in self._within:
            size += end - begin
        hubs = size >= MANY if size.sum() > ALL else np.zeros(len(size), dtype=np.bool_)
        few, many = np.flatnonzero(~hubs), np.flatnonzero(hubs)
        self.size, self.numbers, self.unknown = np.where(hubs, size, 0), len(model.numbers), 0
        self._hubs, fans = hubs, Fans.none(len(size))
        owner, rows = self._rows(few)
        self._read = self._leading(owner, rows)
        fans.put(few, self._states(few, owner, rows).sums())
        known = self._known(many)
        if known:
            fans.put(many, Fans.joined([fan for fan, _ in known]))
        self.total, self.most, self.shared = fans.at(now, parameters)
        ends = [heads for _, heads in known]
        owner = np.repeat(many, [len(heads) for heads in ends])
        self.heads = self._pairs(owner, np.concatenate([np.zeros(0, dtype=np.int64), *ends]))

    def _known(self, sources: Ints) -> list[KnownFan]:
        """The fans of these sources, which are kept where they were not known."""
        fans, version, numbers = self._model.fans, self._model.version, self._sources[sources].tolist()
        found = fans.get(numbers, version, self._now)
        new = [place for place, fan in enumerate(found) if fan is None]
        if new:
            read = KnownFan.each(*self._fans(sources[new]))
            fans.put([numbers[place] for place in new], version, self._now, read)
            for place, fan in zip(new, read, strict=True):
                found[place] = fan
        return [fan for fan in found if fan is not None]

    def _fans(self, sources: Ints) -> tuple[Fans, list[Ints]]:
        """What leads from each of these sources; and the targets of those of each that are told apart."""
        owner, rows = self._rows(sources)
        _, targets = unpaired(self._model.associations.take("pair", rows))
        others = np.maximum(self.mentions(targets) - 1, 1)
        states = self._states(sources, owner, rows)
        first = states.foremost(HEADS, others)
        return states.fans(np.concatenate(first), others), [targets[each] for each in first]

    def _states(self, sources: Ints, owner: Ints, rows: NDArray[np.int32]) -> States:
        """The associations of these rows, by the places of their sources among these."""
        take = self._model.associations.take
        fast, slow, as_of = (take(name, rows) for name in ("fast", "slow", "as_of"))
        place = np.zeros(len(self.size), dtype=np.int64)
        place[sources] = np.arange(len(sources))
        return States.of(place[owner], fast, slow, as_of, len(sources), self._now, self._parameters)

    def _rows(self, sources: Ints) -> tuple[Ints, NDArray[np.int32]]:
        """Which of these sources has which rows."""
        owner, rows = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int32)]
        for stored, begin, end in self._within:
            number = (end - begin)[sources]
            owner.append(np.repeat(sources, number))
            rows.append(stored[spans(begin[sources], number)])
        return self._seen(np.concatenate(owner), np.concatenate(rows))

    def _seen(self, owner: Ints, rows: NDArray[np.int32]) -> tuple[Ints, NDArray[np.int32]]:
        """Of these rows those that have not ended, and lead to what people have not dropped."""
        model = self._model
        seen = model.associations.there(rows)
        if len(model.hidden):
            _, targets = unpaired(model.associations.take("pair", rows))
            seen &= ~np.isin(targets, model.numbers.find(model.hidden))
        return (owner, rows) if seen.all() else (owner[seen], rows[seen])

    def _pairs(self, sources: Ints, targets: Ints) -> Leading:
        """The associations that lead from these sources to these targets, one from each to each."""
        which, rows = self._model.associations.indexes["pair"].find(pairs(self._sources[sources], targets))
        return self._leading(*self._seen(sources[which], rows))

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
        read = self._read.where(np.isin(self._read.source, sources[~hubs]))
        return Leading.joined([read, self._leading(*self._rows(sources[hubs]))]) if hubs.any() else read

    @override
    def onto(self, sources: Ints, targets: Ints) -> Leading:
        # in the order of their keys, which are found the sooner
        first, second = sources[np.argsort(self._sources[sources])], np.sort(targets)
        return self._pairs(np.repeat(first, len(second)), np.tile(second, len(first)))

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
