"""What every memory can do, wherever its file is: the local one, and the client of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import PurePath

    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.notebook import Table
    from memini_kuzu.recall import Recall
    from memini_kuzu.records import Item
    from memini_kuzu.results import Association, Document, Order, Stats, Version
    from memini_kuzu.times import TimeLike

__all__ = ["AssociativeMemory"]


class AssociativeMemory(Protocol):
    """What every memory can do, wherever its file is."""

    def remember(
        self,
        text: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",  # noqa: A002
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        """Take in a text, a chat message, or a list of messages; the next recall sees it.

        Parameters
        ----------
        text : str, mapping, or sequence of mappings
            A text is kept verbatim. A message has ``role`` and ``content`` (a text, or a list of parts, of
            which those of text are taken), and may have ``time``, ``id`` and the speaker's ``name``; each is
            a document of its own. What a system or a tool says is left out, and reported.
        time : datetime, date or str, optional
            When it was said; now by default. A value without an offset is UTC.
        source : str
            What it belongs to: a conversation, a feed.
        title : str
            Its title.
        id : str
            Its own id within the source. The same id with another text is a new version; without an id, a
            text is itself at its date: told again on another day, it is confirmed. Of several messages,
            each one's number is added.
        metadata : mapping of str to str, optional
            What else is known of it, such as ``{"project": "orion"}``; recall can be asked to go by it alone.
            A new version without it keeps what is there.

        Returns
        -------
        IngestReport
            Whether it was new, its id, and how many associations it touched.

        Raises
        ------
        InputError
            If it is no text and no message, or metadata is no mapping of strings.
        RecordError
            If the text is empty or dated in the future.
        TimeError
            If the time cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     talk = [
        ...         {"role": "user", "content": "Where is Ada?"},
        ...         {"role": "assistant", "content": "Oslo."},
        ...     ]
        ...     memory.remember(talk, source="chat/7", time="2026-03-02").added
        2
        """

    def add(self, records: Iterable[Item]) -> IngestReport:
        """Take in records.

        Parameters
        ----------
        records : iterable of Record, RecordError or Notice
            Read as they are needed, and kept batch by batch: a batch as a whole, or nothing of it.

        Returns
        -------
        IngestReport
            What was added, changed and unchanged; the ids of the first thousand.

        Raises
        ------
        RecordError
            At the first bad record.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory, Record
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.add([Record("Ada met Charles.", id="1"), Record("Ada left.", id="2")]).added
        2
        """

    def recall(
        self,
        cue: str,
        *,
        now: TimeLike | None = None,
        k: int = 10,
        budget_tokens: int | None = None,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
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
        sources : str or sequence of str, optional
            Recall from these sources alone, as if the memory held nothing else: words, mentions and
            associations are counted over what they told. A name that ends in ``*`` stands for all sources
            that begin so. Sources that hold nothing bring nothing to mind.
        since, until : datetime, date or str, optional
            From what is dated from `since` up to but not including `until`.
        where : mapping of str to str, optional
            From documents with all these names and values in their metadata.

        Returns
        -------
        Recall
            Passages with scores, entities with activation, and the paths that explain them.

        Raises
        ------
        InputError
            If the cue is empty, `k` below 1, the budget holds not one of the passages, passages have no
            vector of the memory's embedder, or a filter is none that can be asked for.
        TimeError
            If `now` cannot be read, or lies before all that the store holds.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles in London.", time="2026-03-01")
        ...     memory.recall("London", now="2026-03-02").paths[0].through
        ('london',)
        """

    def associations(
        self,
        entity: str,
        *,
        about: str | None = None,
        now: TimeLike | None = None,
        k: int = 10,
        by: Order = "strength",
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
    ) -> builtins.list[Association]:
        """What an entity is associated with, strongest first.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        about : str, optional
            Only as strong as passages make them that hold these words, such as "chief executive": each event
            counts for the share of the words that its passage holds, by idf. Events that were loaded without
            documents have no words and do not count.
        now : datetime, date or str, optional
            As of when; the present by default.
        k : int
            How many at most.
        by : {"strength", "telling"}
            What comes first: the strongest by w_f; or those that tell most, by w_f times the logarithm of the
            lift (of an unknown lift 0), as local mutual information weighs counts (Evert 2005): what is
            mentioned everywhere comes late.
        sources, since, until, where
            As for `recall`: only as strong as what these told makes them.

        Returns
        -------
        list of Association
            Those that lead from the entity.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If no passage holds a word of `about`, `k` is below 1, or a filter is none that can be asked for.
        TimeError
            If it cannot be known how strong one of them is: it has events that were loaded and not kept.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     [found] = memory.associations("Ada Lovelace", now="2026-03-01")
        ...     found.target, found.strength
        ('Charles Babbage', 1.0)
        """

    def forget(
        self,
        *,
        id: str | None = None,  # noqa: A002
        source: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        entity: str | None = None,
        association: tuple[str, str] | None = None,
        dry_run: bool = False,
    ) -> ForgetReport:
        """Take back what documents, an entity or an association have contributed, exactly.

        Without a source's events the store is the one that never saw them: an association is the sum over its
        events, and every document and load keeps its own.

        Parameters
        ----------
        id : str, optional
            Forget this document alone, with all its versions.
        source : str, optional
            Forget the documents of this source, or the events loaded from this file, by the name under which
            it was loaded. Events that were not kept cannot be forgotten.
        since, until : datetime, date or str, optional
            Forget the documents, or the versions of them, and the kept events of loads, dated from `since` up
            to but not including `until`; with `source`, of that source only.
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
            If there is no such source or document, or nothing or several kinds of things are named.
        UnknownEntityError
            If there is no such entity.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01", source="diary")
        ...     memory.forget(source="diary").associations
        2
        """

    def stats(self) -> Stats:
        """What the store holds.

        Returns
        -------
        Stats
            Counts, dates, parameters.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     round(memory.stats().time_constants.slow)
        252
        """

    def backup(self, dest: PurePath | str) -> PurePath:
        """Copy the store, as it is at this moment, into a file of its own; others read and write meanwhile.

        Parameters
        ----------
        dest : PurePath or str
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
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     copy = memory.backup(folder / "backup.memini")
        >>> with Memory.open(copy) as memory:
        ...     memory.stats().documents
        1
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
            As for `get`; or if the version is dated before the newest one, which stays the newest then, or is
            one that another of the same date has replaced.

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
        """Documents, the newest first, page by page.

        Parameters
        ----------
        sources, since, until, where
            As for `recall`; a document counts by the date of its newest version.
        text : str, optional
            Only those whose text or title holds this, in any case.
        ids : sequence of str, optional
            Only these documents, by the ids that `remember`, `recall` and `list` give; one that is not there
            is not listed.
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
            If `k` is below 1, a filter or an id is none that can be asked for, or no document has the id
            `after`.

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
