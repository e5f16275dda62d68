"""One document by its id: what it says, what became of it, a new version of it; and all of them in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from memini_kuzu.errors import InputError
from memini_kuzu.identity import document_id, number_of, text_digest
from memini_kuzu.memory.learning import Learning
from memini_kuzu.memory.opening import check_count, check_text
from memini_kuzu.notebook import Table
from memini_kuzu.records import Record, check_metadata
from memini_kuzu.results import Document, Version
from memini_kuzu.store.documents import document_texts, listed, resolved
from memini_kuzu.store.filters import wanted
from memini_kuzu.store.known import read_documents
from memini_kuzu.store.metadata import metadata_from_json
from memini_kuzu.tables import column
from memini_kuzu.times import TimeLike, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memini_kuzu.changes.report import IngestReport

__all__ = ["Documents"]


class Documents(Learning):
    """The calls that handle documents by their ids.

    An id is what `remember`, `recall` and `list` give for a document, 16 hexadecimal digits. The id of its
    record does as well, where one document has it.
    """

    @override
    def get(self, id: str) -> Document:
        with self._store.snapshot():
            [found] = self._documents([resolved(self._store, id)])
        document: Document = found
        return document

    @override
    def history(self, id: str) -> tuple[Version, ...]:
        with self._store.snapshot():
            table = read_documents(self._store.read, [resolved(self._store, id)])
        digest, time = table["digest"][0].as_py(), int(column(table, "time")[0])
        told = (text.rpartition("@") for text in table["versions"][0].as_py())
        versions = sorted((int(when), own) for own, _, when in told)
        return tuple(
            Version(from_millis(when), own, current=(own, when) == (digest, time)) for when, own in versions
        )

    @override
    def update(
        self,
        id: str,
        text: str,
        *,
        time: TimeLike | None = None,
        title: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        check_text(text, "text", "a text,")
        known = None if metadata is None else check_metadata(metadata)
        moment = self._now(time)
        before = self.get(id)
        if moment < to_millis(before.time):
            raise InputError(
                f"time = {from_millis(moment):%Y-%m-%d %H:%M} is before the newest version of {before.id}, "
                f"of {before.time:%Y-%m-%d %H:%M}; pass a later time"
            )
        heading = before.title if title is None else title
        report = self.add(
            [
                Record(
                    text=text,
                    time=moment,
                    source=before.source,
                    title=heading,
                    id=before.record,
                    origin="the text",
                    metadata=known,
                )
            ]
        )
        if report.unchanged:
            digest = text_digest(self._redaction.mask(heading)[0], self._redaction.mask_value(text)[0])
            # a version that is known tells nothing new, so that the text stays what replaced it
            if not any(each.current and each.digest == digest for each in self.history(before.id)):
                raise InputError(
                    f"time = {from_millis(moment):%Y-%m-%d %H:%M}: this was the text at that time, and was "
                    "replaced since; pass a later time"
                )
        return report

    def _documents(self, numbers: Sequence[int]) -> Table:
        """Documents in the order of their numbers."""
        if not numbers:
            return Table()
        table = read_documents(self._store.read, numbers)
        rows: list[dict[str, Any]] = table.to_pylist()
        texts = document_texts(
            self._store, [row["source"] for row in rows], [row["positions"] for row in rows]
        )
        found = {
            row["id"]: Document(
                id=document_id(row["id"]),
                source=row["source"],
                record=row["record"],
                title=row["title"],
                time=from_millis(int(time)),
                text=text,
                metadata=metadata_from_json(row["metadata"]),
                versions=len(row["versions"]),
            )
            for row, time, text in zip(rows, column(table, "time"), texts, strict=True)
        }
        return Table(found[number] for number in numbers)

    # the last one: in the class, this name stands for it and not for Python's lists
    @override
    def list(
        self,
        *,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
        text: str | None = None,
        ids: Sequence[str] | None = None,
        k: int = 50,
        after: str | None = None,
    ) -> Table:
        check_count(k, "documents to list")
        if text is not None and not isinstance(text, str):
            raise InputError(f"text = {text!r}; pass a part of a text")
        asked = wanted(sources, since, until, where)
        among = None if ids is None else _numbers(ids)
        with self._store.snapshot():
            last = None if after is None else resolved(self._store, after)
            return self._documents(listed(self._store, asked, text=text, among=among, top=k, after=last))


def _numbers(ids: Sequence[str]) -> list[int]:
    """The numbers of documents by their ids."""
    found = []
    for each in [ids] if isinstance(ids, str) else ids:
        number = number_of(each) if isinstance(each, str) else None
        if number is None:
            raise InputError(
                f"ids: {each!r} is none; pass ids of 16 digits, as remember, recall and list give them"
            )
        found.append(number)
    return found
