"""What recall looks up of what a filter selects, in the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store.lookup import NO_HEADING, Links
from memini_kuzu.store.model.columns import PLACES
from memini_kuzu.store.model.in_memory import InMemory
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import spans
from memini_kuzu.store.outgoing import Gathered, strength_at, sums_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.selected import Selected
    from memini_kuzu.store.model.state import Model
    from memini_kuzu.store.outgoing import Outgoing

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Seen"]


class Seen(InMemory):
    """A lookup in memory that sees what a filter selects.

    Parameters
    ----------
    model : Model
        Of the state.
    selected : Selected
        What the filter selects of it.
    now : int
        The time of the question, in milliseconds since 1970: no earlier than all that the model holds.
    parameters : Parameters
        The store's.
    """

    def __init__(self, model: Model, selected: Selected, now: int, parameters: Parameters) -> None:
        super().__init__(model, now, parameters)
        self._selected, self.sums = selected, selected.sums

    @override
    def _known(self, rows: Ints) -> Ints:
        number = self._model.entities.take("number", rows)
        known: Flags = (self._selected.mentions[number] > 0) | self._selected.told[number]
        return rows[known]

    @override
    def _counted(self, rows: Ints) -> tuple[Ints, Ints]:
        number = self._model.entities.take("number", rows)
        return self._selected.mentions[number], self._selected.headings[number]

    @override
    def _there(self, rows: NDArray[Any]) -> Flags:
        there: Flags = self._selected.rows[rows]
        return there

    @override
    def _frequency(self, codes: Ints) -> Ints:
        df = np.append(self._selected.df, 0)
        # the last one stands for words that no passage had when this state was made
        return df[np.where((codes >= 0) & (codes < len(df)), codes, -1)]

    @override
    def _places(self, rows: Ints) -> Ints:
        key, source = (self._model.passages.take(name, rows) for name in ("place", "source"))
        keys = self._selected.keys
        return keys.searchsorted(key) - keys.searchsorted(source.astype(np.int64) << PLACES)

    @override
    def seen(self, passages: Ints) -> Flags:
        rows = self._model.passages.row_of("id", passages)
        return (rows >= 0) & self._there(rows)

    @override
    def around(self, ids: Ints, reach: int) -> Ints:
        table, selected = self._model.passages, self._selected
        rows = table.row_of("id", ids)
        rows = rows[table.take("source", rows) != self._model.sources.find([""])[0]]
        place = selected.keys.searchsorted(table.take("place", rows))
        near = (place[:, None] + np.arange(-reach, reach + 1)).ravel()
        own = np.repeat(rows, 2 * reach + 1)
        inside = (near >= 0) & (near < len(selected.at))
        found, own = selected.at[near[inside]], own[inside]
        same = table.take("source", found) == table.take("source", own)
        return np.unique(table.take("id", found[same & (found != own)]))

    @override
    def mentioning(self, entities: Ints) -> Links:
        table, found = self._model.passages, self._selected.mentioning
        which, place = found.find("entity", self._model.numbers.find(entities))
        rows, entity = found.take("row", place), entities[which]
        heading = table.take("heading", rows)
        # of the headings only those count that the entity is
        return Links(entity, table.take("id", rows), np.where(heading == entity, heading, NO_HEADING))

    @override
    def associations(self, entities: Ints) -> Outgoing:
        model, table = self._model, self._selected.associations
        numbers = model.numbers.find(entities)
        owner, rows = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int32)]
        first = pairs(numbers, np.zeros_like(numbers))
        for stored, begin, end in table.indexes["pair"].within(
            first, pairs(numbers + 1, np.zeros_like(numbers))
        ):
            owner.append(np.repeat(np.arange(len(entities)), end - begin))
            rows.append(stored[spans(begin, end - begin)])
        source, row = np.concatenate(owner), np.concatenate(rows)
        _, target = unpaired(table.take("pair", row))
        ids = model.numbers.ids(target)
        seen = table.there(row) & self._shown(ids)
        source, row, target, ids = source[seen], row[seen], target[seen], ids[seen]
        fast, slow, as_of = (table.take(name, row) for name in ("fast", "slow", "as_of"))
        strength = strength_at(self.now, fast, slow, as_of, self.parameters)
        return Gathered(
            source,
            ids,
            self._selected.mentions[target],
            self._selected.headings[target],
            strength,
            as_of,
            sums_of(strength, source, len(entities)),
            0,
        )
