"""What a filter selects of a store, counted as a store would count it that holds nothing else.

Words, mentions and events of the selected documents are read once and held as columns, sorted so that each
question is a binary search. Passages count by their own dates, events by theirs. A selection is of one state
of the file; `Store.selection` keeps the latest ones.

As in `view`, aliases and the labels of entities are those of the whole store, and texts that a new version
replaced are not known. Passages are neighbours as if the others of their source were not there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.store.filters import END
from memini_kuzu.store.ledger import Ledger, ledger_from_arrow
from memini_kuzu.store.loads import parts_from, read_kept, read_loads, read_parts
from memini_kuzu.store.lookup import best_scored, rarity
from memini_kuzu.store.metadata import holding
from memini_kuzu.store.numbered import returned
from memini_kuzu.store.sums import Sums
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.store.filters import Filter

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Selection", "Selections", "events_of", "selected_documents", "selected_loads"]

KEPT = 8
"""What so many filters select is kept in memory."""

DOCUMENTS = """
MATCH (d:Document)
WHERE d.source IN $names OR ($prefixed AND any(prefix IN $prefixes WHERE starts_with(d.source, prefix)))
RETURN d.id AS id, d.metadata AS metadata
"""

PASSAGES = """
MATCH (p:Passage)
WHERE (p.source IN $names OR ($prefixed AND any(prefix IN $prefixes WHERE starts_with(p.source, prefix))))
    AND p.time >= $since AND p.time < $until
RETURN p.id AS id, p.document AS document
"""

PASSAGE = """
LOAD FROM batch MATCH (p:Passage {id: id})
RETURN p.id AS id, p.source AS source, p.position AS position, p.time AS time, p.heading AS heading,
    p.words AS words, p.language AS language, p.terms AS terms
