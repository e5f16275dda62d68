"""From one state of the read model to the next: what a change does to the file, done to its columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics.pairs import same_pairs
from memini_kuzu.errors import QueryError
from memini_kuzu.store import catalog
from memini_kuzu.store.model.columns import (
    ASSOCIATES,
    MENTIONS,
    PASSAGE,
    associations_of,
    entities_of,
    headings_of,
    passages_of,
)
from memini_kuzu.store.model.numbers import pairs, unpaired
from memini_kuzu.store.model.rows import Rows, spans
from memini_kuzu.store.model.state import Model, Split
from memini_kuzu.store.model.words import Words, count_words
from memini_kuzu.tables import column, positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from memini_kuzu.store.change import Change, Part

    Ints = NDArray[np.int64]

__all__ = ["after", "model_of"]


def model_of(parts: Iterable[Part]) -> Model:
    """The model of a store with these rows and no others; relationships come after what they join."""
    step = _Step(Model.none())
    for _ in map(step.take, parts):
        # no name is bound to a part: it may go before the next one is made
        pass
    return step.model()


def after(model: Model, change: Change) -> Model | None:
    """The state after a change; None where that cannot be told from the change.

    Parameters
    ----------
    model : Model
        The newest state: only one change may follow on it.
    change : Change
        It is about to be committed.
    """
    model.selections.changed(change, model)
    step = _Step(model)
    parts = (
        # to the model it makes no difference how nodes come into the file
        part._replace(how="create") if part.how == "append" else part
        for part in change.ordered()
    )
    return step.model() if all(map(step.take, parts)) else None


class _Step:
    """A state in the making.

    Parameters
    ----------
    model : Model
        The state before.
    """

    def __init__(self, model: Model) -> None:
        self._model, self._version = model, model.version + 1
        self._passages, self._entities = model.passages, model.entities
        self._mentions, self._associations = model.mentions, model.associations
        self._documents, self._counters = model.documents, model.counters
        self._words = model.words
        self._splits = model.splits
        self._named: dict[str, Mapping[str, Any]] = {
            "Alias": model.aliases,
            "Dropped": model.dropped,
            "MeminiMeta": model.meta,
        }
        # None where something may have gone that was the latest
        self._latest: int | None = model.latest
        self._gone = np.zeros(0, dtype=np.int32)

    def model(self) -> Model:
        """The state after all that was taken."""
        passages, words = replace(self._passages, version=self._version), self._words
        if passages.sparse:
            self._model.selections.forget()
            passages, words = _compacted(passages, words)
        entities = self._dense(self._entities)
        if self._associations.sparse:
            # their rows get other numbers
            self._model.fans.forget(self._version)
        if self._latest is None:
            self._latest = max(_latest(passages, "time"), _latest(entities, "last_seen"))
        return replace(
            self._model,
            version=self._version,
            latest=self._latest,
            passages=passages,
            entities=entities,
            mentions=self._dense(self._mentions),
            associations=self._dense(self._associations),
            documents=self._dense(self._documents),
            counters=self._dense(self._counters),
            words=words,
            aliases=self._named["Alias"],
            dropped=self._named["Dropped"],
            meta=self._named["MeminiMeta"],
            splits=self._splits,
            place=self._placed(entities),
        )

    def _placed(self, entities: Rows) -> NDArray[np.int32]:
        """Where the entities stand by their numbers."""
        before = self._model.place
        if self._entities is self._model.entities:
            return before
        # a copy: the earlier state keeps its own
        place = np.full(len(self._model.numbers), -1, dtype=np.int32)
        rows = entities.all()
        if entities.n == self._entities.n:
            # most stand where they stood
            place[: len(before)] = before
            place[self._gone] = -1
            rows = rows[rows >= self._model.entities.n]
        place[entities.take("number", rows)] = rows
        return place

    def _dense(self, rows: Rows) -> Rows:
        rows = replace(rows, version=self._version)
        return rows.compact() if rows.sparse else rows

    def take(self, part: Part) -> bool:
        """Do what a part of a change does to the file; False where that cannot be told from the part.

        Raises
        ------
        QueryError
            If it creates a node that is there: the file may get the change after it was told.
        """
        if part.how == "create" and self._known(part):
            raise QueryError(f"{part.table} would get a duplicated primary key: this is a fault of memini")
        if part.table in self._named:
            self._take_named(part)
        elif part.table == "MENTIONS":
            self._take_mentions(part)
        elif part.table == "ASSOCIATES":
            self._take_associations(part)
        elif part.table == "Entity":
            self._take_entities(part)
        elif part.table == "Document":
            self._take_documents(part)
        elif part.table == "Source":
            self._take_sources(part)
        elif part.table == "Split":
            self._take_splits(part)
        elif part.table == "Passage":
            return self._take_passages(part)
        return True

    def _known(self, part: Part) -> bool:
        """Whether a node that is to be created is there, or comes twice."""
        declared = catalog.table(part.table)
        if declared.ends is not None:
            return False
        [key] = declared.keys
        values = part.rows[key]
        if pc.count_distinct(values).as_py() < len(values):
            return True
        nodes = {"Entity": self._entities, "Passage": self._passages, "Document": self._documents}
        if part.table in nodes:
            return bool((nodes[part.table].row_of("id", column(part.rows, "id").astype(np.int64)) >= 0).any())
        if part.table == "Source":
            sources = self._model.sources.find(values.to_pylist())
            return bool((self._counters.row_of("source", sources) >= 0).any())
        there = {**self._named, "Split": self._splits}.get(part.table, {})
        return not there.keys().isdisjoint(values.to_pylist())

    def _take_named(self, part: Part) -> None:
        # a copy: the earlier state keeps its own
        named = self._named[part.table] = dict(self._named[part.table])
        if part.table == "Dropped":
            self._model.fans.forget(self._version)
        keys = part.rows["key"].to_pylist()
        if part.how == "delete":
            for key in keys:
                named.pop(key, None)
            return
        value = "value" if part.table == "MeminiMeta" else "entity"
        if value in part.rows.column_names:
            pairs = zip(keys, part.rows[value].to_pylist(), strict=True)
            named.update((key, each) for key, each in pairs if part.how == "create" or key in named)

    def _take_documents(self, part: Part) -> None:
        # its table holds lists, so that no row of it is updated
        ids = column(part.rows, "id").astype(np.int64)
        if part.how == "create":
            self._documents = self._documents.plus(self._version, {"id": ids})
        else:
            self._documents = self._end(self._documents, self._documents.find("id", ids)[1])

    def _take_sources(self, part: Part) -> None:
        sources = self._model.sources.give(part.rows["name"].to_pylist()).astype(np.int64)
        which, rows = self._counters.find("source", sources)
        if part.how == "delete":
            self._counters = self._end(self._counters, rows)
            return
        values = {"source": sources, "passages": column(part.rows, "passages").astype(np.int64)}
        if part.how == "create":
            self._counters = self._counters.plus(self._version, values)
        else:
            self._counters = self._altered(self._counters, rows.astype(np.int64), values, which)

    def _take_splits(self, part: Part) -> None:
        splits = dict(self._splits)
        for row in part.rows.to_pylist():
            number = row.pop("id")
            if part.how == "delete":
                splits.pop(number, None)
            else:
                splits[number] = Split(**row)
        self._splits = splits

    def _take_passages(self, part: Part) -> bool:
        if part.how == "create":
            self._add_passages(
                passages_of(part.rows, self._model.sources, self._model.languages), part.rows["terms"]
            )
            return True
        ids = column(part.rows, "id").astype(np.int64)
        rows = self._passages.row_of("id", ids)
        rows, values = rows[rows >= 0], self._passages.values(rows[rows >= 0])
        if part.how == "delete":
            self._end_passages(rows)
            self._mentions = self._end(self._mentions, self._mentions.find("passage", ids)[1])
            return True
        if set(part.rows.column_names) - {"id", "heading"}:
            return False
        values["heading"] = headings_of(part.rows["heading"])[positions(values["id"], ids)]
        number = values["words"].astype(np.int64)
        place = spans(values["begin"], number)
        word, tf = self._words.word[place], self._words.tf[place]
        self._end_passages(rows)
        self._append_passages(values, np.repeat(np.arange(len(number)), number), word, tf)
        return True

    def _end_passages(self, rows: Ints) -> None:
        begin, number = (self._passages.take(name, rows).astype(np.int64) for name in ("begin", "words"))
        self._words = self._words.without(begin, number)
        self._passages, self._latest = self._end(self._passages, rows), None

    def _add_passages(self, values: dict[str, Any], terms: pa.ChunkedArray) -> None:
        text, word, tf = count_words(terms.combine_chunks(), self._model.terms)
        values["words"] = np.bincount(text, minlength=len(values["id"])).astype(np.int32)
        self._append_passages(values, text, word, tf)

    def _append_passages(self, values: dict[str, Any], owner: Ints, word: Any, tf: Any) -> None:
        number = values["words"].astype(np.int64)
        values["begin"] = np.cumsum(number) - number + self._words.n
        length = values["length"][owner]
        self._words = self._words.plus(owner + self._passages.n, word, tf, length, len(self._model.terms))
        self._passages = self._passages.plus(self._version, values)
        self._dated(values["time"])

    def _dated(self, times: Ints) -> None:
        """Take the dates of new rows into account."""
        if self._latest is not None:
            self._latest = max(self._latest, int(times.max(initial=0)))

    def _take_entities(self, part: Part) -> None:
        values = entities_of(part.rows, self._model.labels)
        if part.how == "create":
            values["number"] = self._model.numbers.give(values["id"])
            self._entities = self._entities.plus(self._version, values)
            self._dated(values["last_seen"])
            return
        rows = self._entities.row_of("id", values["id"])
        found = rows >= 0
        rows = rows[found]
        if part.how == "delete":
            ids = values["id"][found]
            self._gone = np.append(self._gone, self._entities.take("number", rows))
            self._entities, self._latest = self._end(self._entities, rows), None
            self._mentions = self._end(self._mentions, self._mentions.find("entity", ids)[1])
            # by target there is no index: entities are deleted seldom
            live = self._associations.all()
            numbers = self._model.numbers.find(ids)
            ends = unpaired(self._associations.take("pair", live))
            gone = live[np.isin(ends[0], numbers) | np.isin(ends[1], numbers)]
            self._associations = self._end(self._associations, gone)
            self._model.fans.forget(self._version)
            return
        if "mentions" in values:
            before = self._entities.take("mentions", rows)
            if (values["mentions"][found] < before).any():
                self._model.fans.forget(self._version)
        if "last_seen" in values:
            seen = values["last_seen"][found]
            if (seen < self._entities.take("last_seen", rows)).any():
                self._latest = None
            self._dated(seen)
        self._entities = self._altered(self._entities, rows, values, np.flatnonzero(found))

    def _take_mentions(self, part: Part) -> None:
        values = {name: column(part.rows, name).astype(np.int64) for name in MENTIONS}
        if part.how == "create":
            self._mentions = self._mentions.plus(self._version, values)
        elif part.how == "delete":
            rows, _ = _pairs(self._mentions, "passage", "entity", values)
            self._mentions = self._end(self._mentions, rows)

    def _take_associations(self, part: Part) -> None:
        ends = (column(part.rows, name).astype(np.int64, copy=False) for name in ("source", "target"))
        sources, targets = map(self._model.numbers.give, ends)
        values = associations_of(part.rows) | {"pair": pairs(sources, targets)}
        if part.how == "replace":
            # also of entities of which no association is left
            self._model.fans.forget(self._version)
            self._associations = Rows.none(ASSOCIATES, ("pair",)).plus(self._version, values)
            return
        before, gone = self._associations, np.zeros(0, dtype=np.int32)
        if part.how == "create":
            self._associations = before.plus(self._version, values)
        else:
            which, gone = before.find("pair", values["pair"])
            if part.how == "delete":
                self._associations = self._end(before, gone)
            else:
                self._associations = self._altered(before, gone.astype(np.int64), values, which)
        new = np.arange(before.n, self._associations.n, dtype=np.int32)
        hidden = self._model.numbers.find(self._model.hidden)
        self._model.fans.changed(self._version, self._associations, gone, new, hidden)

    def _end(self, rows: Rows, gone: NDArray[Any]) -> Rows:
        return rows.without(self._version, gone) if len(gone) else rows

    def _altered(self, rows: Rows, old: Ints, values: dict[str, Any], which: Ints) -> Rows:
        """Rows with other values in the columns that these have; `which` of them are for the old rows."""
        new = rows.values(old)
        for name, each in values.items():
            new[name] = each.take(pa.array(which)) if isinstance(each, pa.Array) else each[which]
        return self._end(rows, old).plus(self._version, new)


def _pairs(rows: Rows, one: str, other: str, values: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """The rows of these pairs, and which of the pairs each is."""
    _, near = rows.find(one, np.unique(values[one]))
    near = near[np.isin(rows.take(other, near), values[other])]
    which, place = same_pairs(values[one], values[other], rows.take(one, near), rows.take(other, near))
    return near[place].astype(np.int64), which


def _latest(rows: Rows, name: str) -> int:
    return int(rows.take(name, rows.all()).max(initial=0))


def _compacted(passages: Rows, words: Words) -> tuple[Rows, Words]:
    """Passages and words without those that have ended."""
    values = passages.values(passages.all())
    number = values["words"].astype(np.int64)
    place = spans(values["begin"], number)
    owner = np.repeat(np.arange(len(number)), number)
    kept = Words.none().plus(
        owner, words.word[place], words.tf[place], values["length"][owner], len(words.df)
    )
    values["begin"] = np.cumsum(number) - number
    return Rows.none(PASSAGE, tuple(passages.indexes)).plus(passages.version, values), kept
