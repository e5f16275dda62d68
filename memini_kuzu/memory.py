"""`Memory`: everything that memini does with a store, one short method each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from memini_kuzu import recall as recalling
from memini_kuzu.changes import aliases, consolidation, events, exchange, forgetting, ingestion, merging
from memini_kuzu.changes.moves import gone_documents
from memini_kuzu.changes.retune import RetuneReport, retune
from memini_kuzu.changes.scope import Scope
from memini_kuzu.changes.vectors import embed_passages
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import TimeConstants, time_constants
from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.extraction import CostlyExtractor, canonical, default_extractor
from memini_kuzu.insight import doctor, suggestions
from memini_kuzu.insight.streams import Stream, read_stream, stream_from_arrow, stream_from_ledger
from memini_kuzu.insight.trajectory import POINTS, Overview, Trajectory, overview, trace
from memini_kuzu.readers import Columns, list_files, read
from memini_kuzu.readers.tabular import EventColumns
from memini_kuzu.records import Record
from memini_kuzu.store import Store, reading, recover_store
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.tables import column
from memini_kuzu.text.redaction import KEYS_ONLY, Redaction
from memini_kuzu.times import DAY, TimeLike, from_millis, system_clock, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from memini_kuzu.changes.aliases import Alias
    from memini_kuzu.changes.consolidation import MaintenanceReport
    from memini_kuzu.changes.documents import IngestReport
    from memini_kuzu.changes.events import EventsReport
    from memini_kuzu.changes.exchange import EdgesReport
    from memini_kuzu.changes.merging import MergeReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Estimate, Extractor
    from memini_kuzu.insight.doctor import Diagnosis
    from memini_kuzu.insight.fitting import FitReport
    from memini_kuzu.insight.suggestions import Suggestion
    from memini_kuzu.readers import Listing
    from memini_kuzu.recall import Explanation, Recall
    from memini_kuzu.records import Item
    from memini_kuzu.service.client import RemoteMemory
    from memini_kuzu.times import Clock

__all__ = ["Association", "Memory", "Stats", "fit_events"]

EXTRACTOR = "extractor"
"""The key in MeminiMeta of what wrote the store's mentions."""


@dataclass(frozen=True, slots=True)
class Association:
    """An association of an entity, as strong as it is at one moment.

    Parameters
    ----------
    source, target : str
        Names of the entities; it leads from the one to the other.
    strength : float
        w_f, the fast variable; 1 is one statement just made.
    consolidated : float
        w_s, the slow variable.
    events : int
        How many events it has had.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    source: str
    target: str
    strength: float
    consolidated: float
    events: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds.

    Parameters
    ----------
    path : str
        The file.
    bytes : int
        Its size.
    entities, associations, passages, documents, sources, mentions, aliases : int
        How many of each.
    first_seen, last_seen : datetime or None
        The dates of the earliest and the latest evidence.
    faint : int
        Associations that the next maintenance pass would forget.
    extractor : str or None
        What found the mentions.
    parameters : Parameters
        The dynamics.
    time_constants : TimeConstants
        What they amount to in practice, in days.
    """

    path: str
    bytes: int
    entities: int
    associations: int
    passages: int
    documents: int
    sources: int
    mentions: int
    aliases: int
    first_seen: datetime | None
    last_seen: datetime | None
    faint: int
    extractor: str | None
    parameters: Parameters
    time_constants: TimeConstants


