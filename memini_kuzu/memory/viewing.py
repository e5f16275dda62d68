"""What a picture of a memory is made of: neighbourhoods, portraits of entities, and its life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu import changes, insight
from memini_kuzu.errors import InputError
from memini_kuzu.identity import document_id
from memini_kuzu.memory.opening import OpenMemory, check_count
from memini_kuzu.notebook import Table
from memini_kuzu.results import Mentioning, Portrait, associations_from_arrow
from memini_kuzu.store.filters import wanted
from memini_kuzu.store.known import read_sources
from memini_kuzu.store.loads import read_loads
from memini_kuzu.times import from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.changes.reports import KeptReport
    from memini_kuzu.insight.neighbourhood import Neighbourhood
    from memini_kuzu.insight.portrait import Timeline
    from memini_kuzu.memory.widget import GraphWidget
    from memini_kuzu.times import TimeLike

__all__ = ["Viewing"]

BINS = 200
"""Intervals of a timeline."""


class Viewing(OpenMemory):
    """The calls that pictures are made of; nothing here changes a memory."""

    @property
    def read_only(self) -> bool:
        """Whether it is open without the right to write."""
        return self._store.read_only

    def neighbourhood(
        self,
        entity: str | None = None,
        *,
        now: TimeLike | None = None,
        k: int = 100,
        sources: Sequence[str] | str | None = None,
    ) -> Neighbourhood:
        """The associations around an entity, with the events that made them.

        Parameters
        ----------
        entity : str, optional
            The one in the middle: a name or an alias. By default the strongest associations of the store.
        now : datetime, date or str, optional
            As of when; the present by default.
        k : int
            How many associations at most: the strongest from and to the entity, then those between its
            neighbours.
        sources : str or sequence of str, optional
            As for `recall`.

        Returns
        -------
        Neighbourhood
            Entities, and the associations between them.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     found = memory.neighbourhood("Ada Lovelace", now="2026-03-02")
        ...     [each.name for each in found.entities], len(found.associations)
        (['Ada Lovelace', 'Charles Babbage'], 2)
        """
        check_count(k, "associations to return")
        asked = wanted(sources)
        with self._store.snapshot():
            identity = None if entity is None else self._resolve(entity)[0]
            return insight.neighbourhood.neighbourhood(
                self._store, identity, now=self._now(now), k=k, asked=asked
            )

    def graph(self, entity: str | None = None, *, now: TimeLike | None = None, k: int = 100) -> GraphWidget:
        """A neighbourhood as a widget for a notebook, which moves through time (extra ``notebook``).

        Parameters
        ----------
        entity, now, k
            As for `neighbourhood`.

        Returns
        -------
        GraphWidget
            A cell shows it. A click chooses an entity, a double click expands it while the memory is open,
            the slider moves all strengths from the first event to `now`.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If `k` is below 1, or the extra is not installed.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     memory.graph("Ada Lovelace").entity
        'Ada Lovelace'
        """
        try:
            from memini_kuzu.memory.widget import GraphWidget  # noqa: PLC0415 - the extra notebook
        except ModuleNotFoundError as error:
            raise InputError(
                f'{error.name} is not installed; run pip install "memini-kuzu[notebook]"'
            ) from error

        def read(name: str | None) -> Neighbourhood:
            return self.neighbourhood(name, now=now, k=k)

        return GraphWidget(None if entity is None else read(entity).entities[0].name, read, self.parameters)

    def entity(self, entity: str, *, now: TimeLike | None = None, k: int = 20) -> Portrait:
        """One entity: what it leads to and what leads to it, its names, and the passages that mention it.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        now : datetime, date or str, optional
            As of when; the present by default.
        k : int
            How many associations in each direction, and passages, at most.

        Returns
        -------
        Portrait
            As it was then.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01", source="diary")
        ...     found = memory.entity("Ada Lovelace", now="2026-03-02")
        ...     [each.source for each in found.led_from], found.sources
        (['Charles Babbage'], {'diary': 1})
        """
        check_count(k, "associations and passages to return")
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            seen = insight.portrait.portrait(self._store, identity, now=self._now(now), k=k)
        return Portrait(
            name=name,
            label=seen.label,
            aliases=seen.aliases,
            leads_to=associations_from_arrow(seen.leads_to),
            led_from=associations_from_arrow(seen.led_from),
            passages=[
                Mentioning(
                    id=row["record"],
                    source=row["source"],
                    title=row["title"],
                    time=from_millis(to_millis(row["time"])),
                    text=row["text"],
                    document=document_id(row["document"]),
                )
                for row in seen.passages.to_pylist()
            ],
            sources=seen.sources,
            unknown=seen.unknown,
        )

    def timeline(self, *, bins: int = BINS) -> Timeline:
        """When things were told: how many passages and loaded events in each of some intervals.

        Parameters
        ----------
        bins : int
            How many intervals of equal length, from the first date to the last.

        Returns
        -------
        Timeline
            The dates, and the counts.

        Raises
        ------
        InputError
            If `bins` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01")
        ...     _ = memory.remember("Ada met Mary.", time="2026-03-05")
        ...     memory.timeline(bins=4).counts
        [1, 0, 0, 1]
        """
        check_count(bins, "intervals", "bins")
        with self._store.snapshot():
            return insight.portrait.timeline(self._store, bins)

    def sources(self) -> dict[str, int]:
        """What was told from: documents of each source, and events of each file that was loaded.

        Returns
        -------
        dict of str to int
            By name, the most first.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles.", time="2026-03-01", source="diary")
        ...     memory.sources()
        {'diary': 1}
        """
        with self._store.snapshot():
            counts = dict(read_sources(self._store.read))
            loads = read_loads(self._store.read)
        for name, events in zip(loads["source"].to_pylist(), loads["events"].to_pylist(), strict=True):
            counts[name] = counts.get(name, 0) + events
        return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))

    def reports(self) -> list[KeptReport]:
        """What the last ingestions of files did: what they took in, and what they left out and why.

        Returns
        -------
        list of KeptReport
            Up to twenty, the newest first. An ingestion that found nothing new keeps none. A report that
            names a source goes when all of that source is forgotten.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "notes").mkdir()
        >>> _ = (folder / "notes" / "diary.md").write_text("Ada met Charles.")
        >>> _ = (folder / "notes" / "photo.xyz").write_bytes(bytes(range(256)))
        >>> with Memory.open(folder / "a.memini") as memory:
        ...     _ = memory.ingest(folder / "notes")
        ...     [report] = memory.reports()
        >>> report.added, [(each.count, each.such_as) for each in report.left_out]
        (1, [(1, ('notes/photo.xyz',))])
        """
        with self._store.snapshot():
            return Table(changes.reports.kept_reports(self._store))
