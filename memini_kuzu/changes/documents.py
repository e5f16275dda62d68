"""Documents that are ready to be written: their passages, mentions and events, a batch in one change."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.columns import Columns, _telling, columns
from memini_kuzu.dynamics.edges import associate
from memini_kuzu.embedding import passage_text, space_of, unit_vectors
from memini_kuzu.identity import passage_id
from memini_kuzu.store.associations import write_edges
from memini_kuzu.store.catalog import EMBEDDING
from memini_kuzu.store.known import read_sources
from memini_kuzu.store.labels import NO_VOTES, tally, vote
from memini_kuzu.store.ledger import Ledger, ledger_to_arrow, read_ledger
from memini_kuzu.store.stored import aliases_stored, counters_stored, documents_stored, splits_stored
from memini_kuzu.store.vectors import check_space, make_room, space_in, vector_rows
from memini_kuzu.store.writing import (
    alter_entities,
    count_mentions,
    count_sources,
    keys,
    rewrite_passages,
)
from memini_kuzu.tables import column, positions, timestamps
from memini_kuzu.text.analysis import analyse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.changes.prepared import Document
    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change

__all__ = [
    "known_documents",
    "read_known",
    "write",
]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store has of a document."""

    id: int
    source: str
    record: str
    digest: str
    title: str
    time: int
    versions: tuple[str, ...]
    positions: list[int]
    metadata: str

    def says(self, document: Document) -> bool:
        """The same text now, or this very version at some time: it tells nothing new."""
        return document.digest == self.digest or document.version in self.versions

    def has(self, document: Document) -> bool:
        """The same text and metadata: nothing to do. Where the newest text was forgotten, there is none."""
        return self.says(document) and (
            document.time < self.time or (bool(self.positions) and document.metadata in {None, self.metadata})
        )


def read_known(store: Store, ids: list[int]) -> dict[int, Known]:
    """What the store has of these documents, by their ids."""
    return known_documents(documents_stored(store, ids))


def known_documents(table: pa.Table) -> dict[int, Known]:
    """The rows of a table of documents, by id."""
    if not table.num_rows:
        return {}
    return {
        row["id"]: Known(
            row["id"],
            row["source"],
            row["record"],
            row["digest"],
            row["title"],
            int(time),
            tuple(row["versions"]),
            row["positions"],
            row["metadata"],
        )
        for row, time in zip(table.to_pylist(), column(table, "time"), strict=True)
    }


def write(store: Store, embedder: Embedder | None, documents: list[Document], report: IngestReport) -> None:
    """Write a batch in one change."""
    if not documents:
        return
    # embedding takes long: not while others wait to write
    vectors = {} if embedder is None else _embed(embedder, documents)
    with store.changing() as change:
        known = _versions_before(store, documents)
        # another thread, or this very stream, may have brought a document since it was looked up
        fresh = [
            document
            for document in documents
            if document.id not in known or document.former is not None or not known[document.id].has(document)
        ]
        if fresh:
            # a version older than the one that is there gives its events, but does not take the text's place
            current = np.array(
                [document.id not in known or document.time >= known[document.id].time for document in fresh]
            )
            # read here: another thread may have added an alias since
            batch = columns(fresh, aliases_stored(store), splits_stored(store), store.parameters.impulse)
            # under another name, or with other metadata, it says nothing new
            told = np.array([not (each.id in known and known[each.id].says(each)) for each in fresh])
            batch = _telling(batch, told)
            places = _places(store, fresh, current, known)
            mentions = _mentions(batch, places)
            lost = count_mentions(store.read, places.rewritten)
            alter_entities(change, store, _entities(batch, fresh, current, mentions), lost)
            edges = associate(batch.source, batch.target, batch.amount, batch.time, store.parameters)
            write_edges(store, change, edges)
            rows = _write_passages(store, change, batch, fresh, places, mentions)
            _write_vectors(store, change, embedder, fresh, places, rows, vectors)
            _write_documents(store, change, batch, fresh, current, known, places, told)
    written = {id(document) for document in fresh}
    for document in documents:
        if id(document) not in written:
            report.outcome(document.record, "unchanged")
    if not fresh:
        return
    for document, tells in zip(fresh, told.tolist(), strict=True):
        new = "added" if document.id not in known else "changed"
        report.outcome(document.record, "moved" if not tells and document.former is not None else new)
    report.passages += int(sum(len(places.positions[number]) for number in np.flatnonzero(current)))
    report.events += len(batch.amount)


