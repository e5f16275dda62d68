"""Records to memory: extract, fold, write; one change a batch.

read → compute → write: what is known of a batch's documents and pairs is read as columns, the batch's events
are folded and added to the stored state in numpy, and everything is written together or not at all.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.analysis import analyse
from memini_kuzu.associations import add_edges, associate, unite
from memini_kuzu.cooccurrence import cooccurrence_events
from memini_kuzu.embedding import passage_text, space_of, unit_vectors
from memini_kuzu.errors import InputError, RecordError
from memini_kuzu.extraction import PERSON, Mention, canonical, tidy
from memini_kuzu.extraction.mentions import speakers
from memini_kuzu.identity import passage_id, stable_id, text_digest
from memini_kuzu.ledger import Ledger, ledger_to_arrow, read_ledger
from memini_kuzu.redaction import KEYS_ONLY, Redaction, blank
from memini_kuzu.segments import segment
from memini_kuzu.store.catalog import EMBEDDING
from memini_kuzu.store.known import read_aliases, read_counters, read_documents
from memini_kuzu.store.vectors import check_space, make_room, read_space, vector_rows
from memini_kuzu.store.writing import (
    WEAK_LABELS,
    alter_entities,
    count_mentions,
    count_sources,
    keys,
    rewrite_passages,
)
from memini_kuzu.tables import Edges, column, edges_from_arrow, edges_to_arrow, timestamps
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Extractor
    from memini_kuzu.records import Record
    from memini_kuzu.store import Store
    from memini_kuzu.store.change import Change

__all__ = [
    "BATCH",
    "TITLE",
    "IngestReport",
    "ingest",
    "speaker",
    "texts_to_extract",
    "title_mention",
    "write_edges",
]

TITLE = "TITLE"
"""Label of an entity that is known from a title only."""

BATCH = 1_000
"""Documents a change: all or nothing, and large enough that a commit's fixed cost does not count."""

BATCH_PASSAGES = 5_000
"""Passages after which a change ends all the same: a thousand books do not fit in memory at once."""

SLACK = DAY
"""How far ahead of the clock a record may be dated, for clocks and time zones that disagree."""


@dataclass(slots=True)
class IngestReport:
    """What an ingestion did.

    Parameters
    ----------
    added, changed, unchanged : int
        Documents that are new, new versions of known ones, and those that the store had already.
    passages, events : int
        Passages written and co-occurrence events folded.
    skipped : list of RecordError
        Bad records that were left out.
    redacted : dict of str to int
        How many secrets of each kind were masked in the records, stored or known already.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    passages: int = 0
    events: int = 0
    skipped: list[RecordError] = field(default_factory=list)
    redacted: dict[str, int] = field(default_factory=dict)

    @property
    def documents(self) -> int:
        """How many good records there were."""
        return self.added + self.changed + self.unchanged


@dataclass(slots=True)
class _Document:
    """A record on its way into the store."""

    record: Record
    time: int
    id: int
    name: str
    digest: str
    texts: list[str]
    mentions: list[list[Mention]] = field(default_factory=list)

    def heading(self, passage: int) -> Mention | None:
        """What heads a passage: the entity that the title names, or else the speaker."""
        return title_mention(self.record.title) or speaker(self.texts[passage])

    @property
    def version(self) -> str:
        return f"{self.digest}@{self.time}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store has of a document."""

    digest: str
    title: str
    time: int
    versions: tuple[str, ...]
    positions: list[int]

    def has(self, document: _Document) -> bool:
        """The same text now, or this very version at some time: nothing to do."""
        return document.digest == self.digest or document.version in self.versions


