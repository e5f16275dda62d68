"""What recall looks up, asked of the file in Cypher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from memini_kuzu.identity import passage_id
from memini_kuzu.store import reading
from memini_kuzu.store.likeness import entities_like
from memini_kuzu.store.lookup import (
    NO_HEADING,
    Links,
    Lookup,
    Mentions,
    Name,
    NamedEntity,
    Passages,
    Said,
    Shown,
)
from memini_kuzu.store.outgoing import Gathered, strength_at, sums_of, totals
from memini_kuzu.tables import column, positions
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.outgoing import Outgoing
    from memini_kuzu.store.store import Store
    from memini_kuzu.store.view import View

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["InFile"]

NONE = np.zeros(0, dtype=np.int64)


class InFile(Lookup):
    """A lookup in the file; all that is asked of it must see one state, as within `Store.snapshot`.

    Parameters
    ----------
    store : Store
        An open store.
    now : int
        The time of the question in milliseconds since 1970.
    view : View or None
        What is seen, where the store holds anything that is not.
    """

    def __init__(self, store: Store, now: int, view: View | None) -> None:
        self._store, self._view = store, view
        self.now, self.parameters = now, store.parameters
        self.sums = store.sums(view)
        self._sources: dict[str, int] = {}
        self._read: dict[int, tuple[str, str, int, str]] = {}

    @override
    def aliases(self, keys: Sequence[str]) -> dict[str, int]:
        table = reading.aliases_of(self._store, keys)
        return dict(zip(table["key"].to_pylist(), table["entity"].to_pylist(), strict=True))

    @override
    def aliases_of(self, ids: Sequence[int]) -> list[str]:
        return sorted(reading.aliases_to(self._store, ids))

    @override
    def entities(self, ids: Sequence[int]) -> dict[int, NamedEntity]:
        return _named(reading.entities_by_id(self._store, ids, self._view))

    @override
    def entities_like(self, edits: Mapping[str, int]) -> dict[int, NamedEntity]:
        return _named(entities_like(self._store, edits, 1, self._view))

    @override
    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        return reading.frequencies(self._store, words, self._view)

    @override
    def best(self, words: Sequence[str], top: int) -> Ints:
        ids, _ = reading.best_by_words(
            self._store, sorted(words), top, from_millis(self.now), sums=self.sums, view=self._view
        )
        return ids

    @override
    def passages(self, ids: Ints, words: Sequence[str]) -> Passages:
        table = reading.passages_by_id(self._store, ids.tolist())
        selection = None if self._view is None else self._view.selection
        if table.num_rows:
            place = positions(ids, column(table, "id").astype(np.int64))
            table = table.take(pa.array(place[place >= 0]))
            seen = column(table, "time") <= self.now
            if selection is not None:
                seen &= selection.rows(column(table, "id").astype(np.int64)) >= 0
            table = table.filter(pa.array(seen)).combine_chunks()
        if not table.num_rows:
            return Passages(
                NONE, NONE, NONE, NONE, NONE, NONE, NONE, np.zeros((0, len(words)), dtype=np.int64)
            )
        found, position = column(table, "id").astype(np.int64), column(table, "position").astype(np.int64)
        names, terms = table["source"].to_pylist(), table["terms"].combine_chunks()
        rows = zip(table["record"].to_pylist(), names, position.tolist(), terms.to_pylist(), strict=True)
        self._read.update(zip(found.tolist(), rows, strict=True))
        episode = [self._sources.setdefault(name, len(self._sources)) if name else -1 for name in names]
        return Passages(
            found,
            np.array(episode, dtype=np.int64),
            position,
            position if selection is None else selection.places(found),
            column(table, "time").astype(np.int64),
            table["heading"].fill_null(NO_HEADING).to_numpy().astype(np.int64),
            column(table, "words").astype(np.int64),
            _occurrences(terms, words),
        )

    @override
    def said(self, ids: Ints, cue: Sequence[str]) -> Said:
        texts = pa.array([self._read[identity][3] for identity in ids.tolist()], pa.string())
        split = pc.split_pattern(texts, " ")
        flat, passage = split.flatten(), pc.list_parent_indices(split)
        # a text without words is split into one empty word
        beside = pc.invert(pc.is_in(flat, value_set=pa.array([*cue, ""], pa.string())))
        words = flat.filter(beside).dictionary_encode()
        names = words.dictionary.to_pylist()
        frequency = reading.frequencies(self._store, names, self._view)
        return Said(
            passage.filter(beside).to_numpy(zero_copy_only=False).astype(np.int64),
            words.indices.to_numpy(zero_copy_only=False).astype(np.int64),
            np.array([frequency[name] for name in names], dtype=np.int64),
        )

    @override
    def seen(self, passages: Ints) -> Flags:
        if self._view is None or self._view.selection is None:
            return np.ones(len(passages), dtype=np.bool_)
        return self._view.selection.rows(passages) >= 0

    @override
    def records(self, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        return {identity: self._read[identity][:2] for identity in ids}

    @override
    def around(self, ids: Ints, reach: int) -> Ints:
        if self._view is not None and self._view.selection is not None:
            return self._view.selection.around(ids, reach)
        # what has no source stands beside nothing
        places = {self._read[identity][1:3] for identity in ids.tolist() if self._read[identity][1]}
        near = {
            (source, position + offset)
            for source, position in places
            for offset in range(-reach, reach + 1)
            if position + offset >= 0
        }
        return np.array([passage_id(*place) for place in near - places], dtype=np.int64)

    @override
    def dated(self, since: int, before: int) -> tuple[Ints, Ints]:
        table = reading.dated_passages(
            self._store, from_millis(since), from_millis(before), from_millis(self.now), self._view
        )
        if not table.num_rows:
            return NONE, NONE
        return column(table, "id").astype(np.int64), column(table, "time").astype(np.int64)

    @override
    def mentions(self, passages: Ints) -> Mentions:
        table = reading.mentions_of(self._store, passages.tolist(), self._view)
        return Mentions(*(table[name].to_numpy() for name in Mentions._fields))

    @override
    def mentioning(self, entities: Ints) -> Links:
        return _links(reading.passages_mentioning(self._store, entities.tolist(), self._view))

    @override
    def headed(self, entities: Ints) -> Links:
        return _links(reading.headed_passages(self._store, entities.tolist(), self._view))

    @override
    def associations(self, entities: Ints) -> Outgoing:
        if not len(entities):
            return Gathered.none(0)
        if self._view is None:
            table, unknown = reading.associations_from(self._store, entities.tolist()), 0
        else:
            table, unknown = reading.associations_seen(self._store, entities.tolist(), self._view)
        if not table.num_rows:
            return Gathered.none(len(entities), unknown)
        names = ("source", "id", "mentions", "headings", "latest")
        source, target, mentions, headings, latest = (column(table, name).astype(np.int64) for name in names)
        asked = positions(source, entities)
        if self._view is None:
            fast, slow, as_of = (column(table, name) for name in ("fast", "slow", "as_of"))
            strength = strength_at(self.now, fast, slow, as_of, self.parameters)
            total = totals(asked, fast, slow, as_of, len(entities), self.now, self.parameters)
        else:
            strength = column(table, "strength")
            total = sums_of(strength, asked, len(entities))
        return Gathered(asked, target, mentions, headings, strength, latest, total, unknown)

    @override
    def names(self, ids: Sequence[int]) -> dict[int, Name]:
        return reading.labels_of(self._store, ids)

    @override
    def texts(self, ids: Sequence[int]) -> dict[int, Shown]:
        return reading.texts_of(self._store, ids)


def _named(table: pa.Table) -> dict[int, NamedEntity]:
    columns = [table[name].to_pylist() for name in NamedEntity._fields]
    return {row[0]: NamedEntity(*row) for row in zip(*columns, strict=True)}


def _links(table: pa.Table) -> Links:
    heading = table["heading"].fill_null(NO_HEADING).to_numpy()
    return Links(table["entity"].to_numpy(), table["passage"].to_numpy(), heading)


def _occurrences(terms: pa.Array, words: Sequence[str]) -> Ints:
    """How often analysed texts have each of these words: int64 (n_texts, n_words)."""
    split = pc.split_pattern(terms, " ")
    word = pc.index_in(split.flatten(), value_set=pa.array(words, pa.string()))
    there = word.is_valid().to_numpy(zero_copy_only=False)
    cell = pc.list_parent_indices(split).to_numpy()[there] * len(words) + word.drop_null().to_numpy()
    counts = np.bincount(cell, minlength=len(terms) * len(words))
    return counts.reshape(len(terms), len(words)).astype(np.int64)