class Memory:
    """An associative memory in one file.

    Made by `Memory.open`. Threads may share one; other processes may read the file only while nobody has it
    open for writing.

    Parameters
    ----------
    store : Store
        The open file.
    extractor : Extractor, optional
        Finds the mentions in texts and cues; `default_extractor` where none is given.
    clock : callable
        Gives the present in milliseconds since 1970; for replays and tests.
    hint : callable, optional
        Takes one line of advice for the user.
    redaction : Redaction
        What is masked before a text is stored.
    embedder : Embedder, optional
        Gives passages and cues vectors.

    Examples
    --------
    >>> import tempfile
    >>> with Memory.open(Path(tempfile.mkdtemp()) / "notes.memini") as memory:
    ...     _ = memory.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01")
    ...     memory.recall("Who wrote to Babbage?", now="2026-03-02").passages[0].text
    'Ada Lovelace wrote to Charles Babbage.'
    """

    def __init__(
        self,
        store: Store,
        *,
        extractor: Extractor | None = None,
        clock: Clock = system_clock,
        hint: Callable[[str], None] | None = None,
        redaction: Redaction = KEYS_ONLY,
        embedder: Embedder | None = None,
    ) -> None:
        self._store = store
        self._extractor = extractor
        self._clock = clock
        self._hint = hint
        self._redaction = redaction
        self._embedder = embedder

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        read_only: bool = False,
        parameters: Parameters | None = None,
        wait: float = 0.0,
        extractor: Extractor | None = None,
        clock: Clock = system_clock,
        hint: Callable[[str], None] | None = None,
        redaction: Redaction = KEYS_ONLY,
        embedder: Embedder | None = None,
    ) -> Self:
        """Open a store, or make it where there is none.

        Parameters
        ----------
        path : Path or str
            The file.
        create : bool
            Make it where it does not exist.
        read_only : bool
            Open without the right to write; several processes may do so at once.
        parameters : Parameters, optional
            The dynamics of a store that is made. A store keeps its own for good: others are refused.
        wait : float
            Seconds to wait for another process to close it.
        extractor : Extractor, optional
            Finds the mentions; by default spaCy where a model is installed, or else rules.
        clock : callable
            Gives the present in milliseconds since 1970.
        hint : callable, optional
            Takes one line of advice for the user.
        redaction : Redaction
            What is masked before a text is stored: keys, tokens and passwords by default.
        embedder : Embedder, optional
            Gives passages and cues vectors, so that recall also finds what is similar. None by default:
            words, names and dates alone. Passages that were taken in without it need `embed`.

        Returns
        -------
        Memory
            To be closed; it is a context manager.

        Raises
        ------
        StoreLockedError
            If another process has it open.
        NotAStoreError
            If the path holds something else, or nothing and `create` is false.
        InputError
            If the store has other parameters than those given.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.stats().entities
        0
        """
        store = Store(Path(path), create=create, parameters=parameters, read_only=read_only, wait=wait)
        if parameters is not None and store.parameters != parameters:
            store.close()
            raise InputError(
                f"{path} has {store.parameters}, not {parameters}; a store keeps its parameters: open it "
                "without, or make a new one"
            )
        return cls(store, extractor=extractor, clock=clock, hint=hint, redaction=redaction, embedder=embedder)

    @staticmethod
    def connect(url: str, *, token: str | None = None, timeout: float = 60.0) -> RemoteMemory:
        """The memory that `memini serve` shares at an address, for any number of processes at once.

        Parameters
        ----------
        url : str
            Where it is served, such as ``http://127.0.0.1:8765/mcp``.
        token : str, optional
            The bearer token, where one is required.
        timeout : float
            Seconds to wait for an answer.

        Returns
        -------
        RemoteMemory
            With the methods remember, recall, associations, forget, stats and backup; a context manager.

        Raises
        ------
        InputError
            If the extra ``mcp`` is not installed.
        StoreError
            If no memory answers there.

        Examples
        --------
        >>> with Memory.connect("http://127.0.0.1:8765/mcp") as memory:  # doctest: +SKIP
        ...     memory.recall("Who met Babbage?")  # needs `memini serve`
        """
        try:
            from memini_kuzu.service.client import RemoteMemory  # noqa: PLC0415 - the extra mcp
        except ModuleNotFoundError as error:
            raise InputError(f'{error.name} is not installed; run pip install "memini-kuzu[mcp]"') from error
        return RemoteMemory(url, token=token, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._store.path

    @property
    def parameters(self) -> Parameters:
        """The dynamics of the store."""
        return self._store.parameters

    def remember(
        self,
        text: str,
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",  # noqa: A002
    ) -> IngestReport:
        """Take in one text; the next recall sees it.

        Parameters
        ----------
        text : str
            Kept verbatim.
        time : datetime, date or str, optional
            When it was said; now by default. A value without an offset is UTC.
        source : str
            What it belongs to: a conversation, a feed.
        title : str
            Its title.
        id : str
            Its own id within the source. The same id with another text is a new version; without an id, a
            text is itself at its date: told again on another day, it is confirmed.

        Returns
        -------
        IngestReport
            Whether it was new, and how many associations it touched.

        Raises
        ------
        RecordError
            If the text is empty or dated in the future.
        TimeError
            If the time cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.remember("Ada met Charles.", time="2026-03-01").added
        1
        """
        millis = None if time is None else to_millis(time)
        record = Record(text=text, time=millis, source=source, title=title, id=id, origin="the text")
        return self.add([record])

    def ingest(
        self,
        *paths: Path | str,
        columns: Columns | None = None,
        time: TimeLike | None = None,
        source: str | None = None,
        encoding: str = "utf-8",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        skip_bad: bool = False,
        processes: int = 1,
        progress: Callable[[int], None] = lambda _documents: None,
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
        encoding : str
            Of text.
        include, exclude : sequence of str
            Patterns as in a ``.gitignore``: which files of a folder are read, and which are not.
        skip_bad : bool
            Leave bad records out and report them; otherwise the first one ends the ingestion, and the batch
            of a thousand documents that it stands in is not kept. A file of a folder that cannot be read as a
            whole is reported, and ends nothing.
        processes : int
            How many processes extract.
        progress : callable
            Told how many documents are done, batch by batch.

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
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "note.md").write_text("# Trip\n\nAda visited Paris.")
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     memory.ingest(folder).documents
        1
        """
        listing = list_files(paths, include=include, exclude=exclude)
        records = read(listing, columns=columns or Columns(), time=time, source=source, encoding=encoding)
        return self.add(records, listing=listing, skip_bad=skip_bad, processes=processes, progress=progress)

    def prune(self, *paths: Path | str, formerly: Sequence[str] = (), dry_run: bool = False) -> ForgetReport:
        """Forget the documents of folders whose files are not there any more, or are empty.

        Parameters
        ----------
        *paths : Path or str
            Folders that were taken in.
        formerly : sequence of str
            What they were called before, as `IngestReport.folders` tells.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        ForgetReport
            What was forgotten, or would be.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "notes"
        >>> folder.mkdir()
        >>> _ = (folder / "a.md").write_text("Ada visited Paris.")
        >>> with Memory.open(folder.parent / "a.memini") as memory:
        ...     _ = memory.ingest(folder)
        ...     (folder / "a.md").unlink()
        ...     memory.prune(folder).documents
        1
        """
        gone = gone_documents(self._store.read, list_files(paths), formerly)
        return forgetting.forget(self._store, Scope(documents=tuple(gone)), dry_run=dry_run)

    def add(
        self,
        records: Iterable[Item],
        *,
        listing: Listing | None = None,
        skip_bad: bool = False,
        processes: int = 1,
        progress: Callable[[int], None] = lambda _documents: None,
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
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.add([Record("Ada met Charles.", id="1"), Record("Ada left.", id="2")]).added
        2
        """
        extractor = self.extractor
        # before the first batch: what an interrupted ingestion keeps, this extractor has found
        if self._store.meta.get(EXTRACTOR) != extractor.identity:
            self._store.set_meta(EXTRACTOR, extractor.identity)
        return ingestion.ingest(
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
        >>> from memini_kuzu.extraction.llm import LLMExtractor
        >>> llm = LLMExtractor("http://localhost:11434/v1", model="small")
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini", extractor=llm) as memory:
        ...     memory.estimate([Record("Ada met Charles.")]).requests
        1
        """
        extractor = self.extractor
        if not isinstance(extractor, CostlyExtractor):
            raise InputError(f"{extractor.identity} costs nothing: it works on this machine")
        return extractor.estimate(
            ingestion.texts_to_extract(
                self._store, records, now=self._clock(), skip_bad=skip_bad, redaction=self._redaction
            )
        )

    @property
    def extractor(self) -> Extractor:
        """What finds the mentions in texts."""
        if self._extractor is None:
            self._extractor = default_extractor(self._hint)
        return self._extractor

    def recall(
        self, cue: str, *, now: TimeLike | None = None, k: int = 10, budget_tokens: int | None = None
    ) -> Recall:
        """What a cue brings to mind. Changes nothing.

        Parameters
        ----------
        cue : str
            A question, a name, some words.
        now : datetime, date or str, optional
            As of when; the present by default. Later passages are not seen, and strengths are those of that
            moment.
        k : int
            How many passages, ≥ 1.
        budget_tokens : int, optional
            Keep only the passages that fit into a context block of so many tokens, the best first; `context`
            of what is returned gives the block.

        Returns
        -------
        Recall
            Passages with scores, entities with activation, and the paths that explain them.

        Raises
        ------
        InputError
            If the cue is empty, `k` below 1, the budget holds not one of the passages, or passages have no
            vector of the memory's embedder.
        TimeError
            If `now` cannot be read, or lies before all that the store holds.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles in London.", time="2026-03-01")
        ...     memory.recall("London", now="2026-03-02").paths[0].through
        ('london',)
        """
        with self._store.snapshot():
            found = recalling.recall(self._store, cue, now=self._now(now), k=k, embedder=self._embedder)
        return found if budget_tokens is None else found.within(budget_tokens)

    def explain(
        self, cue: str, passage: str, *, now: TimeLike | None = None, source: str | None = None
    ) -> Explanation:
        """Why a cue brings a passage to mind, and how the associations that lead there have changed.

        Parameters
        ----------
        cue : str
            As for `recall`.
        passage : str
            Its id, as recall gives it.
        now : datetime, date or str, optional
            As of when; the present by default.
        source : str, optional
            Of the passage, where several sources have that id.

        Returns
        -------
        Explanation
            The passage's rank, the paths to it, and the associations on them, now and a month before.

        Raises
        ------
        InputError
            If the cue is empty or does not lead to that passage.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles in London.", time="2026-03-01", id="7")
        ...     memory.explain("London", "7", now="2026-03-02").rank
        1
        """
        with self._store.snapshot():
            return recalling.explain(
                self._store, cue, passage, now=self._now(now), source=source, embedder=self._embedder
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
        return embed_passages(self._store, self._embedder, progress=progress)

    def alias_add(self, alias: str, entity: str) -> Alias:
        """Let a name stand for an entity; what was known under it goes over. `alias_remove` takes it back.

        Parameters
        ----------
        alias : str
            The other name.
        entity : str
            The entity's name, or one of its aliases.

        Returns
        -------
        Alias
            As it stands now.

        Raises
        ------
        InputError
            If the alias is empty, stands for something already, or is the entity's own name.
        UnknownEntityError
            If there is no such entity.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.alias_add("Countess Lovelace", "Ada Lovelace")
        ...     memory.associations("Countess Lovelace", now="2026-03-01")[0].target
        'Charles Babbage'
        """
        return aliases.add_alias(self._store, alias, entity)

    def alias_remove(self, alias: str) -> Alias:
        """Let a name stand for itself again, and give back what was moved.

        What was told meanwhile under either name stays with the entity; what was forgotten stays forgotten.

        Parameters
        ----------
        alias : str
            The name.

        Returns
        -------
        Alias
            As it stood.

        Raises
        ------
        InputError
            If there is no such alias, or a later one builds on it.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.alias_add("Ada", "Ada Lovelace")
        ...     memory.alias_remove("Ada").entity
        'Ada Lovelace'
        """
        return aliases.remove_alias(self._store, alias)

    def alias_list(self) -> list[Alias]:
        """All aliases, by name.

        Returns
        -------
        list of Alias
            What each stands for.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.alias_list()
        []
        """
        return aliases.list_aliases(self._store)

    def alias_suggest(self, k: int = 10) -> list[Suggestion]:
        """Pairs of names that may mean the same, for people to judge. Changes nothing.

        Parameters
        ----------
        k : int
            How many at most.

        Returns
        -------
        list of Suggestion
            The most similar first.

        Raises
        ------
        InputError
            If `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.remember("Ada Lovelase met Mary Somerville.", time="2026-03-02")
        ...     [found] = memory.alias_suggest()
        ...     sorted([found.alias, found.entity])
        ['Ada Lovelace', 'Ada Lovelase']
        """
        if k < 1:
            raise InputError(f"k = {k}; pass how many suggestions to return, at least 1")
        return suggestions.suggest(self._store, k)

    def load_events(
        self,
        *sources: Any,
        columns: EventColumns | None = None,
        both: bool = False,
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

        Examples
        --------
        >>> import tempfile
        >>> import pyarrow as pa
        >>> table = pa.table({"source": ["Ada"], "target": ["Charles"], "time": ["2026-03-01"]})
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.load_events(table)
        ...     memory.associations("Ada", now="2026-03-01")[0].strength
        1.0
        """
        return events.load_events(
            self._store,
            sources,
            columns=columns or EventColumns(),
            now=self._clock(),
            both=both,
            progress=progress,
        )

    def load_edges(self, path: Path | str, *, entities: Path | str | None = None) -> EdgesReport:
        """Add associations that were folded elsewhere, as by scripts/spark_fold.py on a cluster.

        Parameters
        ----------
        path : Path or str
            A Parquet file or a folder of them. Loaded twice, it changes nothing.
        entities : Path or str, optional
            The same with columns id and name of the endpoints.

        Returns
        -------
        EdgesReport
            What was added.

        Raises
        ------
        InputError
            If a file cannot be read or lacks a column.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     memory.load_edges(folder / "none.parquet")
        Traceback (most recent call last):
        ...
        memini_kuzu.errors.InputError: ...
        """
        return exchange.load_edges(self._store, Path(path), None if entities is None else Path(entities))

    def export(self, folder: Path | str) -> dict[str, int]:
        """Write everything as a folder of Parquet files, exact to the bit.

        Parameters
        ----------
        folder : Path or str
            New, or empty.

        Returns
        -------
        dict of str to int
            Rows of each file.

        Raises
        ------
        InputError
            If the folder holds something.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     memory.export(folder / "exported")["edges"]
        2
        >>> with Memory.import_(folder / "b.memini", folder / "exported") as copy:
        ...     copy.stats().associations
        2
        """
        return exchange.export_store(self._store, Path(folder))

    @classmethod
    def import_(cls, path: Path | str, folder: Path | str) -> Self:
        """Make a store of what `export` wrote, and open it.

        Parameters
        ----------
        path : Path or str
            The new store's file; it must not exist.
        folder : Path or str
            The export.

        Returns
        -------
        Memory
            To be closed; it is a context manager.

        Raises
        ------
        StoreError
            If there is a store at `path`.
        InputError
            If the folder is no export.
        """
        exchange.import_store(Path(path), Path(folder))
        return cls.open(path, create=False)

    def merge(self, other: Path | str, *, skip_known: bool = False) -> MergeReport:
        """Add all that another store holds: one memory that has seen what both have seen.

        Parameters
        ----------
        other : Path or str
            The other store's file; it is only read. Its parameters must be the same.
        skip_known : bool
            Leave out documents that both have; otherwise they are refused, for they would count twice.

        Returns
        -------
        MergeReport
            What it brought.

        Raises
        ------
        InputError
            If the parameters differ, or both have loaded the same events or hold the same documents.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01", source="a")
        >>> with Memory.open(folder / "b.memini") as memory:
        ...     _ = memory.remember("Ada met Grace.", time="2026-03-02", source="b")
        ...     _ = memory.merge(folder / "a.memini")
        ...     memory.stats().documents
        2
        """
        with Store(Path(other), read_only=True) as theirs:
            return merging.merge(self._store, theirs, skip_known=skip_known)

    def consolidate(
        self,
        *,
        now: TimeLike | None = None,
        threshold: float = consolidation.FORGET_BELOW,
        dry_run: bool = False,
    ) -> MaintenanceReport:
        """The maintenance pass: bring every association to one date, and forget what is spent.

        Never needed for correctness; it keeps the file small.

        Parameters
        ----------
        now : datetime, date or str, optional
            The date; the present by default.
        threshold : float
            Forget where both variables are below it.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        MaintenanceReport
            What was done, or would be.

        Raises
        ------
        InputError
            If the threshold is negative or NaN.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2020-03-01")
        ...     memory.consolidate(now="2026-03-01").forgotten
        2
        """
        return consolidation.consolidate(
            self._store, now=self._now(now), threshold=threshold, dry_run=dry_run
        )

    def forget(
        self,
        *,
        source: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        entity: str | None = None,
        association: tuple[str, str] | None = None,
        dry_run: bool = False,
    ) -> ForgetReport:
        """Take back what documents, an entity or an association have contributed, exactly.

        Without a source's events the store is the one that never saw them: an association is the sum over its
        events, and every document keeps its own.

        Parameters
        ----------
        source : str, optional
            Forget the documents of this source.
        since, until : datetime, date or str, optional
            Forget the documents, or the versions of them, dated from `since` up to but not including `until`;
            with `source`, of that source only.
        entity : str, optional
            Forget an entity of this name or alias: the entity, its aliases, its associations and that
            passages mention it. The passages stay, word for word.
        association : tuple of two str, optional
            Forget the association between two entities, in both directions.
        dry_run : bool
            Report and write nothing.

        Returns
        -------
        ForgetReport
            What was done, or would be.

        Raises
        ------
        InputError
            If there is no such source, or nothing or several kinds of things are named.
        UnknownEntityError
            If there is no such entity.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01", source="diary")
        ...     memory.forget(source="diary").associations
        2
        """
        scope = Scope(
            source=source,
            since=None if since is None else to_millis(since),
            until=None if until is None else to_millis(until),
            entity=None if entity is None else self._resolve(entity)[0],
            pair=None
            if association is None
            else (self._resolve(association[0])[0], self._resolve(association[1])[0]),
        )
        return forgetting.forget(self._store, scope, dry_run=dry_run)

    def associations(self, entity: str, *, now: TimeLike | None = None, k: int = 10) -> list[Association]:
        """What an entity is associated with, strongest first.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        now : datetime, date or str, optional
            As of when; the present by default.
        k : int
            How many at most.

        Returns
        -------
        list of Association
            Those that lead from the entity.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     [found] = memory.associations("Ada Lovelace", now="2026-03-01")
        ...     found.target, found.strength
        ('Charles Babbage', 1.0)
        """
        if k < 1:
            raise InputError(f"k = {k}; pass how many associations to return, at least 1")
        moment = self._now(now)
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            table = reading.strongest_associations(self._store, identity, from_millis(moment), k)
        times = {name: column(table, name) for name in ("first_seen", "last_seen")} if table.num_rows else {}
        return [
            Association(
                source=name,
                target=row["target"],
                strength=row["strength"],
                consolidated=row["consolidated"],
                events=row["events"],
                first_seen=from_millis(int(times["first_seen"][number])),
                last_seen=from_millis(int(times["last_seen"][number])),
            )
            for number, row in enumerate(table.to_pylist())
        ]

    def trajectory(
        self, entity: str, other: str | None = None, *, now: TimeLike | None = None, points: int = POINTS
    ) -> Trajectory:
        """How an association came to be what it is: both variables over time, exactly.

        Parameters
        ----------
        entity : str
            Where it leads from: a name or an alias.
        other : str, optional
            Where it leads to; by default the sum over all that leads from `entity`.
        now : datetime, date or str, optional
            The last moment; the present by default.
        points : int
            How many evenly spaced moments; those of the events come on top.

        Returns
        -------
        Trajectory
            From the first event of its documents on, whatever maintenance forgot since.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If no document gave it an event until then.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     found = memory.trajectory("Ada Lovelace", "Charles Babbage", now="2026-03-02")
        ...     found.fast[[0, -1]].round(3).tolist()
        [1.0, 0.452]
        """
        moment = self._now(now)
        with self._store.snapshot():
            source, name = self._resolve(entity)
            target, other_name = (None, None) if other is None else self._resolve(other)
            events = read_ledger(self._store.read, entity=source).in_time()
        events = events.take(events.source == source)
        if target is not None:
            events = events.take(events.target == target)
        events = events.take(events.time <= moment)
        if not len(events):
            what = name if other_name is None else f"{name} → {other_name}"
            raise InputError(
                f"no document tells of {what} until {from_millis(moment):%Y-%m-%d %H:%M}; the dates of "
                "events loaded without documents are not kept"
            )
        time, fast, slow = trace(events.amount, events.time, moment, self.parameters, points=points)
        return Trajectory(name, other_name, time, fast, slow, events.time, events.amount)

    def overview(self, *, now: TimeLike | None = None, days: float = 30.0, k: int = 10) -> Overview:
        """The whole store at one moment: how strong its associations are, and what consolidated lately.

        Parameters
        ----------
        now : datetime, date or str, optional
            The moment; the present by default.
        days : float
            How far back "lately" reaches.
        k : int
            How many of the pairs that consolidated most.

        Returns
        -------
        Overview
            What `plots.plot_store` draws.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     memory.overview(now="2026-03-02").consolidated[0].source
        'Ada Lovelace'
        """
        if not days > 0 or k < 1:
            raise InputError(f"days = {days}, k = {k}; pass a number of days above 0, and k of at least 1")
        moment = self._now(now)
        with self._store.snapshot():
            return overview(self._store, now=moment, since=moment - round(days * DAY), k=k)

    def fit(
        self,
        events: Path | str | pa.Table | None = None,
        *,
        until: TimeLike | None = None,
        tau_slow: float | None = None,
        seed: int = 0,
        progress: Callable[[], None] = lambda: None,
    ) -> FitReport:
        """Let a stream of events say how fast to forget. Changes nothing; `retune` applies the result.

        T_fast, T_slow and the slow share are fitted on the training span, by the likelihood of each
        source's next
        known target under Luce's choice rule, walk-forward. A forecast identifies these three, not the four
        parameters: τ_s is given, the others follow. The later span is then forecast, for the report.

        Parameters
        ----------
        events : Path, str or pyarrow.Table, optional
            .csv, .jsonl, .parquet or a table with columns source, target, time, and amount where events
            differ in weight; by default the events of the store's own documents.
        until : datetime, date or str, optional
            The end of the training span; by default four fifths of the dates are trained on.
        tau_slow : float, optional
            τ_s in days; 3650 by default, since a stream of months cannot see a leak of years. The slow time
            constant cannot exceed it.
        seed : int
            Of the samples that are taken from streams too large to lay out. The same seed gives the same
            result.
        progress : callable
            Called once an evaluation.

        Returns
        -------
        FitReport
            Parameters, time constants, scores on the later span, and what the stream does not identify.

        Raises
        ------
        InputError
            If the events cannot be read, are too few, never repeat, or SciPy is missing.

        Examples
        --------
        >>> import tempfile
        >>> import pyarrow as pa
        >>> rows = [("ada", "paris", day) for day in range(1, 29)]
        >>> rows += [("ada", "rome", day) for day in (1, 9, 27)]
        >>> source, target, day = zip(*rows)
        >>> events = pa.table({"source": source, "target": target, "time": [f"2026-02-{d:02}" for d in day]})
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.fit(events).events
        31
        """
        if events is None:
            events = stream_from_ledger(read_ledger(self._store.read).in_time(), self.parameters.impulse)
        return fit_events(
            events, current=self.parameters, until=until, tau_slow=tau_slow, seed=seed, progress=progress
        )

    def retune(self, parameters: Parameters) -> RetuneReport:
        """Give the store other parameters, exactly as if it had had them from the start.

        Parameters
        ----------
        parameters : Parameters
            Such as `fit` returns.

        Returns
        -------
        RetuneReport
            What was done.

        Raises
        ------
        InputError
            If the store holds associations whose events are in no document; nothing is changed.
        StoreError
            If the store is open read-only, or twice in this process.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu.config import Parameters
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.retune(Parameters(tau_fast=1.0))
        ...     round(memory.associations("Ada Lovelace", now="2026-03-02")[0].strength, 3)
        0.204
        """
        return retune(self._store, parameters)

    def _resolve(self, entity: str) -> tuple[int, str]:
        """Id and name of an entity, by its whole name or alias."""
        key = canonical(entity)
        found = reading.entity_named(self._store, key, entity.strip()) if key else None
        if found is not None:
            return found
        edits = max(1, len(key) // 4)
        near = reading.entities_like(self._store, key, edits, 3)["name"].to_pylist() if key else []
        hint = (
            f"; did you mean {', '.join(near)}?" if near else "; `memini recall` finds passages by any words"
        )
        raise UnknownEntityError(f"no entity is named {entity!r}{hint}")

    def backup(self, dest: Path | str) -> Path:
        """Copy the store, as it is at this moment, into a file of its own; others read and write meanwhile.

        Parameters
        ----------
        dest : Path or str
            The new file; it must not exist. It appears when it is whole.

        Returns
        -------
        Path
            The copy, a store like any other: open it, or put it in the place of one that is lost.

        Raises
        ------
        StoreError
            If there is something at `dest`, or it cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     copy = memory.backup(folder / "backup.memini")
        >>> with Memory.open(copy) as memory:
        ...     memory.stats().documents
        1
        """
        target = Path(dest)
        self._store.backup(target)
        return target

    @staticmethod
    def recover(path: Path | str) -> list[str]:
        """Go on with what is left of a store that says, when it is opened, that part of it is lost.

        Parameters
        ----------
        path : Path or str
            The file; nobody may have it open. A copy of its journal is kept beside it.

        Returns
        -------
        list of str
            What was lost; empty where nothing was. After it the store opens again.

        Raises
        ------
        StoreError
            If not even the file can be read, or somebody has it open.

        Examples
        --------
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.memini"
        >>> Memory.open(path).close()
        >>> Memory.recover(path)
        []
        """
        return recover_store(Path(path))

    def doctor(self, *, deep: bool = False) -> Diagnosis:
        """Whether the store is sound, and what to do where it is not.

        Parameters
        ----------
        deep : bool
            Also sum the whole file up, read all texts, and fold the ledger again: that takes as long as
            reading and analysing everything.

        Returns
        -------
        Diagnosis
            What was looked at, and found.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.doctor().sound
        True
        """
        with self._store.snapshot():
            return doctor.examine(self._store, deep=deep)

    def stats(self, *, now: TimeLike | None = None) -> Stats:
        """What the store holds.

        Parameters
        ----------
        now : datetime, date or str, optional
            As of when associations count as faint; the present by default.

        Returns
        -------
        Stats
            Counts, dates, parameters.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     round(memory.stats().time_constants.slow)
        252
        """
        store = self._store
        with store.snapshot():
            counts = {name: store.count(name) for name in COUNTED}
            report = consolidation.consolidate(store, now=self._now(now), dry_run=True)
            first, last = store.first_seen(), store.last_seen()
        return Stats(
            path=str(store.path),
            bytes=store.path.stat().st_size,
            **counts,
            first_seen=None if first is None else from_millis(first),
            last_seen=None if last is None else from_millis(last),
            faint=report.forgotten,
            extractor=store.meta.get(EXTRACTOR),
            parameters=store.parameters,
            time_constants=time_constants(store.parameters),
        )

    def cypher(
        self, query: str, parameters: Mapping[str, Any] | None = None, *, write: bool = False
    ) -> pa.Table:
        """Run Cypher on the store, with `memini_key` and `memini_id` beside the macros that are in the file.

        Parameters
        ----------
        query : str
            Any Cypher; one statement unless `write`.
        parameters : mapping, optional
            Values of its ``$names``.
        write : bool
            Let it change the store; otherwise a query that would is refused.

        Returns
        -------
        pyarrow.Table
            The result.

        Raises
        ------
        QueryError
            If Kùzu refuses it.

        Examples
        --------
        >>> import tempfile
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.cypher("RETURN memini_key($name) AS key", {"name": "The Café"}).to_pylist()
        [{'key': 'cafe'}]
        """
        return self._store.query(query, parameters, write=write)

    def _now(self, now: TimeLike | None) -> int:
        return self._clock() if now is None else to_millis(now)


def fit_events(
    events: Path | str | pa.Table | Stream,
    *,
    current: Parameters | None = None,
    until: TimeLike | None = None,
    tau_slow: float | None = None,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> FitReport:
    """Let a stream of events say how fast to forget, without a store.

    Parameters
    ----------
    events : Path, str, pyarrow.Table or Stream
        As for `Memory.fit`.
    current : Parameters, optional
        What the fitted parameters are compared with; the defaults where none are given.
    until, tau_slow, seed, progress
        As for `Memory.fit`.

    Returns
    -------
    FitReport
        Parameters, time constants, scores on the later span, and what the stream does not identify.

    Raises
    ------
    InputError
        As for `Memory.fit`.
    """
    try:
        from memini_kuzu.insight import fitting  # noqa: PLC0415 - SciPy is in an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        raise InputError(
            'fitting needs SciPy, which is not installed; pip install "memini-kuzu[fit]"'
        ) from error
    if isinstance(events, Stream):
        stream = events
    else:
        stream = read_stream(Path(events)) if isinstance(events, str | Path) else stream_from_arrow(events)
    return fitting.report(
        stream,
        current=current or Parameters(),
        until=None if until is None else to_millis(until) / DAY,
        tau_slow=fitting.SLOW_LEAK if tau_slow is None else tau_slow,
        seed=seed,
        progress=progress,
    )


COUNTED = ("entities", "associations", "passages", "documents", "sources", "mentions", "aliases")