class _Incoming:
    """The documents of a call that the store does not have, on their way to the extractor and back.

    Attributes
    ----------
    waiting : deque of _Document
        Those whose texts were handed out, in their order.
    failure : InputError or None
        What ended the records; raised at the end, not here: extractors read ahead, and the batches before
        it are kept.
    """

    def __init__(
        self,
        store: Store,
        records: Iterable[Record | RecordError],
        now: int,
        report: IngestReport,
        *,
        skip_bad: bool,
        redaction: Redaction,
    ) -> None:
        self.waiting: deque[_Document] = deque()
        self.failure: InputError | None = None
        self._store, self._records, self._now, self._report = store, records, now, report
        self._skip_bad = skip_bad
        self._redaction = redaction
        self._changed: set[int] = set()

    def texts(self) -> Iterator[str]:
        """The texts to extract from."""
        try:
            for chunk in _chunks(self._records, BATCH):
                report = self._report if self._skip_bad else None
                documents = list(_prepare(chunk, self._now, report, self._redacted))
                for document in self._fresh(documents):
                    self.waiting.append(document)
                    yield from map(blank, document.texts)
        except InputError as error:
            self.failure = error

    def _redacted(self, record: Record) -> Record:
        """The record with its secrets masked, and counted."""
        text, in_text = self._redaction.mask(record.text)
        title, in_title = self._redaction.mask(record.title)
        for counts in (in_text, in_title):
            for kind, number in counts.items():
                self._report.redacted[kind] = self._report.redacted.get(kind, 0) + number
        return replace(record, text=text, title=title) if in_text or in_title else record

    def _fresh(self, documents: list[_Document]) -> Iterator[_Document]:
        """Leave out what the store has; a document that this call changes is looked at when it is written."""
        known = _known(self._store.read, [document.id for document in documents])
        for document in documents:
            earlier = known.get(document.id)
            if earlier is None:
                yield document
            elif document.id in self._changed or not earlier.has(document):
                self._changed.add(document.id)
                yield document
            else:
                self._report.unchanged += 1


def ingest(
    store: Store,
    extractor: Extractor,
    records: Iterable[Record | RecordError],
    *,
    now: int,
    skip_bad: bool = False,
    processes: int = 1,
    redaction: Redaction = KEYS_ONLY,
    embedder: Embedder | None = None,
    progress: Callable[[int], None] = lambda _documents: None,
) -> IngestReport:
    """Read records into the store.

    Parameters
    ----------
    store : Store
        Open for writing.
    extractor : Extractor
        Finds the mentions.
    records : iterable of Record or RecordError
        As the readers give them; read as they are needed.
    now : int
        The present, milliseconds since 1970; the date of records without one.
    skip_bad : bool
        Leave bad records out and report them. Otherwise the first one is raised: the batch that it stands in
        is not written, those before it are, and the same call again goes on from there.
    processes : int
        How many processes extract.
    redaction : Redaction
        What is masked before anything is stored.
    embedder : Embedder, optional
        Gives the passages vectors; without one they get none.
    progress : callable
        Told how many documents are done, batch by batch.

    Returns
    -------
    IngestReport
        What happened.

    Raises
    ------
    RecordError
        At the first bad record, unless `skip_bad`.
    InputError
        If the store has vectors of another embedder, or this one breaks its promise.
    """
    if embedder is not None:
        # before the extractor's work; the transaction asks again
        check_space(space_of(embedder), read_space(store.read))
    report = IngestReport()
    incoming = _Incoming(store, records, now, report, skip_bad=skip_bad, redaction=redaction)
    mentions = extractor.extract(incoming.texts(), processes=processes)
    batch: dict[int, _Document] = {}
    passages = 0
    for first in mentions:
        document = incoming.waiting.popleft()
        document.mentions = [first, *itertools.islice(mentions, len(document.texts) - 1)]
        # a batch holds one version of a document: the second builds on the first
        if document.id in batch or len(batch) == BATCH or passages > BATCH_PASSAGES:
            _write(store, embedder, list(batch.values()), report)
            progress(report.documents)
            batch, passages = {}, 0
        batch[document.id] = document
        passages += len(document.texts)
    _write(store, embedder, list(batch.values()), report)
    progress(report.documents)
    if incoming.failure is not None:
        raise incoming.failure
    return report


def texts_to_extract(
    store: Store,
    records: Iterable[Record | RecordError],
    *,
    now: int,
    skip_bad: bool = False,
    redaction: Redaction = KEYS_ONLY,
) -> Iterator[str]:
    """The passages that `ingest` would hand to the extractor, as it would; nothing is written.

    Parameters
    ----------
    store, records, now, skip_bad, redaction
        As for `ingest`.

    Yields
    ------
    str
        Those of documents that the store does not have.

    Raises
    ------
    RecordError
        At the first bad record, unless `skip_bad`.
    """
    incoming = _Incoming(store, records, now, IngestReport(), skip_bad=skip_bad, redaction=redaction)
    for text in incoming.texts():
        incoming.waiting.clear()  # nobody fetches them here
        yield text
    if incoming.failure is not None:
        raise incoming.failure


def title_mention(title: str) -> Mention | None:
    """The entity that a title names, without what stands in brackets behind it.

    Examples
    --------
    >>> title_mention("Demon Dice (game)").key
    'demon dice'
    """
    name = tidy(title.partition(" (")[0])
    key = canonical(name)
    return Mention(key, name, TITLE, 0, -1) if key else None