def _versions_before(store: Store, documents: list[Document]) -> dict[int, Known]:
    """What the store has of documents, by their ids now, whatever they were called before."""
    former = {document.id: document.former for document in documents if document.former is not None}
    known = read_known(store, [document.id for document in documents] + list(former.values()))
    for document in documents:
        before = known.get(former.get(document.id, document.id))
        if document.id in known or before is None:
            document.former = None  # it has come or gone by another way since
        else:
            known[document.id] = before
    return known


@dataclass(frozen=True, slots=True)
class Places:
    """Where a batch's passages go: per document the positions in its source (none for an old version)."""

    positions: list[list[int]]
    ids: list[list[int]]
    counters: dict[str, int]
    rewritten: list[int]


def _places(
    store: Store, documents: list[Document], current: NDArray[np.bool_], known: dict[int, Known]
) -> Places:
    """Give positions out: a new version takes its predecessor's, what is more comes last in the source."""
    sources = sorted({document.record.source for document in documents})
    counters = dict.fromkeys(sources, 0) | counters_stored(store, sources)
    places = Places([], [], counters, [])
    for document, is_current in zip(documents, current, strict=True):
        source = document.record.source
        before = known.get(document.id)
        earlier = [] if before is None else before.positions
        if before is not None and before.source != source:
            # passages are known by their source, so they all go and come again
            places.rewritten.extend(passage_id(before.source, position) for position in earlier)
            earlier = []
        if not is_current:
            places.positions.append(earlier)
            places.ids.append([])
            continue
        more = max(0, len(document.texts) - len(earlier))
        positions = [*earlier[: len(document.texts)], *range(counters[source], counters[source] + more)]
        counters[source] += more
        places.positions.append(positions)
        places.ids.append([passage_id(source, position) for position in positions])
        places.rewritten.extend(passage_id(source, position) for position in earlier)
    return places


def _entities(
    batch: Columns, documents: list[Document], current: NDArray[np.bool_], mentions: pa.Table
) -> pa.Table:
    """What a batch tells of entities, as `alter_entities` takes it."""
    ids, inverse = np.unique(batch.entity, return_inverse=True)
    times = np.array([document.time for document in documents], dtype=np.int64)[batch.document]
    first = np.full(len(ids), np.iinfo(np.int64).max)
    last = np.zeros(len(ids), dtype=np.int64)
    np.minimum.at(first, inverse, times)
    np.maximum.at(last, inverse, times)
    votes = tally(mentions["entity"], mentions["label"])
    at = pc.index_in(pa.array(ids), votes["id"])
    headed = Counter(entity for (document, _), entity in batch.headings.items() if current[document])
    named = [batch.names[entity] for entity in ids.tolist()]
    return pa.table(
        {
            "id": ids,
            "key": pa.array([mention.key for mention in named], pa.string()),
            "name": pa.array([mention.name for mention in named], pa.string()),
            "first_seen": timestamps(first),
            "last_seen": timestamps(last),
            "mentions": np.bincount(positions(column(mentions, "entity"), ids), minlength=len(ids)),
            "votes": pc.fill_null(votes["votes"].take(at), NO_VOTES),
            "headings": pa.array([headed[entity] for entity in ids.tolist()], pa.int64()),
        }
    )


def _embed(embedder: Embedder, documents: list[Document]) -> dict[int, NDArray[np.float32]]:
    """The vectors of the documents' passages, by document."""
    texts = [passage_text(document.title, text) for document in documents for text in document.texts]
    bounds = np.cumsum([len(document.texts) for document in documents])[:-1]
    parts = np.split(unit_vectors(embedder, texts), bounds)
    return {document.id: part for document, part in zip(documents, parts, strict=True)}


def _write_vectors(  # noqa: PLR0917 - what the steps before it found
    store: Store,
    change: Change,
    embedder: Embedder | None,
    documents: list[Document],
    places: Places,
    rows: list[tuple[int, int, int]],
    vectors: dict[int, NDArray[np.float32]],
) -> None:
    there = space_in(store.stored_meta())
    if there is not None:
        change.delete(EMBEDDING, keys(places.rewritten))
    if embedder is None:
        return
    space = space_of(embedder)
    check_space(space, there)
    if there is None:
        make_room(change, store.stored_meta(), space)
    if rows:
        times = np.array([documents[number].time for _, number, _ in rows], dtype=np.int64)
        found = np.stack([vectors[documents[number].id][index] for _, number, index in rows])
        change.create(EMBEDDING, vector_rows([place for place, *_ in rows], times, found))


