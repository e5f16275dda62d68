"""What a memory takes in: texts, files, records, event tables, folded edges, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from memini_kuzu import changes, extraction, readers
from memini_kuzu.changes.report import silent
from memini_kuzu.errors import InputError
from memini_kuzu.memory.messages import records_of
from memini_kuzu.memory.opening import EXTRACTOR, OpenMemory
from memini_kuzu.records import Columns, EventColumns, check_metadata
from memini_kuzu.times import TimeLike, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from memini_kuzu.changes.events import EventsReport
    from memini_kuzu.changes.exchange import EdgesReport
    from memini_kuzu.changes.report import IngestReport, Progress
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.extraction import Estimate
    from memini_kuzu.readers import Listing
    from memini_kuzu.records import Item


__all__ = ["Learning"]


class Learning(OpenMemory):
    """The calls that take something in."""

    @override
    def remember(
        self,
        text: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        known = None if metadata is None else check_metadata(metadata)
        millis = None if time is None else to_millis(time)
        return self.add(
            records_of(
                text,
                now=self._clock(),
                time=millis,
                source=source,
                title=title,
                own=id,
                metadata=known,
            )
        )

    def ingest(
        self,
        *paths: Path | str,
        columns: Columns | None = None,
        time: TimeLike | None = None,
        source: str | None = None,
        encoding: str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        name: str | None = None,
        skip_bad: bool = False,
        processes: int = 1,
        progress: Progress = silent,
    ) -> IngestReport:
        r"""Take in files and folders: documents, conversations, JSONL and CSV; ``-`` is standard input.

        A file is known by its path within the folder that is given, with that folder's name in front,
        wherever that lies. Moved or renamed, it is recognised by its text, and nothing is told again.

        Parameters
        ----------
        *paths : Path or str
            What to read. A document that is there already changes nothing; a changed one is a new version at
            its date: its text replaces the old one, what it still says is confirmed once more.
        columns : Columns, optional
            The names of the fields in JSONL and CSV.
        time : datetime, date or str, optional
            The date of everything read; by default each record's own, or else its file's.
        source : str, optional
            The source of everything read; by default each record's own, or else its file.
        encoding : str, optional
            Of text; utf-8 by default.
        include, exclude : sequence of str
            Patterns as in a ``.gitignore``: which files of a folder are read, and which are not. What is left
            out here of `time`, `source`, `encoding`, `name` and these two, a ``.memini.toml`` in a folder may
            set for its files.
        name : str, optional
            What the one folder that is given is known by, in place of its own name: two folders of one name
            are two then.
        skip_bad : bool
            Leave bad records out and report them; otherwise the first one ends the ingestion, and the batch
            of a thousand documents that it stands in is not kept. A file of a folder that cannot be read as a
            whole is reported, and ends nothing.
        processes : int
            How many processes extract.
        progress : callable
            Told two numbers after every passage: how many documents are done and kept, batch by batch, and
            how many passages have been read for mentions.

        Returns
        -------
        IngestReport
            What was added, changed, unchanged, moved and skipped, and what became of every file.

        Raises
        ------
        RecordError
            At the first bad record, unless `skip_bad`.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "note.md").write_text("# Trip\n\nAda visited Paris.")
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     memory.ingest(folder).documents
        1
        """
        listing = readers.list_files(paths, include=include, exclude=exclude, name=name)
        records = readers.read(
            listing, columns=columns or Columns(), time=time, source=source, encoding=encoding
        )
        return self.add(records, listing=listing, skip_bad=skip_bad, processes=processes, progress=progress)

    def prune(self, *paths: Path | str, name: str | None = None, dry_run: bool = False) -> ForgetReport:
        """Forget the documents of folders whose files are not there any more, or are empty.

        Parameters
        ----------
        *paths : Path or str
            Folders that were taken in.
        name : str, optional
            As for `ingest`.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        ForgetReport
            What was forgotten, or would be.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp()) / "notes"
        >>> folder.mkdir()
        >>> _ = (folder / "a.md").write_text("Ada visited Paris.")
        >>> with Memory.open(folder.parent / "a.memini") as memory:
        ...     _ = memory.ingest(folder)
        ...     (folder / "a.md").unlink()
        ...     memory.prune(folder).documents
        1
        """
        gone = self.gone(readers.list_files(paths, name=name))
        return self.forget_documents(gone, dry_run=dry_run)

    def gone(self, listing: Listing) -> list[int]:
        """Ids of the documents that `prune` forgets.

        Parameters
        ----------
        listing : Listing
            The files that there are.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> from memini_kuzu.readers import list_files
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     memory.gone(list_files([folder]))
        []
        """
        return changes.moves.gone_documents(self._store, listing)

    def forget_documents(self, ids: Sequence[int], *, dry_run: bool = False) -> ForgetReport:
        """Take back exactly what documents have contributed.

        Parameters
        ----------
        ids : sequence of int
            Which.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        ForgetReport
            What was forgotten, or would be.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.forget_documents([1], dry_run=True).documents
        0
        """
        return changes.forgetting.forget(
            self._store, changes.scope.Scope(documents=tuple(ids)), dry_run=dry_run
        )

    def add(
        self,
        records: Iterable[Item],
        *,
        listing: Listing | None = None,
        skip_bad: bool = False,
        processes: int = 1,
        progress: Progress = silent,
    ) -> IngestReport:
        """Take in records, as the readers give them.

        Parameters
        ----------
        records : iterable of Record, RecordError or Notice
            Read as they are needed.
        listing : Listing, optional
            The files that the records are read from: tells what was moved.
        skip_bad, processes, progress
            As for `ingest`.

        Returns
        -------
        IngestReport
            What happened.

        Raises
        ------
        RecordError
            At the first bad record, unless `skip_bad`.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory, Record
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.add([Record("Ada met Charles.", id="1"), Record("Ada left.", id="2")]).added
        2
        """
        extractor = self.extractor
        # before the first batch: what an interrupted ingestion keeps, this extractor has found
        if self._store.meta.get(EXTRACTOR) != extractor.identity:
            self._store.set_meta(EXTRACTOR, extractor.identity)
        return changes.ingestion.ingest(
            self._store,
            extractor,
            records,
            now=self._clock(),
            skip_bad=skip_bad,
            processes=processes,
            redaction=self._redaction,
            embedder=self._embedder,
            listing=listing,
            progress=progress,
        )

    def estimate(self, records: Iterable[Item], *, skip_bad: bool = False) -> Estimate:
        """What the extractor would take to `add` these records, where it costs. Sends and changes nothing.

        Parameters
        ----------
        records : iterable of Record, RecordError or Notice
            As for `add`; documents that the store has cost nothing.
        skip_bad : bool
            Leave bad records out; otherwise the first one is raised.

        Returns
        -------
        Estimate
            Requests and tokens, and money where prices are known.

        Raises
        ------
        InputError
            If the extractor's work is not paid for.
        RecordError
            At the first bad record, unless `skip_bad`.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory, Record
        >>> from memini_kuzu.extraction.llm import LLMExtractor
        >>> llm = LLMExtractor("http://localhost:11434/v1", model="small")
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini", extractor=llm) as memory:
        ...     memory.estimate([Record("Ada met Charles.")]).requests
        1
        """
        extractor = self.extractor
        if not isinstance(extractor, extraction.CostlyExtractor):
            raise InputError(f"{extractor.identity} costs nothing: it works on this machine")
        return extractor.estimate(
            changes.ingestion.texts_to_extract(
                self._store, records, now=self._clock(), skip_bad=skip_bad, redaction=self._redaction
            )
        )

    def embed(self, *, progress: Callable[[int], None] = lambda _passages: None) -> int:
        """Give every passage a vector of the memory's embedder: a store's first one, or another one.

        Needed once for what was taken in without the embedder. Vectors of another one are deleted.

        Parameters
        ----------
        progress : callable
            Told how many passages are done, batch by batch.

        Returns
        -------
        int
            How many vectors were written; interrupted, the same call again goes on from there.

        Raises
        ------
        InputError
            If the memory was opened without an embedder, or the embedder breaks its promise.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> import numpy as np
        >>> class Letters:
        ...     name, dimension = "letters/1", 26
        ...
        ...     def embed(self, texts):
        ...         alphabet = "abcdefghijklmnopqrstuvwxyz"
        ...         return np.array([[text.lower().count(letter) for letter in alphabet] for text in texts])
        >>> path = Path(tempfile.mkdtemp()) / "a.memini"
        >>> with Memory.open(path) as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        >>> with Memory.open(path, embedder=Letters()) as memory:
        ...     memory.embed()
        1
        """
        if self._embedder is None:
            raise InputError("the memory was opened without an embedder; Memory.open(path, embedder=…)")
        return changes.vectors.embed_passages(self._store, self._embedder, progress=progress)

    def load_events(
        self,
        *sources: Any,
        columns: EventColumns | None = None,
        both: bool = False,
        keep_events: bool = True,
        progress: Callable[[int], None] = lambda _events: None,
    ) -> EventsReport:
        """Take in (source, target, time[, amount]) rows: files, or tables in memory, of any size.

        Parameters
        ----------
        *sources : Path, str or table
            Files (.parquet, .csv, .tsv, .jsonl, .arrow), or whatever has Arrow's stream protocol: pyarrow,
            pandas, polars, a DuckDB relation. A file that was loaded before changes nothing, and is told
            by its bytes; a table has no such identity: load it once.
        columns : EventColumns, optional
            What the columns are called. Text endpoints are names, integers are ids of entities.
        both : bool
            Let each event count in both directions.
        keep_events : bool
            Keep the events as well as the associations that they make, so that they can be forgotten,
            plotted, fitted and retuned, and asking in the past knows them: some 32 bytes a row.
        progress : callable
            Told how many events have been read.

        Returns
        -------
        EventsReport
            What was loaded, and what was known.

        Raises
        ------
        RecordError
            At a bad row. Nothing since the last commit is kept, and the same call goes on from there.
        InputError
            If a source cannot be read, or a column of kinds is named for events that are not kept.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> import pyarrow as pa
        >>> table = pa.table({"source": ["Ada"], "target": ["Charles"], "time": ["2026-03-01"]})
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.load_events(table)
        ...     memory.associations("Ada", now="2026-03-01")[0].strength
        1.0
        """
        return changes.events.load_events(
            self._store,
            sources,
            columns=columns or EventColumns(),
            now=self._clock(),
            both=both,
            keep_events=keep_events,
            progress=progress,
        )

    def load_edges(
        self, path: Path | str, *, entities: Path | str | None = None, where: str | None = None
    ) -> EdgesReport:
        """Add associations that were folded elsewhere, as by scripts/spark_fold.py on a cluster.

        Parameters
        ----------
        path : Path or str
            A Parquet file or a folder of them. Loaded twice, it changes nothing.
        entities : Path or str, optional
            The same with columns id and name of the endpoints.
        where : str, optional
            Which edges: an SQL expression, as DuckDB has it (extra ``scale``), over source, target, fast,
            slow, as_of, events, first_seen and last_seen, and source_name and target_name where `entities`
            names them. Only what it needs is read. Another part of the same file is refused later, since
            associations could count twice.

        Returns
        -------
        EdgesReport
            What was added.

        Raises
        ------
        InputError
            If a file cannot be read or lacks a column, the expression is none, or another part of the file
            is loaded already.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     memory.load_edges(folder / "none.parquet")
        Traceback (most recent call last):
        ...
        memini_kuzu.errors.InputError: ...
        """
        return changes.exchange.load_edges(
            self._store, Path(path), None if entities is None else Path(entities), where
        )