def speaker(text: str) -> Mention | None:
    """Who speaks a passage, as in ``Caroline: Hey Mel!``.

    Examples
    --------
    >>> speaker("Caroline: Hey Mel!").key
    'caroline'
    """
    first = next(iter(speakers(text)), None)
    if first is None or first.start != 0:
        return None
    name = tidy(first.name)
    return Mention(canonical(name), name, PERSON, 0, 0)


def _opens(mentions: list[Mention], heading: Mention) -> bool:
    """Whether the extractor found the heading itself, as it does with a speaker."""
    return bool(mentions) and mentions[0].key == heading.key


def _chunks(items: Iterable[Record | RecordError], size: int) -> Iterator[list[Record | RecordError]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _prepare(
    records: list[Record | RecordError],
    now: int,
    report: IngestReport | None,
    redact: Callable[[Record], Record],
) -> Iterator[_Document]:
    """Check records and give them their identities; a bad one is reported, or raised without a report."""
    for item in records:
        try:
            record = redact(_checked(item, now))
        except RecordError as error:
            if report is None:
                raise
            report.skipped.append(error)
            continue
        time = now if record.time is None else record.time
        digest = text_digest(record.title, record.text)
        # without an id of its own a text is itself at its date: told again tomorrow, it is confirmed
        name = record.id or hashlib.blake2b(f"{digest}@{time}".encode(), digest_size=8).hexdigest()
        yield _Document(record, time, stable_id(record.source, name), name, digest, segment(record.text))


def _checked(record: Record | RecordError, now: int) -> Record:
    if isinstance(record, RecordError):
        raise record
    if not record.text.strip():
        raise RecordError(record.origin, "the text is empty; leave the record out or give it a text")
    try:
        f"{record.text}{record.title}{record.source}{record.id}".encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise RecordError(
            record.origin, f"holds {half!r}, half of a character; decode it with the encoding that it is in"
        ) from None
    if record.time is not None and record.time > now + SLACK:
        raise RecordError(
            record.origin,
            f"is dated {from_millis(record.time):%Y-%m-%d %H:%M}, "
            f"after now ({from_millis(now):%Y-%m-%d %H:%M}); correct its time, or set now with --now",
        )
    return record


def _known(read: Callable[..., pa.Table], ids: list[int]) -> dict[int, _Known]:
    if not ids:
        return {}
    table = read_documents(read, ids)
    if not table.num_rows:
        return {}
    return {
        row["id"]: _Known(row["digest"], row["title"], int(time), tuple(row["versions"]), row["positions"])
        for row, time in zip(table.to_pylist(), column(table, "time"), strict=True)
    }


@dataclass(frozen=True, slots=True)
class _Columns:
    """The mentions of a batch's documents, and the events that they make, as columns."""

    names: dict[int, Mention]
    headings: dict[tuple[int, int], int]
    document: NDArray[np.int64]
    passage: NDArray[np.int64]
    entity: NDArray[np.int64]
    event_document: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    amount: NDArray[np.float64]
    time: NDArray[np.int64]


def _columns(documents: list[_Document], aliases: dict[str, int], impulse: float) -> _Columns:
    names: dict[int, Mention] = {}
    ids: dict[str, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    headings: dict[tuple[int, int], int] = {}
    for number, document in enumerate(documents):
        base = 0
        for place, found in enumerate(document.mentions):
            heading = document.heading(place)
            mentions = found if heading is None or _opens(found, heading) else [heading, *found]
            for mention in mentions:
                entity = ids.get(mention.key)
                if entity is None:
                    entity = ids[mention.key] = aliases.get(mention.key, stable_id(mention.key))
                names[entity] = _named(names.get(entity), mention, aliases)
                rows.append((number, place, base + mention.sentence, entity))
            if heading is not None:
                headings[number, place] = ids[heading.key]
            # the sentence numbers of passages follow on, so that neighbours across a cut are neighbours
            base += 1 + max((mention.sentence for mention in mentions), default=0)
    document_of, passage, sentence, entity_of = np.array(rows, dtype=np.int64).reshape(-1, 4).T.copy()
    events = cooccurrence_events(document_of, sentence, np.arange(len(rows)), entity_of)
    times = np.array([document.time for document in documents], dtype=np.int64)
    return _Columns(
        names,
        headings,
        document_of,
        passage,
        entity_of,
        events.document,
        events.source,
        events.target,
        events.amount * impulse,
        times[events.document],
    )


def _named(known: Mention | None, mention: Mention, aliases: dict[str, int]) -> Mention:
    """What an entity is called: by its own name rather than by an alias, with the better label."""
    if known is None:
        return mention
    if (known.key in aliases) == (mention.key in aliases):
        return mention if known.label in WEAK_LABELS and mention.label not in WEAK_LABELS else known
    own, other = (known, mention) if mention.key in aliases else (mention, known)
    weak = own.label in WEAK_LABELS and other.label not in WEAK_LABELS
    return own._replace(label=other.label) if weak else own


def _write(store: Store, embedder: Embedder | None, documents: list[_Document], report: IngestReport) -> None:
    """Write a batch in one change."""
    if not documents:
        return
    # embedding takes long: not while others wait to write
    vectors = {} if embedder is None else _embed(embedder, documents)
    with store.changing() as change:
        known = _known(store.read, [document.id for document in documents])
        # another thread, or this very stream, may have brought a document since it was looked up
        fresh = [
            document
            for document in documents
            if document.id not in known or not known[document.id].has(document)
        ]
        if fresh:
            # a version older than the one that is there gives its events, but does not take the text's place
            current = np.array(
                [document.id not in known or document.time >= known[document.id].time for document in fresh]
            )
            # read here: another thread may have added an alias since
            batch = _columns(fresh, read_aliases(store.read), store.parameters.impulse)
            places = _places(store, fresh, current, known)
            lost = count_mentions(store.read, places.rewritten)
            alter_entities(change, store.read, _entities(batch, fresh, current), lost)
            edges = associate(batch.source, batch.target, batch.amount, batch.time, store.parameters)
            write_edges(store, change, edges)
            rows = _write_passages(store, change, batch, fresh, places)
            _write_vectors(store, change, embedder, fresh, places, rows, vectors)
            _write_documents(store, change, batch, fresh, current, known, places)
    report.unchanged += len(documents) - len(fresh)
    if not fresh:
        return
    changed = sum(document.id in known for document in fresh)
    report.added += len(fresh) - changed
    report.changed += changed
    report.passages += int(sum(len(places.positions[number]) for number in np.flatnonzero(current)))
    report.events += len(batch.amount)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a batch's passages go: per document the positions in its source (none for an old version)."""

    positions: list[list[int]]
    ids: list[list[int]]
    counters: dict[str, int]
    rewritten: list[int]


def _places(
    store: Store, documents: list[_Document], current: NDArray[np.bool_], known: dict[int, _Known]
) -> _Places:
    """Give positions out: a new version takes its predecessor's, what is more comes last in the source."""
    sources = sorted({document.record.source for document in documents})
    counters = read_counters(store.read, sources)
    places = _Places([], [], counters, [])
    for document, is_current in zip(documents, current, strict=True):
        source = document.record.source
        earlier = known[document.id].positions if document.id in known else []
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


def _entities(batch: _Columns, documents: list[_Document], current: NDArray[np.bool_]) -> pa.Table:
    """What a batch tells of entities; every column."""
    ids, inverse = np.unique(batch.entity, return_inverse=True)
    times = np.array([document.time for document in documents], dtype=np.int64)[batch.document]
    first = np.full(len(ids), np.iinfo(np.int64).max)
    last = np.zeros(len(ids), dtype=np.int64)
    np.minimum.at(first, inverse, times)
    np.maximum.at(last, inverse, times)
    shown = current[batch.document]
    pairs = np.unique(np.stack([batch.document, batch.passage, inverse])[:, shown], axis=1)
    mentions = np.bincount(pairs[2], minlength=len(ids))
    headed = Counter(entity for (document, _), entity in batch.headings.items() if current[document])
    named = [batch.names[entity] for entity in ids.tolist()]
    return pa.table(
        {
            "id": ids,
            "key": pa.array([mention.key for mention in named], pa.string()),
            "name": pa.array([mention.name for mention in named], pa.string()),
            "label": pa.array([mention.label for mention in named], pa.string()),
            "first_seen": timestamps(first),
            "last_seen": timestamps(last),
            "mentions": mentions,
            "headings": pa.array([headed[entity] for entity in ids.tolist()], pa.int64()),
        }
    )


def write_edges(store: Store, change: Change, edges: Edges) -> None:
    """Add edges to those of the store, in place or by replacing the table, whichever is cheaper.

    Parameters
    ----------
    store : Store
        Where.
    change : Change
        Takes them.
    edges : Edges
        Each pair once; both entities are there, or in the change.
    """
    if not len(edges):
        return
    if store.prefers_swap(len(edges), store.count("associations")):
        stored = edges_from_arrow(store.read_edges())
        change.replace("ASSOCIATES", edges_to_arrow(unite(stored, edges, store.parameters)))
        return
    ends = np.unique(np.concatenate([edges.source, edges.target]))
    stored = edges_from_arrow(store.read_edges_between(ends.tolist()))
    merged, known = add_edges(stored, edges, store.parameters)
    change.update("ASSOCIATES", edges_to_arrow(merged.take(known)))
    change.create("ASSOCIATES", edges_to_arrow(merged.take(~known)))


def _embed(embedder: Embedder, documents: list[_Document]) -> dict[int, NDArray[np.float32]]:
    """The vectors of the documents' passages, by document."""
    texts = [passage_text(document.record.title, text) for document in documents for text in document.texts]
    bounds = np.cumsum([len(document.texts) for document in documents])[:-1]
    parts = np.split(unit_vectors(embedder, texts), bounds)
    return {document.id: part for document, part in zip(documents, parts, strict=True)}


def _write_vectors(  # noqa: PLR0917 - what the steps before it found
    store: Store,
    change: Change,
    embedder: Embedder | None,
    documents: list[_Document],
    places: _Places,
    rows: list[tuple[int, int, int]],
    vectors: dict[int, NDArray[np.float32]],
) -> None:
    there = read_space(store.read)
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


def _write_passages(
    store: Store, change: Change, batch: _Columns, documents: list[_Document], places: _Places
) -> list[tuple[int, int, int]]:
    """Write the passages of current versions; gives the id, document and number in it of each."""
    rows = [
        (place, number, index) for number, ids in enumerate(places.ids) for index, place in enumerate(ids)
    ]
    terms = [
        analyse(f"{documents[number].record.title}\n{documents[number].texts[index]}")
        for _, number, index in rows
    ]
    passages = pa.table(
        {
            "id": pa.array([place for place, *_ in rows], pa.int64()),
            "record": [documents[number].name for _, number, _ in rows],
            "source": [documents[number].record.source for _, number, _ in rows],
            "position": pa.array([places.positions[number][index] for _, number, index in rows], pa.int64()),
            "title": [documents[number].record.title for _, number, _ in rows],
            "time": timestamps([documents[number].time for _, number, _ in rows]),
            "document": pa.array([documents[number].id for _, number, _ in rows], pa.int64()),
            "heading": pa.array(
                [batch.headings.get((number, index)) for _, number, index in rows], pa.int64()
            ),
            "text": [documents[number].texts[index] for _, number, index in rows],
            "terms": terms,
            "words": pa.array([text.count(" ") + bool(text) for text in terms], pa.int64()),
        }
    )
    counts = Counter(
        (places.ids[document][passage], entity)
        for document, passage, entity in zip(
            batch.document.tolist(), batch.passage.tolist(), batch.entity.tolist(), strict=True
        )
        if places.ids[document]
    )
    mentions = pa.table(
        {
            "passage": pa.array([passage for passage, _ in counts], pa.int64()),
            "entity": pa.array([entity for _, entity in counts], pa.int64()),
            "count": pa.array(list(counts.values()), pa.int64()),
        }
    )
    rewrite_passages(change, store, places.rewritten, passages)
    change.create("MENTIONS", mentions)
    return rows


def _write_documents(  # noqa: PLR0917 - what the steps before it found
    store: Store,
    change: Change,
    batch: _Columns,
    documents: list[_Document],
    current: NDArray[np.bool_],
    known: dict[int, _Known],
    places: _Places,
) -> None:
    ids = np.array([document.id for document in documents], dtype=np.int64)
    gave = Ledger(ids[batch.event_document], batch.source, batch.target, batch.amount, batch.time)
    old = [document.id for document in documents if document.id in known]
    events = ledger_to_arrow(read_ledger(store.read, documents=old).join(gave), ids)
    shown = [
        (document.digest, document.record.title, document.time)
        if is_current
        else (known[document.id].digest, known[document.id].title, known[document.id].time)
        for document, is_current in zip(documents, current, strict=True)
    ]
    rows = pa.table(
        {
            "source": [document.record.source for document in documents],
            "record": [document.name for document in documents],
            "title": [title for _, title, _ in shown],
            "time": timestamps([time for *_, time in shown]),
            "digest": [digest for digest, *_ in shown],
            "versions": [
                [*(known[document.id].versions if document.id in known else ()), document.version]
                for document in documents
            ],
            "positions": pa.array(places.positions, pa.list_(pa.int64())),
        }
    )
    for name in events.column_names:
        rows = rows.append_column(name, events[name])
    there = pa.array([document.id in known for document in documents])
    change.update("Document", rows.filter(there))
    change.create("Document", rows.filter(pc.invert(there)))
    count_sources(change, store, places.counters)
