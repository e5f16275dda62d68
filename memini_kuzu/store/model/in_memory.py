"""What recall looks up, in the read model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from memini_kuzu.store.likeness import nearest
from memini_kuzu.store.lookup import (
    Links,
    Lookup,
    Mentions,
    Name,
    NamedEntity,
    Passages,
    Said,
    Shown,
    best_scored,
    rarity,
    weighed,
)
from memini_kuzu.store.model.columns import PLACES
from memini_kuzu.store.model.following import Following
from memini_kuzu.store.model.rows import spans
from memini_kuzu.store.sums import sums_in
from memini_kuzu.tables import SURELY, kth_greatest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.store.model.state import Model
    from memini_kuzu.store.outgoing import Outgoing

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["InMemory"]

ROW = 8
"""To look for words in a passage takes as long as to read so many passages that have a word."""


class InMemory(Lookup):
    """A lookup in memory; what others write meanwhile does not change it.

    Parameters
    ----------
    model : Model
        Of the state.
    now : int
        The time of the question, in milliseconds since 1970: no earlier than all that the model holds.
    parameters : Parameters
        The store's.
    """

    def __init__(self, model: Model, now: int, parameters: Parameters) -> None:
        self._model = model
        self.now, self.parameters = now, parameters
        self.sums = sums_in(model.meta)

    @override
    def aliases(self, keys: Sequence[str]) -> dict[str, int]:
        aliases = self._model.aliases
        return {key: aliases[key] for key in keys if key in aliases}

    @override
    def aliases_of(self, ids: Sequence[int]) -> list[str]:
        meant = set(ids)
        return sorted(key for key, entity in self._model.aliases.items() if entity in meant)

    def _shown(self, ids: Ints) -> Flags:
        """Which of these entities people have not dropped."""
        hidden = self._model.hidden
        return ~np.isin(ids, hidden) if len(hidden) else np.ones(len(ids), dtype=np.bool_)

    def _known(self, rows: Ints) -> Ints:
        """Those of these rows of entities that are seen."""
        return rows

    def _counted(self, rows: Ints) -> tuple[Ints, Ints]:
        """How many passages mention each of these entities, and how many it heads."""
        take = self._model.entities.take
        return take("mentions", rows), take("headings", rows)

    def _there(self, rows: NDArray[Any]) -> Flags:
        """Which of these rows of passages are seen."""
        return self._model.passages.there(rows)

    def _frequency(self, codes: Ints) -> Ints:
        """How many passages have each of these words; 0 where the number is -1."""
        return self._model.words.frequency(codes)

    @override
    def entities(self, ids: Sequence[int]) -> dict[int, NamedEntity]:
        table, labels = self._model.entities, self._model.labels
        rows = table.row_of("id", np.array(ids, dtype=np.int64))
        rows = self._known(rows[rows >= 0])
        rows = rows[self._shown(table.take("id", rows))]
        mentions, headings = self._counted(rows)
        columns = (
            table.take("id", rows).tolist(),
            table.texts("key", rows),
            table.texts("name", rows),
            labels.names(table.take("label", rows)),
            mentions.tolist(),
            headings.tolist(),
        )
        return {row[0]: NamedEntity(*row) for row in zip(*columns, strict=True)}

    @override
    def entities_like(self, edits: Mapping[str, int]) -> dict[int, NamedEntity]:
        table = self._model.entities
        size = table.column("size")
        lengths = [(len(key) - most, len(key) + most) for key, most in edits.items()]
        low = min((low for low, _ in lengths), default=0)
        high = max((high for _, high in lengths), default=-1)
        some = np.flatnonzero((size >= low) & (size <= high))
        some = self._known(some[table.there(some)])
        mentions, _ = self._counted(some)
        found = nearest(
            edits,
            1,
            lambda rows: table.texts("key", some[rows]),
            table.take("id", some),
            mentions,
            *(table.take(name, some) for name in ("size", "letters")),
        )
        there = self.entities(sorted(set(found)))
        return {identity: there[identity] for identity in found if identity in there}

    @override
    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        df = self._frequency(self._model.terms.find(words))
        return dict(zip(words, df.tolist(), strict=True))

    @override
    def best(self, words: Sequence[str], top: int) -> Ints:
        passages = self._model.passages
        codes = self._model.terms.find(sorted(words))
        df = self._frequency(codes)
        codes, df = codes[df > 0], df[df > 0]
        idf = rarity(df, self.sums.passages)
        near, row, tf = self._near(codes, df, idf, top)
        ids, _ = best_scored(
            row,
            tf,
            idf,
            passages.take("length", near),
            passages.take("id", near),
            self.sums.average,
            top,
        )
        return ids

    def _near(
        self, codes: Ints, df: Ints, idf: Floats, top: int
    ) -> tuple[Ints, list[NDArray[Any]], list[NDArray[Any]]]:
        """Rows of passages among which are the best by these words, and few others.

        The rarest words first: once so many passages score higher than a passage can that has only the other
        words, all those are passed over (MaxScore: Turtle and Flood, Query evaluation: strategies and
        optimizations, Information Processing & Management 31, 1995).

        Returns
        -------
        rows : int64 (n,)
            Of the passages, ascending.
        places, times : list of int (k,)
            Of each word: which of them have it, and how often.
        """
        passages, held = self._model.passages, self._model.words
        length, average = passages.column("length"), self.sums.average
        score = np.zeros(passages.n)
        rows = np.zeros(0, dtype=np.int64)
        # what a word adds at most: no passage that has it is shorter, or has it more often
        most = weighed(held.most[codes], held.shortest[codes], idf, average)
        gained, left, least = 0.0, float(most.sum()), 0.0
        # also those that are not seen
        listed = held.frequency(codes)
        read: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        for word in np.argsort(df, kind="stable").tolist():
            known = left < least
            if known:
                rows = rows[score[rows] + left >= least]
                if listed[word] > ROW * len(rows):
                    break
            _, place = held.index.find(codes[[word]].astype(np.int32))
            row = held.passage[place]
            there = self._there(row)
            row, times = read[word] = row[there], held.tf[place[there]]
            if not known:
                rows = np.concatenate([rows, row[score[row] == 0]])
            score[row] += weighed(times, length[row], idf[word], average)
            gained, left = gained + most[word], left - most[word]
            if gained > left:
                # before that no passage has more than the other words may add
                least = kth_greatest(score[rows], top) * SURELY
        near = np.sort(rows[score[rows] + left >= least])
        unread = [word for word in range(len(codes)) if word not in read]
        # zeros are not written before they are needed, and a store may have many passages
        place = np.zeros(passages.n, dtype=np.int32)
        place[near] = np.arange(1, len(near) + 1)
        tf = self._tf(near, codes[unread])
        for word, times in zip(unread, tf.T, strict=True):
            having = np.flatnonzero(times)
            read[word] = near[having], times[having]
        found = [(place[row], times) for row, times in (read[word] for word in range(len(codes)))]
        return near, [row[row > 0] - 1 for row, _ in found], [times[row > 0] for row, times in found]

    def _tf(self, rows: Ints, codes: Ints) -> Ints:
        """How often passages have words: int64 (n_rows, n_codes)."""
        table, held = self._model.passages, self._model.words
        tf = np.zeros((len(rows), len(codes)), dtype=np.int64)
        number = table.take("words", rows).astype(np.int64)
        place = spans(table.take("begin", rows), number)
        # by a table of all words: quicker than to look each one up
        column = np.zeros(len(self._model.terms), dtype=np.int32)
        known = np.flatnonzero(codes >= 0)
        column[codes[known]] = known + 1
        which = column[held.word[place]]
        there = np.flatnonzero(which)
        tf[np.repeat(np.arange(len(rows)), number)[there], which[there] - 1] = held.tf[place[there]]
        return tf

    @override
    def passages(self, ids: Ints, words: Sequence[str]) -> Passages:
        table = self._model.passages
        rows = table.row_of("id", ids)
        rows = rows[rows >= 0]
        rows = rows[self._there(rows)]
        source = table.take("source", rows)
        nameless = self._model.sources.find([""])[0]
        tf = self._tf(rows, self._model.terms.find(words))
        position = table.take("position", rows)
        return Passages(
            table.take("id", rows),
            np.where(source == nameless, -1, source).astype(np.int64),
            position,
            self._places(rows),
            table.take("time", rows),
            table.take("heading", rows),
            table.take("length", rows).astype(np.int64),
            tf,
        )

    def _places(self, rows: Ints) -> Ints:
        """Where these passages stand among those of their sources that are seen."""
        return self._model.passages.take("position", rows)

    @override
    def said(self, ids: Ints, cue: Sequence[str]) -> Said:
        table, held = self._model.passages, self._model.words
        rows = table.row_of("id", ids)
        number = table.take("words", rows).astype(np.int64)
        code = held.word[spans(table.take("begin", rows), number)].astype(np.int64)
        asked = np.zeros(len(self._model.terms), dtype=np.bool_)
        known = self._model.terms.find(cue)
        asked[known[known >= 0]] = True
        beside = ~asked[code]
        code, passage = code[beside], np.repeat(np.arange(len(rows)), number)[beside]
        words, first, word = np.unique(code, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return Said(passage, rank[word], self._frequency(words[order]))

    @override
    def seen(self, passages: Ints) -> Flags:
        return np.ones(len(passages), dtype=np.bool_)

    @override
    def records(self, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        table = self._model.passages
        rows = table.row_of("id", np.array(ids, dtype=np.int64))
        sources = self._model.sources.names(table.take("source", rows))
        return dict(zip(ids, zip(table.texts("record", rows), sources, strict=True), strict=True))

    @override
    def around(self, ids: Ints, reach: int) -> Ints:
        table = self._model.passages
        rows = table.row_of("id", ids)
        rows = rows[table.take("source", rows) != self._model.sources.find([""])[0]]
        position = table.take("position", rows)[:, None] + np.arange(-reach, reach + 1)
        place = (table.take("source", rows).astype(np.int64) << PLACES)[:, None] + position
        _, near = table.find("place", np.unique(place[position >= 0]))
        found: Ints = table.take("id", near)
        return found

    @override
    def dated(self, since: int, before: int) -> tuple[Ints, Ints]:
        table = self._model.passages
        time = table.column("time")
        rows = np.flatnonzero((time >= since) & (time < before))
        rows = rows[self._there(rows)]
        return table.take("id", rows), time[rows]

    @override
    def mentions(self, passages: Ints) -> Mentions:
        table, entities = self._model.mentions, self._model.entities
        which, rows = table.find("passage", passages)
        ids = table.take("entity", rows)
        shown = self._shown(ids)
        ids, which = ids[shown], which[shown]
        return Mentions(passages[which], ids, *self._counted(entities.row_of("id", ids)))

    @override
    def mentioning(self, entities: Ints) -> Links:
        table, passages = self._model.mentions, self._model.passages
        which, rows = table.find("entity", entities)
        ids = table.take("passage", rows)
        heading = passages.take("heading", passages.row_of("id", ids))
        return Links(entities[which], ids, heading)

    @override
    def headed(self, entities: Ints) -> Links:
        found = self.mentioning(entities)
        headed = found.heading == found.entity
        return Links(found.entity[headed], found.passage[headed], found.heading[headed])

    @override
    def associations(self, entities: Ints) -> Outgoing:
        return Following(self._model, entities, self.now, self.parameters)

    @override
    def names(self, ids: Sequence[int]) -> dict[int, Name]:
        table = self._model.entities
        rows = table.row_of("id", np.array(ids, dtype=np.int64))
        labels = self._model.labels.names(table.take("label", rows))
        return dict(zip(ids, map(Name, table.texts("name", rows), labels), strict=True))

    @override
    def texts(self, ids: Sequence[int]) -> dict[int, Shown]:
        table = self._model.passages
        rows = table.row_of("id", np.array(ids, dtype=np.int64))
        columns = (
            table.texts("title", rows),
            table.texts("text", rows),
            table.take("document", rows).tolist(),
        )
        return dict(zip(ids, map(Shown, *columns), strict=True))
