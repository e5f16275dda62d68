"""What recall looks up in memory against the same in the file, to the last bit, after a step of a history.

The model in memory is read once, and then follows the changes; it is read again where a change drops it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from oracle_state import START

from memini_kuzu.recall import follow
from memini_kuzu.recall.recollection import recollect
from memini_kuzu.store import modes
from memini_kuzu.store.filters import Filter
from memini_kuzu.store.in_file import InFile
from memini_kuzu.store.known import document_ids, read_counters, read_splits
from memini_kuzu.store.model import InMemory, Seen, fans, following
from memini_kuzu.store.stored import READ_EDGES_BETWEEN, READ_ENTITIES, splits_stored
from memini_kuzu.tables import SURELY, column
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from memini_kuzu.store import Store
    from memini_kuzu.store.lookup import Lookup
    from memini_kuzu.store.model import Model

    Ints = NDArray[np.int64]

__all__ = ["unlike"]

FILTERS = (
    Filter(sources=("diary",)),
    Filter(sources=("", "letters")),
    Filter(sources=("*",), since=START + 20 * DAY),
    Filter(until=START + 31 * DAY),
)
"""What people may ask for; the dates are between those of `oracle`."""

FEW = 2
"""Associations from which on not all are read, so that in small stores too some are not."""


def unlike(store: Store, filters: Sequence[Filter] = FILTERS) -> list[str]:
    """What a lookup in memory gives otherwise than one in the file, of all and of what filters select."""
    with store.snapshot():
        model = store.hold()
        asked = _Asked(store)
        now = max(model.latest, asked.latest)
        found = _compared(store, asked, InFile(store, now, None), InMemory(model, now, store.parameters))
        earlier = [(each, then) for each in (None, *filters) for then in (now, *asked.between)]
        for each, then in earlier[1:]:
            with store.lookup(then, each) as lookup:
                # of events that were loaded the file is asked
                if isinstance(lookup, Seen):
                    there = _compared(store, asked, InFile(store, then, store.view(then, each)), lookup)
                    found += [f"{each} at {then}: {difference}" for difference in there]
        found += [f"in memory, {name} as they are stored differ" for name in asked.stored(store, model)]
        if model.latest != asked.latest:
            found.append(f"in memory, the latest date: {model.latest}, expected {asked.latest}")
    return found


def _compared(store: Store, asked: _Asked, in_file: Lookup, in_memory: Lookup) -> list[str]:
    with _low_thresholds():
        return list(_differing(store, asked, in_file, in_memory))


@contextmanager
def _low_thresholds() -> Iterator[None]:
    """As among hubs, of whose associates few are looked at."""
    with (
        patch.object(modes, "MANY", FEW),
        patch.object(following, "READ", 1),
        patch.object(fans, "HEADS", 1),
        patch.object(follow, "FIRST", FEW),
    ):
        yield


def _differing(store: Store, asked: _Asked, in_file: Lookup, in_memory: Lookup) -> Iterator[str]:
    answers = [list(asked.answers(side)) for side in (in_file, in_memory)]
    for (name, expected), (_, there) in zip(*answers, strict=True):
        if there != expected:
            yield f"in memory, {name}: {there!r}, expected {expected!r}"
    for cue in asked.cues:
        one, other = (recollect(store, side, cue) for side in (in_file, in_memory))
        if one.passages.id.tolist() != other.passages.id.tolist() or (one.score != other.score).any():
            yield f"in memory, {cue!r} is answered otherwise"


class _Asked:
    """What there is to be asked of a store, and some that there is not."""

    def __init__(self, store: Store) -> None:
        read = store.read
        self.passages = _column(read("MATCH (p:Passage) RETURN p.id AS id"), "id")
        self.entities = _column(read("MATCH (e:Entity) RETURN e.id AS id"), "id")
        self.words = sorted(_list(read("MATCH (t:Term) RETURN t.term AS id")))
        self.aliases = _list(read("MATCH (a:Alias) RETURN a.key AS id"))
        self.keys = sorted(_list(read("MATCH (e:Entity) RETURN e.key AS id")))
        dates = [
            *_list(read("MATCH (p:Passage) RETURN max(p.time) AS id")),
            *_list(read("MATCH (e:Entity) RETURN max(e.last_seen) AS id")),
        ]
        self.latest = max(map(to_millis, dates), default=0)
        told = sorted(map(to_millis, _list(read("MATCH (p:Passage) RETURN p.time AS id"))))
        # a time at which there was something, and something was yet to come
        self.between = told[len(told) // 2 : len(told) // 2 + 1]
        self.cues = [" ".join(some) for some in (self.keys[:4], self.words[:4], self.keys[-2:]) if some]

    def stored(self, store: Store, model: Model) -> Iterator[str]:
        """What the model has otherwise of the rows that changes start from."""
        ids = np.append(np.sort(self.entities), -1)
        entities = store.read(READ_ENTITIES.format(where=""))
        if entities.num_rows and not _same(model.entities_of(ids), entities, "id"):
            yield "entities"
        edges = store.read(READ_EDGES_BETWEEN, {"ids": ids.tolist()})
        if edges.num_rows and not _same(model.edges_between(ids), edges, "source", "target"):
            yield "associations"
        documents = [*document_ids(store.read), -1]
        if model.has_document(np.array(documents)).tolist() != [True] * (len(documents) - 1) + [False]:
            yield "documents"
        if len(model.documents.all()) != len(documents) - 1:
            yield "documents that are gone"
        sources = [*_list(store.read("MATCH (s:Source) RETURN s.name AS id")), "no source"]
        if model.assigned(sources) != read_counters(store.read, sources):
            yield "positions that sources have assigned"
        if len(model.counters.all()) != len(sources) - 1:
            yield "sources that are gone"
        if splits_stored(store) != read_splits(store.read):
            yield "splits"

    def answers(self, lookup: Lookup) -> Iterator[tuple[str, Any]]:
        """Every kind of question and its answer, in an order of its own."""
        passages = np.append(np.sort(self.passages), -1)
        entities = np.append(np.sort(self.entities), -1)
        yield "sums", lookup.sums
        yield "aliases", lookup.aliases([*self.aliases, "nobody"])
        yield "aliases of entities", lookup.aliases_of(self.entities.tolist())
        yield "entities", lookup.entities(entities.tolist())
        yield "alike", lookup.entities_like(dict.fromkeys((f"{key}x" for key in self.keys[:5]), 1))
        yield "frequencies", lookup.frequencies([*self.words, "zqno"])
        yield "best", [lookup.best(self.words[n : n + 3], 5).tolist() for n in range(0, len(self.words), 7)]
        found = lookup.passages(passages, self.words)
        records = lookup.records(found.id.tolist())
        sources = [source for _, source in records.values()]
        # numbers of sources hold within one lookup alone
        alone = [-1 if n < 0 else sources.index(each) for n, each in zip(found.episode, sources, strict=True)]
        yield (
            "passages",
            {name: values.tolist() for name, values in found._asdict().items()} | {"episode": alone},
        )
        yield "records", records
        yield "texts", lookup.texts(found.id.tolist())
        said = lookup.said(found.id, self.words[:3])
        yield "said", (sorted(set(_rows(said[:2]))), said.df.tolist())
        for number, own in enumerate(found.id.tolist()):
            near = set(lookup.around(found.id[number : number + 1], 2).tolist())
            yield "around", sorted(near.intersection(found.id.tolist()) - {own})
        ids, times = lookup.dated(0, 2**42)
        yield "dated", sorted(zip(ids.tolist(), times.tolist(), strict=True))
        yield "mentions", _rows(lookup.mentions(found.id))
        yield "mentioning", _rows(lookup.mentioning(entities))
        yield "headed", _rows(lookup.headed(entities))
        outgoing = lookup.associations(entities)
        every = np.arange(len(entities))
        led = outgoing.leading(every)
        ends = outgoing.entities(led.target)
        rows = _rows((led.source, *ends, led.strength, led.latest))
        yield "associations", (outgoing.total.tolist(), outgoing.unknown, rows)
        again = outgoing.onto(every, np.unique(led.target))
        yield "associations by their ends", _rows(again) == _rows(led)
        each = led.strength / np.maximum(ends[1] - 1, 1)
        # nothing is said of what is read
        read = outgoing.size[led.source] == 0
        heads = set(zip(outgoing.heads.source.tolist(), outgoing.heads.target.tolist(), strict=True))
        rest = [pair not in heads for pair in zip(led.source.tolist(), led.target.tolist(), strict=True)]
        pairs = ((outgoing.most, led.strength), (outgoing.shared, each))
        yield (
            "the most",
            [bool((read | (value * SURELY <= most[led.source]))[rest].all()) for most, value in pairs],
        )
        yield "names", lookup.names(np.sort(self.entities).tolist()) if len(self.entities) else {}


def _same(one: pa.Table, other: pa.Table, *keys: str) -> bool:
    names = sorted(other.column_names)
    order = [(key, "ascending") for key in keys]
    first, second = (table.select(names).sort_by(order).to_pylist() for table in (one, other))
    return bool(first == second)


def _rows(columns: Any) -> list[Any]:
    return sorted(zip(*(values.tolist() for values in columns), strict=True))


def _column(table: Any, name: str) -> Ints:
    return column(table, name).astype(np.int64) if table.num_rows else np.zeros(0, dtype=np.int64)


def _list(table: Any) -> list[Any]:
    return [value for value in table["id"].to_pylist() if value is not None] if table.num_rows else []
