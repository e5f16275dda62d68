"""Records to memory: extract, fold, write; one change a batch.

read → compute → write: what is known of a batch's documents and pairs is read as columns, the batch's events
are folded and added to the stored state in numpy, and everything is written together or not at all.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING

from memini_kuzu.changes.documents import read_known, write
from memini_kuzu.changes.moves import Moves
from memini_kuzu.changes.prepared import Document
from memini_kuzu.changes.report import IngestReport, silent
from memini_kuzu.changes.reports import keep_report
from memini_kuzu.embedding import space_of
from memini_kuzu.errors import InputError, RecordError
from memini_kuzu.extraction import mentions_of
from memini_kuzu.identity import stable_id, text_digest
from memini_kuzu.records import Notice, Record, Skipped, check_metadata
from memini_kuzu.store.vectors import check_space, read_space
from memini_kuzu.text.languages import detect
from memini_kuzu.text.redaction import KEYS_ONLY, Redaction
from memini_kuzu.text.segments import LIMIT, spans
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memini_kuzu.changes.report import Progress
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Extractor, Mention
    from memini_kuzu.readers import Listing
    from memini_kuzu.records import Item
    from memini_kuzu.store import Store

__all__ = [
    "BATCH",
    "ingest",
    "texts_to_extract",
]


BATCH = 1_000
"""Documents a change at least: all or nothing, and large enough that a commit's fixed cost does not count."""

BATCH_PASSAGES = 5_000
"""Passages after which a change ends all the same: a thousand books do not fit in memory at once."""

BATCH_SHARE = 8
"""A change may have one document or passage for this many passages of the store: a large change replaces the
table of associations, which takes the longer the larger the store is."""

BATCH_LARGEST = 50_000
"""Documents or passages a change at most, some hundreds of megabytes of memory."""

CHUNK_CHARACTERS = BATCH_PASSAGES * LIMIT
"""Characters of text after which no more records are read ahead, for the same reason."""

SLACK = DAY
"""How far ahead of the clock a record may be dated, for clocks and time zones that disagree."""


