"""The associations that lead from entities, in the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store.model.fans import MANY
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import spans
from memini_kuzu.store.outgoing import Fans, Leading, Outgoing, fans_of, strength_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.state import Model

    Ints = NDArray[np.int64]

__all__ = ["Following"]


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
        self.size = np.zeros(len(entities), dtype=np.int64)
        for _, begin, end in self._within:
            self.size += end - begin
        self.numbers, self.unknown = len(model.numbers), 0
        fans = self._fans()
        self.total, self.most, self.shared = fans.at(now, parameters)

    def _fans(self) -> Fans:
        few, many = np.flatnonzero(self.size < MANY), np.flatnonzero(self.size >= MANY)
        numbers = self._sources[many].tolist()
        known = self._model.fans.get(numbers, self._model.version, self._now)
        there = [place for place, fan in enumerate(known) if fan is not None]
        read = np.concatenate([few, np.delete(many, there)])
        columns = self._read(read)
        self._model.fans.put(
            np.delete(self._sources[many], there).tolist(),
            self._model.version,
            self._now,
            Fans._make(column[len(few) :] for column in columns),
        )
        rows = zip(*(known[place] for place in there), strict=True) if there else ([] for _ in columns)
        found = []
        for column, values in zip(columns, rows, strict=True):
            each = np.zeros(len(self.size), dtype=column.dtype)
            each[read], each[many[there]] = column, values
            found.append(each)
        return Fans._make(found)

    def _read(self, sources: Ints) -> Fans:
        owner, rows = self._rows(sources)
        table = self._model.associations
        fast, slow, as_of = (table.take(name, rows) for name in ("fast", "slow", "as_of"))
        place = np.zeros(len(self.size), dtype=np.int64)
        place[sources] = np.arange(len(sources))
        passages = self.mentions(unpaired(table.take("pair", rows))[1])
        return fans_of(place[owner], fast, slow, as_of, passages, len(sources), self._now, self._parameters)

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

    def _leading(self, owner: Ints, rows: NDArray[np.int32]) -> Leading:
        take = self._model.associations.take
        fast, slow, as_of = (take(name, rows) for name in ("fast", "slow", "as_of"))
        strength = strength_at(self._now, fast, slow, as_of, self._parameters)
        return Leading(owner, unpaired(take("pair", rows))[1], strength, take("last_seen", rows))

    @override
    def leading(self, sources: Ints) -> Leading:
        return self._leading(*self._rows(sources))

    @override
    def onto(self, sources: Ints, targets: Ints) -> Leading:
        # in the order of their keys, which are found the sooner
        first, second = sources[np.argsort(self._sources[sources])], np.sort(targets)
        which, rows = self._model.associations.indexes["pair"].find(
            pairs(self._sources[first][:, None], second).ravel()
        )
        return self._leading(*self._seen(first[which // max(len(second), 1)], rows))

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
