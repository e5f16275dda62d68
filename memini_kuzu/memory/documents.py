"""One document by its id: what it says, what became of it, a new version of it; and all of them in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.identity import document_id
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

    def get(self, id: str) -> Document:  # noqa: A002
        """A document in its newest version.

        Parameters
        ----------
        id : str
            Its id.

        Returns
        -------
        Document
            Its text, and what is known of it.

        Raises
        ------
        InputError
            If no document has this id, or several have a record of it.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     [id] = memory.remember("Ada met Charles.", time="2026-03-01").ids
        ...     memory.get(id).text
        'Ada met Charles.'
        """
        with self._store.snapshot():
            [found] = self._documents([resolved(self._store, id)])
        document: Document = found
        return document

    def history(self, id: str) -> tuple[Version, ...]:  # noqa: A002
        """All versions of a document, the earliest first. Texts that a newer version replaced are not kept.

        Parameters
        ----------
        id : str
            Its id.

        Returns
        -------
        tuple of Version
            The date of each, and what its text is known by.

        Raises
        ------
        InputError
            As for `get`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     [id] = memory.remember("Ada lives in Oslo.", time="2026-03-01").ids
        ...     _ = memory.update(id, "Ada lives in Rome.", time="2026-04-01")
        ...     [(f"{each.time:%Y-%m-%d}", each.current) for each in memory.history(id)]
        [('2026-03-01', False), ('2026-04-01', True)]
        """
        with self._store.snapshot():
            table = read_documents(self._store.read, [resolved(self._store, id)])
        digest, time = table["digest"][0].as_py(), int(column(table, "time")[0])
        told = (text.rpartition("@") for text in table["versions"][0].as_py())
        versions = sorted((int(when), own) for own, _, when in told)
        return tuple(
            Version(from_millis(when), own, current=(own, when) == (digest, time)) for when, own in versions
        )

    def update(
        self,
        id: str,  # noqa: A002
        text: str,
        *,
        time: TimeLike | None = None,
        title: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        """Give a document a new version: its text replaces the old one, what it still says is confirmed.

        What the old version told stays in the associations, and fades if nothing confirms it; `forget` takes
        a document back as if it had never been told.

        Parameters
        ----------
        id : str
            Its id.
        text : str
            The new text.
        time : datetime, date or str, optional
            The date of the version; now by default.
        title : str, optional
            The new title; the old one by default.
        metadata : mapping of str to str, optional
            The new metadata, in the place of the old; the old by default.

        Returns
        -------
        IngestReport
            Whether that changed anything: the text that it has already is no new version.

        Raises
        ------
        InputError
            As for `get`; or if the version is dated before the newest one, which stays the newest then.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     [id] = memory.remember("Ada lives in Oslo.", time="2026-03-01").ids
        ...     memory.update(id, "Ada lives in Rome.", time="2026-04-01").changed
        1
        """
        check_text(text, "text", "a text,")
        known = None if metadata is None else check_metadata(metadata)
        moment = self._now(time)
        before = self.get(id)
        if moment < to_millis(before.time):
            raise InputError(
                f"time = {from_millis(moment):%Y-%m-%d %H:%M} is before the newest version of {before.id}, "
                f"of {before.time:%Y-%m-%d %H:%M}; pass a later time"
            )
        return self.add(
            [
                Record(
                    text=text,
                    time=moment,
                    source=before.source,
                    title=before.title if title is None else title,
                    id=before.record,
                    origin="the text",
                    metadata=known,
                )
            ]
        )

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
    def list(
        self,
        *,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
        text: str | None = None,
        k: int = 50,
        after: str | None = None,
    ) -> Table:
        """Documents, the newest first, page by page.

        Parameters
        ----------
        sources, since, until, where
            As for `recall`; a document counts by the date of its newest version.
        text : str, optional
            Only those whose text or title holds this, in any case.
        k : int
            How many at most.
        after : str, optional
            The id of the last one of the page before.

        Returns
        -------
        list of Document
            A page of fewer than `k` is the last one.

        Raises
        ------
        InputError
            If `k` is below 1, a filter is none that can be asked for, or no document has the id `after`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     for day, text in (("2026-03-01", "Ada met Charles."), ("2026-03-02", "Ada met Grace.")):
        ...         _ = memory.remember(text, time=day)
        ...     page = memory.list(text="ada", k=1)
        ...     [each.text for each in page + memory.list(text="ada", after=page[-1].id)]
        ['Ada met Grace.', 'Ada met Charles.']
        """
        check_count(k, "documents to list")
        if text is not None and not isinstance(text, str):
            raise InputError(f"text = {text!r}; pass a part of a text")
        asked = wanted(sources, since, until, where)
        with self._store.snapshot():
            last = None if after is None else resolved(self._store, after)
            return self._documents(listed(self._store, asked, text=text, top=k, after=last))