class _Incoming:
    """The documents of a call that the store does not have, a batch at a time.

    Attributes
    ----------
    failure : InputError or None
        What ended the records; raised at the end, not here: the batches before it are kept.
    """

    def __init__(
        self,
        store: Store,
        records: Iterable[Item],
        now: int,
        report: IngestReport,
        *,
        skip_bad: bool,
        redaction: Redaction,
        moves: Moves | None = None,
    ) -> None:
        self.failure: InputError | None = None
        self._store, self._records, self._now, self._report = store, records, now, report
        self._skip_bad = skip_bad
        self._redaction = redaction
        self._moves = moves
        self._changed: set[int] = set()

    def batches(self) -> Iterator[list[Document]]:
        """The documents, as many together as one change writes."""
        batch: dict[int, Document] = {}
        passages, share = 0, self._share()
        try:
            for document in self._documents():
                full = len(batch) >= max(BATCH, share) or passages > max(BATCH_PASSAGES, share)
                # a batch holds one version of a document: the second builds on the first
                if document.id in batch or full:
                    yield list(batch.values())
                    batch, passages, share = {}, 0, self._share()
                batch[document.id] = document
                passages += len(document.texts)
        except InputError as error:
            self.failure = error
        yield list(batch.values())

    def _share(self) -> int:
        """The documents or passages of a change, of a large store."""
        return min(self._store.sums().passages // BATCH_SHARE, BATCH_LARGEST)

    def _documents(self) -> Iterator[Document]:
        # looked up as many at once as one change writes: each time, the ids of all documents are read
        for chunk in _chunks(self._records, lambda: max(BATCH, self._share())):
            skipped = self._report.skipped if self._skip_bad else None
            documents = list(_prepare(chunk, self._now, skipped, self._report, self._redacted))
            self._report.name(document.id for document in documents)
            yield from self._fresh(documents)

    def _redacted(self, record: Record) -> Record:
        """The record with its secrets masked, and counted; a masked name names nobody."""
        mask = self._redaction.mask
        lead, in_lead = mask(record.text[: record.lead])
        text, in_text = self._redaction.mask_value(record.text[record.lead :])
        title, in_title = mask(record.title)
        for counts in (in_lead, in_text, in_title):
            self._count(counts)
        names = tuple(name for name in record.names if not mask(name)[1])
        if names != record.names:
            record = replace(record, names=names)
        record = replace(
            record,
            source=self._apart(record.source),
            id=self._apart(record.id),
            metadata=None
            if record.metadata is None
            else {
                self._masked(name): self._masked(value, self._redaction.mask_value)
                for name, value in record.metadata.items()
            },
        )
        if in_lead:
            named = tuple(name for name in record.people if not mask(name)[1])
            said_by = "" if mask(record.speaker)[1] else record.speaker
            record = replace(record, speaker=said_by, people=named)
        if in_lead or in_text or in_title:
            record = replace(record, text=lead + text, title=title, lead=len(lead))
            return (
                replace(record, aside=(), links=()) if in_text else record
            )  # a mask moves what is behind it
        return record

    def _count(self, masks: dict[str, int]) -> None:
        for kind, number in masks.items():
            self._report.redacted[kind] = self._report.redacted.get(kind, 0) + number

    def _masked(self, text: str, mask: Callable[[str], tuple[str, dict[str, int]]] | None = None) -> str:
        masked, counts = (mask or self._redaction.mask)(text)
        self._count(counts)
        return masked

    def _apart(self, name: str) -> str:
        """A name by which documents are known, masked; what differed before does so after."""
        masked = self._masked(name)
        if masked == name:
            return name
        return f"{masked}-{hashlib.blake2b(name.encode(), digest_size=3).hexdigest()}"

    def _fresh(self, documents: list[Document]) -> Iterator[Document]:
        """Leave out what the store has; a document that this call changes is looked at when it is written."""
        known = read_known(self._store, [document.id for document in documents])
        if self._moves is not None:
            self._moves.find([document for document in documents if document.id not in known])
        for document in documents:
            earlier = known.get(document.id)
            if earlier is None:
                yield document
            elif document.id in self._changed or not earlier.has(document):
                self._changed.add(document.id)
                yield document
            else:
                self._report.outcome(document.record, "unchanged")


def ingest(
    store: Store,
    extractor: Extractor,
    records: Iterable[Item],
    *,
    now: int,
    skip_bad: bool = False,
    processes: int = 1,
    redaction: Redaction = KEYS_ONLY,
    embedder: Embedder | None = None,
    listing: Listing | None = None,
    progress: Progress = silent,
) -> IngestReport:
    """Read records into the store; the parameters and errors are those of `Memory.add`.

    The batch in which a bad record stands is not written, those before it are, and the same call again goes
    on from there. `now` is the date of records without one.
    """
    if embedder is not None:
        # before the extractor's work; the transaction asks again
        check_space(space_of(embedder), read_space(store.read))
    report = IngestReport(options={} if listing is None else dict(listing.options))
    moves = None if listing is None else Moves(store, listing)
    if moves is not None:
        report.notices.extend(moves.strangers())
    incoming = _Incoming(store, records, now, report, skip_bad=skip_bad, redaction=redaction, moves=moves)
    passages = 0
    for batch in incoming.batches():
        # a stream: of a long document, only the passages that the extractor works at are held twice
        mentions = mentions_of(extractor, _texts(batch), processes=processes)
        for document in batch:
            found: list[list[Mention]] = []
            for each in itertools.islice(mentions, len(document.texts)):
                found.append(each)
                passages += 1
                progress(report.documents, passages)
            document.found(found)
        for _ in mentions:  # none is left; if the extractor gives more, this raises
            pass
        write(store, embedder, batch, report)
        progress(report.documents, passages)
    failed = incoming.failure
    if listing is not None:
        said = "" if failed is None else str(failed)
        keep_report(store, report, listing, now=now, failure=said, mask=redaction.mask)
    if failed is not None:
        raise failed
    if moves is not None:
        report.folders = moves.remember()
    return report


def texts_to_extract(
    store: Store,
    records: Iterable[Item],
    *,
    now: int,
    skip_bad: bool = False,
    redaction: Redaction = KEYS_ONLY,
) -> Iterator[str]:
    """The passages that `ingest` would hand to the extractor; nothing is written."""
    incoming = _Incoming(store, records, now, IngestReport(), skip_bad=skip_bad, redaction=redaction)
    for batch in incoming.batches():
        yield from _texts(batch)
    if incoming.failure is not None:
        raise incoming.failure


def _texts(documents: Iterable[Document]) -> Iterator[str]:
    """What the extractor reads of documents."""
    return (text for document in documents for text in document.prose())


def _chunks(items: Iterable[Item], size: Callable[[], int]) -> Iterator[list[Item]]:
    """Items as they come, as many at a time as `size` gives; fewer where their texts are long."""
    chunk: list[Item] = []
    characters, most = 0, size()
    for item in items:
        chunk.append(item)
        characters += len(item.text) if isinstance(item, Record) else 0
        if len(chunk) == most or characters > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters, most = [], 0, size()
    if chunk:
        yield chunk


def _prepare(
    records: list[Item],
    now: int,
    skipped: list[RecordError] | None,
    report: IngestReport,
    redact: Callable[[Record], Record],
) -> Iterator[Document]:
    """Check records and give them identities; a bad one is kept aside, or raised where there is no place."""
    for item in records:
        if isinstance(item, Notice):
            report.notices.append(item)
            continue
        if isinstance(item, Skipped):
            report.files[item.file] = {item.why: 1}
            continue
        try:
            record = redact(_checked(item, now))
        except RecordError as error:
            if skipped is None:
                raise
            skipped.append(error)
            continue
        time = now if record.time is None else record.time
        digest = text_digest(record.title, record.text)
        # without an id of its own a text is itself at its date: told again tomorrow, it is confirmed
        name = record.id or hashlib.blake2b(f"{digest}@{time}".encode(), digest_size=8).hexdigest()
        pieces = list(spans(record.text))
        texts = [record.text[start:end] for start, end in pieces]
        language = detect(record.text[record.lead :])
        yield Document(record, time, stable_id(record.source, name), name, digest, language, pieces, texts)


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
    if record.metadata is not None:
        try:
            check_metadata(record.metadata)
        except InputError as error:
            raise RecordError(record.origin, str(error)) from None
    if record.time is not None and (not isinstance(record.time, Integral) or record.time < 0):
        raise RecordError(
            record.origin,
            f"time = {record.time!r}; pass whole milliseconds since 1970, as times.to_millis makes of a date",
        )
    if record.time is not None and record.time > now + SLACK:
        raise RecordError(
            record.origin,
            f"is dated {from_millis(record.time):%Y-%m-%d %H:%M}, "
            f"after now ({from_millis(now):%Y-%m-%d %H:%M}); correct its time, or set now with --now",
        )
    return record
