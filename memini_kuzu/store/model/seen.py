"""What recall looks up in the read model of what a filter selects, or of what there was at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store.lookup import NO_HEADING, Links
from memini_kuzu.store.model.columns import PLACES
from memini_kuzu.store.model.in_memory import InMemory
from memini_kuzu.store.model.numbers import leading, unpaired
from memini_kuzu.store.model.rows import rows_within
from memini_kuzu.store.outgoing import Gathered, strength_at, sums_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.rows import Rows
    from memini_kuzu.store.model.selected import Selected
    from memini_kuzu.store.model.state import Model
    from memini_kuzu.store.outgoing import Outgoing

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Seen", "Then"]


class Seen(InMemory):
    """A lookup in memory that sees what a filter selects.

    Parameters
    ----------
    model : Model
        Of the state.
    selected : Selected
        What the filter selects of it.
    now : int
        The time of the question, in milliseconds since 1970: nothing later is seen.
    parameters : Parameters
        The store's.
    """

    def __init__(self, model: Model, selected: Selected, now: int, parameters: Parameters) -> None:
        super().__init__(model, now, parameters)
        self._selected = selected.until(model, now)
        self.sums = self._selected.sums

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
        beside = (table.take("source", found) == table.take("source", own)) & (found != own)
        return np.unique(table.take("id", found[beside & self._there(found)]))

    def _mentioned(self, entities: Ints) -> tuple[Ints, Ints]:
        """Which of these entities which row of a passage that is seen mentions."""
        found = self._selected.mentioning
        which, place = found.find("entity", self._model.numbers.find(entities))
        rows = found.take("row", place)
        seen = self._there(rows)
        return which[seen], rows[seen]

    @override
    def mentioning(self, entities: Ints) -> Links:
        which, rows = self._mentioned(entities)
        entity, heading = entities[which], self._model.passages.take("heading", rows)
        # of the headings only those count that the entity is
        heading = np.where(heading == entity, heading, NO_HEADING)
        return Links(entity, self._model.passages.take("id", rows), heading)

    @override
    def associations(self, entities: Ints) -> Outgoing:
        source, row = _leading(self._selected.associations, self._model.numbers.find(entities))
        pair = self._selected.associations.take("pair", row)
        which, strength, latest = self._folded(pair)
        return self._gathered(source[which], pair[which], strength, latest, len(entities))

    def _folded(self, pair: Ints) -> tuple[Ints, Floats, Ints]:
        """Which of these pairs are associated by the events, how strongly, and when the last one was."""
        which, fast, slow, as_of = self._selected.states(pair, self.now, self.parameters)
        return which, strength_at(self.now, fast, slow, as_of, self.parameters), as_of

    def _gathered(  # noqa: PLR0917 - columns
        self, source: Ints, pair: Ints, strength: Floats, latest: Ints, n: int, unknown: int = 0
    ) -> Gathered:
        """Associations that lead from n entities, without those to what people have dropped."""
        _, target = unpaired(pair)
        ids = self._model.numbers.ids(target)
        shown = self._shown(ids)
        source, target, strength = source[shown], target[shown], strength[shown]
        mentions, headings = self._selected.mentions[target], self._selected.headings[target]
        total = sums_of(strength, source, n)
        return Gathered(source, ids[shown], mentions, headings, strength, latest[shown], total, unknown)


class Then(Seen):
    """A lookup in memory that sees what there was at an earlier time; parameters as of `Seen`.

    Associations that are stored with more events than the documents have are taken as they are stored, where
    they had none since.
    """

    @override
    def _known(self, rows: Ints) -> Ints:
        return rows[self._model.entities.take("first_seen", rows) <= self.now]

    @override
    def _places(self, rows: Ints) -> Ints:
        position: Ints = self._model.passages.take("position", rows)
        return position

    @override
    def seen(self, passages: Ints) -> Flags:
        return InMemory.seen(self, passages)

    @override
    def around(self, ids: Ints, reach: int) -> Ints:
        return InMemory.around(self, ids, reach)

    @override
    def mentioning(self, entities: Ints) -> Links:
        which, rows = self._mentioned(entities)
        take = self._model.passages.take
        return Links(entities[which], take("id", rows), take("heading", rows))

    @override
    def associations(self, entities: Ints) -> Outgoing:
        numbers = self._model.numbers.find(entities)
        stored, told = self._model.associations, self._selected.associations
        origin, row = _leading(stored, numbers)
        source, place = _leading(told, numbers)
        pair, another = stored.take("pair", row), told.take("pair", place)
        events = np.zeros(len(row), dtype=np.int64)
        known, at = told.find("pair", pair)
        events[known] = told.take("events", at)
        whole = events >= stored.take("events", row)
        fast, slow, as_of, latest, began = (
            stored.take(name, row) for name in ("fast", "slow", "as_of", "last_seen", "first_seen")
        )
        lost = ~whole & (began <= self.now)
        certain = np.flatnonzero(lost & (latest <= self.now) & (as_of <= self.now))
        lost[certain] = False
        unknown = self._shown(self._model.numbers.ids(unpaired(pair[lost])[1]))
        # also those that are not stored any more
        folded, strength, last = self._folded(another)
        kept = ~np.isin(another[folded], pair[~whole])
        folded = folded[kept]
        then = strength_at(self.now, fast[certain], slow[certain], as_of[certain], self.parameters)
        return self._gathered(
            np.concatenate([origin[certain], source[folded]]),
            np.concatenate([pair[certain], another[folded]]),
            np.concatenate([then, strength[kept]]),
            np.concatenate([latest[certain], last[kept]]),
            len(entities),
            int(unknown.sum()),
        )


def _leading(table: Rows, numbers: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Which of these numbers of entities which row of a table of pairs leads from."""
    source, row = rows_within(leading(table.indexes["pair"], numbers), np.arange(len(numbers)))
    there = table.there(row)
    return source[there], row[there]