"""

MENTIONS = """
LOAD FROM batch MATCH (p:Passage {id: id})-[:MENTIONS]->(e:Entity)
RETURN p.id AS passage, e.id AS entity
"""

LISTS = returned("d")

EVENTS = f"LOAD FROM batch MATCH (d:Document {{id: id}}) RETURN d.id AS id, {LISTS}"


@dataclass(frozen=True)
class Selection:
    """Passages, mentions and events of some documents, up to a time.

    Parameters
    ----------
    filter : Filter
        What selects them.
    id, source, place, time, words : int64 (n_passages,)
        The passages in the order of their sources and places: ids, numbers of sources (-1 where there is
        none), which of the selected passages of its source each is, whatever their dates, dates in
        milliseconds since 1970, and how many words each has.
    language : str (n_passages,)
        Their languages.
    term, row, tf : int64 (n_occurrences,)
        How often a term occurs in a passage, by term.
    terms : pyarrow string array (n_terms,)
        The terms that the numbers stand for.
    entity, mentioned : int64 (n_mentions,)
        Which passage mentions an entity, by entity.
    headed : bool (n_mentions,)
        Whether the entity heads the passage.
    ledger : Ledger
        The events of the documents.
    parts : int64 (n_parts,)
        The parts of the loads that are selected, ascending.
    loaded, began : int64 (n,)
        The entities that their events join, and when the first of these was.
    unkept : bool
        Whether a load that is selected did not keep its events.
    now : int
        No later passages and events are in it.
    """

    filter: Filter
    id: Ints
    source: Ints
    place: Ints
    time: Ints
    words: Ints
    language: NDArray[np.str_]
    term: Ints
    row: Ints
    tf: Ints
    terms: pa.Array
    entity: Ints
    mentioned: Ints
    headed: Flags
    ledger: Ledger
    parts: Ints
    loaded: Ints
    began: Ints
    unkept: bool
    now: int = END

    def __len__(self) -> int:
        return len(self.id)

    def until(self, now: int) -> Selection:
        """What of it there was at a time.

        Parameters
        ----------
        now : int
            Milliseconds since 1970.
        """
        loaded = self.began <= now
        earlier = replace(self, now=now, loaded=self.loaded[loaded], began=self.began[loaded])
        if (self.ledger.time > now).any():
            earlier = replace(earlier, ledger=self.ledger.take(self.ledger.time <= now))
        there = self.time <= now
        if there.all():
            return earlier
        place = np.cumsum(there) - 1
        kept, mentions = there[self.row], there[self.mentioned]
        return replace(
            earlier,
            **{name: getattr(self, name)[there] for name in OF_PASSAGES},
            term=self.term[kept],
            row=place[self.row[kept]],
            tf=self.tf[kept],
            entity=self.entity[mentions],
            mentioned=place[self.mentioned[mentions]],
            headed=self.headed[mentions],
        )

    @cached_property
    def _by_id(self) -> Ints:
        return np.argsort(self.id)

    def rows(self, ids: Ints) -> Ints:
        """Where these passages stand; -1 for those that are not selected."""
        if not len(self.id):
            return np.full(len(ids), -1)
        order = self._by_id
        place = order[np.minimum(np.searchsorted(self.id, ids, sorter=order), len(order) - 1)]
        return np.where(self.id[place] == ids, place, -1)

    @cached_property
    def sums(self) -> Sums:
        """How many passages there are, of how many words, and their languages."""
        return Sums(len(self.id), int(self.words.sum()), frozenset(np.unique(self.language).tolist()))

    def _codes(self, words: Sequence[str]) -> Ints:
        """The numbers of these terms; -1 for those that occur nowhere."""
        found = pc.index_in(pa.array(words, pa.string()), value_set=self.terms)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def frequencies(self, words: Sequence[str]) -> dict[str, int]:
        """In how many passages each analysed term occurs."""
        codes = self._codes(words)
        df = np.searchsorted(self.term, codes, "right") - np.searchsorted(self.term, codes, "left")
        return dict(zip(words, df.tolist(), strict=True))

    def best(self, words: Sequence[str], top: int) -> tuple[Ints, Floats]:
        """Ids and scores of the best passages by BM25, as of `reading.fulltext`."""
        bounds = [np.searchsorted(self.term, [code, code + 1]) for code in self._codes(words).tolist()]
        return best_scored(
            [self.row[begin:end] for begin, end in bounds],
            [self.tf[begin:end] for begin, end in bounds],
            rarity(np.diff(bounds).reshape(-1), len(self.id)),
            self.words,
            self.id,
            self.sums.average,
            top,
        )

    def count(self, entities: Ints) -> tuple[Ints, Ints]:
        """How many passages mention each of these entities, and how many it heads."""
        begin, end = (np.searchsorted(self.entity, entities, side) for side in ("left", "right"))
        headed = np.append(0, np.cumsum(self.headed))
        return end - begin, headed[end] - headed[begin]

    @cached_property
    def ends(self) -> Ints:
        """The entities that a passage or an event of it names, ascending."""
        return np.unique(np.concatenate([self.entity, self.ledger.ends(), self.loaded]))

    def knows(self, entities: Ints) -> Flags:
        """Which of these entities a passage or an event of the selection names."""
        there: Flags = np.isin(entities, self.ends) | self.unkept
        return there

    def linking(self, entities: Ints, *, headed: bool) -> pa.Table:
        """The passages that mention these entities, or that they head: entity, passage, heading."""
        keep = np.isin(self.entity, entities)
        if headed:
            keep &= self.headed
        heading = pa.array(self.entity[keep], mask=~self.headed[keep])
        return pa.table(
            {
                "entity": pa.array(self.entity[keep], pa.int64()),
                "passage": pa.array(self.id[self.mentioned[keep]], pa.int64()),
                "heading": heading.cast(pa.int64()),
            }
        )

    def dated(self, since: int, before: int) -> tuple[Ints, Ints]:
        """Ids and times of the passages of an interval."""
        inside = (self.time >= since) & (self.time < before)
        return self.id[inside], self.time[inside]

    def places(self, ids: Ints) -> Ints:
        """Where these passages, which are selected, stand in their sources: int64 (n,)."""
        return self.place[self.rows(ids)]

    def around(self, ids: Ints, reach: int) -> Ints:
        """Ids of the passages that stand around these in their sources, these left out."""
        rows = self.rows(ids)
        rows = rows[(rows >= 0) & (self.source[rows] >= 0)]
        near = (rows[:, None] + np.arange(-reach, reach + 1)).ravel()
        origin = np.repeat(rows, 2 * reach + 1)
        inside = (near >= 0) & (near < len(self.id))
        near, origin = near[inside], origin[inside]
        beside = np.abs(self.place[near] - self.place[origin]) <= reach
        near = near[beside & (self.source[near] == self.source[origin])]
        return np.setdiff1d(self.id[near], ids)

    def events_from(self, read: Callable[..., pa.Table], sources: Ints) -> Ledger:
        """The events of the selection that lead from these entities, which are in ascending order."""
        told = self.ledger.take(np.isin(self.ledger.source, sources))
        if not len(self.parts):
            return told
        parts = np.intersect1d(parts_from(read, sources), self.parts)
        if not len(parts):
            return told
        kept = ledger_from_arrow(read_parts(read, parts.tolist()))
        inside = np.isin(kept.source, sources) & self.filter.holds(kept.time) & (kept.time <= self.now)
        return told.join(kept.take(inside))


OF_PASSAGES = ("id", "source", "place", "time", "words", "language")


class Selections:
    """What the latest filters select, of one state of the file."""

    def __init__(self) -> None:
        self._state = -1
        self._kept: OrderedDict[Filter, Selection] = OrderedDict()
        self._reading = threading.Lock()

    def get(self, read: Callable[..., pa.Table], state: int, asked: Filter) -> Selection:
        """What a filter selects.

        Parameters
        ----------
        read : callable
            Executes a query.
        state : int
            The state of the file, as `Engine.snapshot` numbers them; it stays while this runs.
        asked : Filter
            The filter.
        """
        with self._reading:
            if self._state != state:
                self._state = state
                self._kept.clear()
            found = self._kept.pop(asked, None) or _read_selection(read, asked)
            self._kept[asked] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found


def _read_selection(read: Callable[..., pa.Table], asked: Filter) -> Selection:
    """Read what a filter selects.

    Parameters
    ----------
    read : callable
        Executes a query.
    asked : Filter
        The filter.
    """
    documents = selected_documents(read, asked)
    passages = _passages(read, asked, documents)
    names = passages["source"].combine_chunks().dictionary_encode()
    source = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    # what has no source stands beside nothing
    anonymous = pc.index_in(pa.array([""]), value_set=names.dictionary)[0].as_py()
    source[source == anonymous] = -1
    order = np.lexsort((column(passages, "position"), source))
    passages, source = passages.take(pa.array(order)), source[order]
    heading = passages["heading"]
    term, row, tf, terms = _occurrences(passages["terms"].combine_chunks())
    entity, mentioned = _mentions(read, column(passages, "id").astype(np.int64))
    ledger = events_of(read, documents)
    parts, loaded, began, unkept = _loads(read, asked)
    head = np.asarray(pc.fill_null(heading, 0).to_numpy(), dtype=np.int64)
    named = ~np.asarray(pc.is_null(heading).to_numpy(), dtype=np.bool_)
    return Selection(
        asked,
        column(passages, "id").astype(np.int64),
        source,
        np.arange(len(source)) - np.searchsorted(source, source),
        column(passages, "time").astype(np.int64),
        column(passages, "words").astype(np.int64),
        np.array(passages["language"].to_pylist(), dtype=np.str_),
        term,
        row,
        tf,
        terms,
        entity,
        mentioned,
        named[mentioned] & (head[mentioned] == entity),
        ledger.take(asked.holds(ledger.time)),
        parts,
        loaded,
        began,
        unkept,
    )


def selected_documents(read: Callable[..., pa.Table], asked: Filter) -> Ints:
    """Ids of the documents of these sources and this metadata, whatever their dates; ascending."""
    table = read(DOCUMENTS, asked.names)
    if not table.num_rows:
        return NONE
    ids = column(table, "id").astype(np.int64)
    return np.sort(ids[holding(table["metadata"], dict(asked.where))] if asked.where else ids)


def _passages(read: Callable[..., pa.Table], asked: Filter, documents: Ints) -> pa.Table:
    # the texts are read of those alone that are selected
    span = {"since": from_millis(asked.since), "until": from_millis(asked.until)}
    table = read(PASSAGES, {**asked.names, **span})
    if not table.num_rows:
        return NO_PASSAGES
    table = table.filter(pa.array(np.isin(column(table, "document"), documents)))
    found = read(PASSAGE, batch=table.select(["id"])) if table.num_rows else NO_PASSAGES
    return found if found.num_rows else NO_PASSAGES


def _occurrences(texts: pa.Array) -> tuple[Ints, Ints, Ints, pa.Array]:
    """How often each term occurs in each text: by term, then text; and the terms."""
    split = pc.split_pattern(texts, " ")
    encoded = split.flatten().dictionary_encode()
    row = pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)
    code = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    keys, tf = np.unique(code * max(len(texts), 1) + row, return_counts=True)
    term, row = np.divmod(keys, max(len(texts), 1))
    return term, row, tf, encoded.dictionary


def _mentions(read: Callable[..., pa.Table], passages: Ints) -> tuple[Ints, Ints]:
    """Entities, ascending, and the rows of the passages that mention them."""
    table = read(MENTIONS, batch=pa.table({"id": pa.array(passages)})) if len(passages) else pa.table({})
    if not table.num_rows:
        return NONE, NONE
    entity = column(table, "entity").astype(np.int64)
    by_id = np.argsort(passages)
    row = by_id[np.searchsorted(passages, column(table, "passage").astype(np.int64), sorter=by_id)]
    order = np.lexsort((row, entity))
    return entity[order], row[order]


def events_of(read: Callable[..., pa.Table], documents: Ints) -> Ledger:
    """The events of these documents."""
    if not len(documents):
        return Ledger.empty()
    return ledger_from_arrow(read(EVENTS, batch=pa.table({"id": pa.array(documents)})))


def selected_loads(read: Callable[..., pa.Table], asked: Filter) -> list[str]:
    """Ids of the loads of these sources; metadata they have none."""
    if asked.where:
        return []
    loads = read_loads(read)
    pairs = zip(loads["id"].to_pylist(), loads["source"].to_pylist(), strict=True)
    return [load for load, source in pairs if asked.takes(source)]


def _loads(read: Callable[..., pa.Table], asked: Filter) -> tuple[Ints, Ints, Ints, bool]:
    """The parts of loads, what their events join, since when; and whether a load kept none."""
    chosen = selected_loads(read, asked)
    if not chosen:
        return NONE, NONE, NONE, False
    kept = read_kept(read)
    parts = kept.filter(pc.is_in(kept["load"], pa.array(chosen, pa.string())))
    ids = np.sort(column(parts, "id").astype(np.int64))
    events = ledger_from_arrow(read_parts(read, ids.tolist())) if len(ids) else Ledger.empty()
    unkept = bool(set(chosen) - set(parts["load"].to_pylist()))
    events = events.take(asked.holds(events.time))
    ends, place = np.unique(np.concatenate([events.source, events.target]), return_inverse=True)
    began = np.full(len(ends), END)
    np.minimum.at(began, place, np.concatenate([events.time, events.time]))
    return ids, ends, began, unkept


NONE = np.zeros(0, dtype=np.int64)

NO_PASSAGES = pa.schema(
    [
        ("id", pa.int64()),
        ("source", pa.string()),
        ("position", pa.int64()),
        ("time", pa.timestamp("us")),
        ("heading", pa.int64()),
        ("words", pa.int64()),
        ("language", pa.string()),
        ("terms", pa.string()),
    ]
).empty_table()