def _write_passages(  # noqa: PLR0917 - what the steps before it found
    store: Store,
    change: Change,
    batch: Columns,
    documents: list[Document],
    places: Places,
    mentions: pa.Table,
) -> list[tuple[int, int, int]]:
    """Write the passages of current versions; gives the id, document and number in it of each."""
    rows = [
        (place, number, index) for number, ids in enumerate(places.ids) for index, place in enumerate(ids)
    ]
    terms = [
        analyse(
            f"{documents[number].words(index)}\n{documents[number].texts[index]}", documents[number].language
        )
        for _, number, index in rows
    ]
    passages = pa.table(
        {
            "id": pa.array([place for place, *_ in rows], pa.int64()),
            "record": [documents[number].name for _, number, _ in rows],
            "source": [documents[number].record.source for _, number, _ in rows],
            "position": pa.array([places.positions[number][index] for _, number, index in rows], pa.int64()),
            "title": [documents[number].title for _, number, _ in rows],
            "time": timestamps([documents[number].time for _, number, _ in rows]),
            "document": pa.array([documents[number].id for _, number, _ in rows], pa.int64()),
            "heading": pa.array(
                [batch.headings.get((number, index)) for _, number, index in rows], pa.int64()
            ),
            "text": [documents[number].texts[index] for _, number, index in rows],
            "terms": terms,
            "words": pa.array([text.count(" ") + bool(text) for text in terms], pa.int64()),
            "language": [documents[number].language for _, number, _ in rows],
        }
    )
    rewrite_passages(change, store, places.rewritten, passages)
    change.create("MENTIONS", mentions)
    return rows


def _mentions(batch: Columns, places: Places) -> pa.Table:
    """What the passages of current versions mention; every column of MENTIONS."""
    labels: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for document, passage, entity, label in zip(
        batch.document.tolist(), batch.passage.tolist(), batch.entity.tolist(), batch.labels, strict=True
    ):
        if places.ids[document]:
            labels[places.ids[document][passage], entity].append(label)
    return pa.table(
        {
            "passage": pa.array([passage for passage, _ in labels], pa.int64()),
            "entity": pa.array([entity for _, entity in labels], pa.int64()),
            "count": pa.array(list(map(len, labels.values())), pa.int64()),
            "label": pa.array(list(map(vote, labels.values())), pa.string()),
        }
    )


def _write_documents(  # noqa: PLR0917 - what the steps before it found
    store: Store,
    change: Change,
    batch: Columns,
    documents: list[Document],
    current: NDArray[np.bool_],
    known: dict[int, Known],
    places: Places,
    told: NDArray[np.bool_],
) -> None:
    ids = np.array([document.id for document in documents], dtype=np.int64)
    gave = Ledger(
        ids[batch.event_document],
        batch.source,
        batch.target,
        batch.amount,
        batch.time,
        np.zeros_like(batch.source),
    )
    old = {known[document.id].id: document.id for document in documents if document.id in known}
    before = read_ledger(store.read, documents=list(old))
    renamed = np.array([old[document] for document in before.document.tolist()], dtype=np.int64)
    events = ledger_to_arrow(replace(before, document=renamed).join(gave), ids)
    shown = [
        (document.digest, document.title, document.time, _metadata(document, known.get(document.id)))
        if is_current
        else (
            known[document.id].digest,
            known[document.id].title,
            known[document.id].time,
            known[document.id].metadata,
        )
        for document, is_current in zip(documents, current, strict=True)
    ]
    rows = pa.table(
        {
            "source": [document.record.source for document in documents],
            "record": [document.name for document in documents],
            "title": [title for _, title, *_ in shown],
            "time": timestamps([time for *_, time, _ in shown]),
            "metadata": [metadata for *_, metadata in shown],
            "digest": [digest for digest, *_ in shown],
            "versions": [
                [
                    *(known[document.id].versions if document.id in known else ()),
                    *([document.version] if tells else ()),
                ]
                for document, tells in zip(documents, told.tolist(), strict=True)
            ],
            "positions": pa.array(places.positions, pa.list_(pa.int64())),
        }
    )
    for name in events.column_names:
        rows = rows.append_column(name, events[name])
    there = pa.array([document.id in known and document.former is None for document in documents])
    change.update("Document", rows.filter(there))
    former = [document.former for document in documents if document.former is not None]
    change.delete("Document", keys(former))
    change.create("Document", rows.filter(pc.invert(there)))
    count_sources(change, store, places.counters)
    left = Counter(known[document.id].source for document in documents if document.former is not None)
    if left:
        kept = {document.record.source for document in documents}
        documents_of = read_sources(store.read)
        empty = [name for name, number in left.items() if documents_of[name] == number and name not in kept]
        change.delete("Source", pa.table({"name": pa.array(empty, pa.string())}))


def _metadata(document: Document, before: Known | None) -> str:
    """What a document has beside its text: what it brings, or else what it had."""
    if document.metadata is not None:
        return document.metadata
    return "" if before is None else before.metadata
