"""What a memory answers with, and what every memory can do: the local one, and the client of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from memini_kuzu.notebook import Shown, Table
from memini_kuzu.tables import column
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePath

    import pyarrow as pa

    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.config import Parameters
    from memini_kuzu.dynamics import TimeConstants
    from memini_kuzu.recall import Recall
    from memini_kuzu.times import TimeLike


__all__ = [
    "Association",
    "AssociativeMemory",
    "Document",
    "Order",
    "Stats",
    "Version",
    "associations_from_arrow",
]

Order = Literal["strength", "telling"]
"""What associations are ordered by."""


@dataclass(frozen=True, slots=True)
class Association(Shown):
    """An association of an entity, as strong as it is at one moment.

    Parameters
    ----------
    source, target : str
        Names of the entities; it leads from the one to the other.
    strength : float
        w_f, the fast variable; 1 is one statement just made.
    consolidated : float
        w_s, the slow variable.
    lift : float or None
        How much more often than chance the two meet: the association's events to the number of passages
        that would mention both if neither told anything of the other, which is the product of their numbers
        of passages, divided by the number of all. None where one of them is in no passage.
    events : int
        How many events it has had.
    first_seen, last_seen : datetime
        When the first and the last of them was (UTC).
    """

    source: str
    target: str
    strength: float
    consolidated: float
    lift: float | None
    events: int
    first_seen: datetime
    last_seen: datetime


def associations_from_arrow(table: pa.Table, source: str | None = None) -> list[Association]:
    """Associations of a table, in its order; a notebook shows them as one.

    Parameters
    ----------
    table : pyarrow.Table
        target, strength, consolidated, events, first_seen, last_seen; lift where it is known; and source,
        unless all have one.
    source : str, optional
        Where all of them lead from.
    """
    if not table.num_rows:
        return Table()
    first, last = (column(table, name) for name in ("first_seen", "last_seen"))
    return Table(
        Association(
            source=row["source"] if source is None else source,
            target=row["target"],
            strength=row["strength"],
            consolidated=row["consolidated"],
            lift=row.get("lift"),
            events=row["events"],
            first_seen=from_millis(int(first[number])),
            last_seen=from_millis(int(last[number])),
        )
        for number, row in enumerate(table.to_pylist())
    )


@dataclass(frozen=True, slots=True)
class Stats(Shown):
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
    extractor: str | None
    parameters: Parameters
    time_constants: TimeConstants


@dataclass(frozen=True, slots=True)
class Document(Shown):
    """A document in its newest version.

    Parameters
    ----------
    id : str
        What it is known by in the whole memory.
    source, record : str
        What it belongs to, and its own id in that.
    title : str
        Its title, or the empty string.
    time : datetime
        The date of the version (UTC).
    text : str
        Its passages, verbatim. A text of several has a blank line between two of them.
    metadata : dict of str to str
        What else is known of it.
    versions : int
        How many versions there have been.
    """

    id: str
    source: str
    record: str
    title: str
    time: datetime
    text: str
    metadata: dict[str, str]
    versions: int


@dataclass(frozen=True, slots=True)
class Version(Shown):
    """A version of a document.

    Parameters
    ----------
    time : datetime
        Its date (UTC).
    digest : str
        What its title and text are known by.
    current : bool
        Whether it is the one whose text the memory holds; those of others are not kept.
    """

    time: datetime
    digest: str
    current: bool


class AssociativeMemory(Protocol):
    """What every memory can do, wherever its file is."""

    def remember(
        self,
        text: str,
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",  # noqa: A002
        metadata: Mapping[str, str] | None = None,
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
        metadata : mapping of str to str, optional
            What else is known of it, such as ``{"project": "orion"}``; recall can be asked to go by it alone.
            A new version without it keeps what is there.

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
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.remember("Ada met Charles.", time="2026-03-01").added
        1
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
    ) -> list[Association]:
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
