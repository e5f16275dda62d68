"""What is held in memory of one state of a store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.store.model.columns import (
    ASSOCIATES,
    COUNTERS,
    DOCUMENT,
    ENTITY,
    MENTIONS,
    PASSAGE,
)
from memini_kuzu.store.model.fans import KnownFans
from memini_kuzu.store.model.numbers import Numbers, pairs, unpaired
from memini_kuzu.store.model.rows import Rows
from memini_kuzu.store.model.selections import KnownSelections
from memini_kuzu.store.model.words import Codes, Words
from memini_kuzu.tables import EDGE_SCHEMA, Edges, edges_to_arrow, timestamps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["Model", "Split"]


class Split(NamedTuple):
    """What an entity is called in one source, where people told two of one name apart."""

    source: str
    entity: int
    key: str
    name: str


@dataclass(frozen=True)
class Model:
    """What recall looks up, and what telling another sentence starts from, of one state of a store.

    Parameters
    ----------
    version : int
        Its number, among the states that followed on each other since all was read.
    latest : int
        The date of the latest passage or evidence, in milliseconds since 1970; 0 in an empty store.
    passages, entities, mentions, associations, documents, counters : Rows
        The rows of these tables, without what is not asked for.
    words : Words
        Of the passages.
    aliases, dropped : dict of str to int
        By their keys: the entity that an alias resolves to, and entities that people have dropped.
    meta : dict of str to str
        MeminiMeta.
    splits : dict of str to Split
        By their ids.
    terms, sources, labels, languages : Codes
        The numbers of words, sources, labels and languages.
    numbers : Numbers
        Those of entities.
    fans : KnownFans
        What leads from those entities that have many associations.
    selections : KnownSelections
        What filters select.
    place : int32 (≥ n,)
        The row of the entity of each number; -1 where it is gone.
    """

    version: int
    latest: int
    passages: Rows
    entities: Rows
    mentions: Rows
    associations: Rows
    documents: Rows
    counters: Rows
    words: Words
    aliases: Mapping[str, int]
    dropped: Mapping[str, int]
    meta: Mapping[str, str]
    splits: Mapping[str, Split]
    terms: Codes
    sources: Codes
    labels: Codes
    languages: Codes
    numbers: Numbers
    fans: KnownFans
    selections: KnownSelections
    place: NDArray[np.int32]

    @classmethod
    def none(cls) -> Model:
        """Of an empty store."""
        return cls(
            0,
            0,
            Rows.none(PASSAGE, ("id", "place")),
            Rows.none(ENTITY, ("id",)),
            Rows.none(MENTIONS, ("passage", "entity")),
            Rows.none(ASSOCIATES, ("pair",)),
            Rows.none(DOCUMENT, ("id",)),
            Rows.none(COUNTERS, ("source",)),
            Words.none(),
            {},
            {},
            {},
            {},
            Codes(),
            Codes(),
            Codes(),
            Codes(),
            Numbers(),
            KnownFans(),
            KnownSelections(),
            np.zeros(0, dtype=np.int32),
        )

    @cached_property
    def hidden(self) -> Ints:
        """The entities that people have dropped."""
        return np.array(sorted(set(self.dropped.values())), dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""
        nodes = (self.passages, self.entities, self.documents, self.counters)
        tables = (*nodes, self.mentions, self.associations)
        codes = (self.words, self.terms, self.sources, self.labels, self.numbers, self.place)
        return sum(part.nbytes for part in (*tables, *codes))

    def entities_of(self, ids: Ints) -> pa.Table:
        """The entities of these ids, each given once, as they are stored; unknown ids are left out."""
        rows = self.entities.row_of("id", ids)
        rows = rows[rows >= 0]
        seen = (timestamps(self.entities.take(name, rows)) for name in ("first_seen", "last_seen"))
        texts = (pa.array(self.entities.texts(name, rows), pa.string()) for name in ("key", "name", "votes"))
        return pa.table(
            {
                **dict(zip(("key", "name", "votes"), texts, strict=True)),
                **dict(zip(("first_seen", "last_seen"), seen, strict=True)),
                **{name: self.entities.take(name, rows) for name in ("id", "mentions", "headings")},
                "label": pa.array(self.labels.names(self.entities.take("label", rows)), pa.string()),
            }
        )

    def edges_between(self, ids: Ints) -> pa.Table:
        """The associations between these entities, as they are stored; `tables.EDGE_SCHEMA`."""
        table, numbers = self.associations, self.numbers.find(np.unique(ids))
        known = numbers[numbers >= 0]
        _, rows = table.find("pair", pairs(known[:, None], known).ravel())
        ends = unpaired(table.take("pair", rows))
        columns: dict[str, Any] = dict(zip(("source", "target"), map(self.numbers.ids, ends), strict=True))
        columns |= {name: table.take(name, rows) for name in EDGE_SCHEMA.names if name not in columns}
        return edges_to_arrow(Edges(**columns))

    def has_document(self, ids: Ints) -> NDArray[np.bool_]:
        """Which of these documents there are."""
        return self.documents.row_of("id", ids) >= 0

    def assigned(self, sources: Sequence[str]) -> dict[str, int]:
        """How many positions each of these sources has assigned, of those that there are."""
        rows = self.counters.row_of("source", self.sources.find(sources)).tolist()
        found = {name: row for name, row in zip(sources, rows, strict=True) if row >= 0}
        numbers = self.counters.take("passages", np.array(list(found.values()), dtype=np.int64))
        return dict(zip(found, numbers.tolist(), strict=True))
