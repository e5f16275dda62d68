"""What a memory answers; nothing here changes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from memini_kuzu import insight
from memini_kuzu import recall as recalling
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import time_constants
from memini_kuzu.errors import InputError
from memini_kuzu.memory.opening import EXTRACTOR, OpenMemory, check_count, check_order, check_text
from memini_kuzu.results import Association, Order, Stats, associations_from_arrow
from memini_kuzu.store import strongest
from memini_kuzu.store.filters import wanted
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.times import DAY, TimeLike, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from memini_kuzu.insight.doctor import Diagnosis
    from memini_kuzu.insight.fitting import FitReport
    from memini_kuzu.insight.kinds import KindOfEvents
    from memini_kuzu.insight.news import News
    from memini_kuzu.insight.streams import Stream
    from memini_kuzu.recall import Explanation, Recall


__all__ = ["Asking", "fit_events"]

NEWS_DAYS = 30
"""How far back news reach where nothing else is asked for."""

COUNTED = ("entities", "associations", "passages", "documents", "sources", "mentions", "aliases")


class Asking(OpenMemory):
    """The calls that ask."""

    @override
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
        check_text(cue, "cue", "a question, a name or some words")
        check_count(k, "passages to return")
        if budget_tokens is not None:
            check_count(budget_tokens, "tokens the context block may take", "budget_tokens")
        asked = wanted(sources, since, until, where)
        found = recalling.recall(
            self._store, cue, now=self._now(now), k=k, asked=asked, embedder=self._embedder
        )
        return found if budget_tokens is None else found.within(budget_tokens)

    def explain(
        self,
        cue: str,
        passage: str,
        *,
        now: TimeLike | None = None,
        source: str | None = None,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
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
        sources, since, until, where
            As for `recall`.

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
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada met Charles in London.", time="2026-03-01", id="7")
        ...     memory.explain("London", "7", now="2026-03-02").rank
        1
        """
        check_text(cue, "cue", "a question, a name or some words")
        check_text(passage, "passage", "the id of a passage, as recall gives it")
        asked = wanted(sources, since, until, where)
        with self._store.snapshot():
            return recalling.explain(
                self._store,
                cue,
                passage,
                now=self._now(now),
                source=source,
                asked=asked,
                embedder=self._embedder,
            )

    @override
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
        check_count(k, "associations to return")
        check_order(by)
        if about is not None and by != "strength":
            raise InputError(
                f"by = {by!r} is not known of what is about some words; leave out `by` or `about`"
            )
        asked = wanted(sources, since, until, where)
        moment = self._now(now)
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            if about is None:
                table = strongest.strongest_associations(self._store, identity, moment, k, by, asked=asked)
            else:
                table = insight.about.selected_associations(
                    self._store, identity, about, now=moment, top=k, asked=asked
                )
        return associations_from_arrow(table, name)

    def kinds(self, entity: str, *, now: TimeLike | None = None, k: int = 10) -> list[KindOfEvents]:
        """What kinds of events an entity's associations are made of, the strongest first.

        Kinds come with event streams (`EventColumns`); what is not kept of them has none here.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        now : datetime, date or str, optional
            As of when; the present by default.
        k : int
            How many at most, at least 1; each kind of each association is one.

        Returns
        -------
        list of KindOfEvents
            Counts, strengths and dates by kind, of the associations that lead from the entity.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> import pyarrow as pa
        >>> rows = {"source": ["Ada"], "target": ["Oslo"], "time": ["2026-03-01"], "kind": ["visits"]}
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.load_events(pa.table(rows))
        ...     [found] = memory.kinds("Ada", now="2026-03-01")
        ...     found.target, found.kind, found.events, found.strength
        ('Oslo', 'visits', 1, 1.0)
        """
        check_count(k, "kinds to return")
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            return insight.kinds.kinds(self._store, identity, name, now=self._now(now), k=k)

    def changes(self, *, since: TimeLike | None = None, now: TimeLike | None = None, k: int = 10) -> News:
        """The memory's own news: what became of its associations between two moments. Changes nothing.

        Parameters
        ----------
        since : datetime, date or str, optional
            The first moment; 30 days before `now` by default.
        now : datetime, date or str, optional
            The second moment; the present by default.
        k : int
            How many of each kind to list.

        Returns
        -------
        News
            What is new, confirmed, displaced by a rival and faded, by strengths computed from the ledgers;
            what maintenance dropped counts as its documents tell.

        Raises
        ------
        InputError
            If `since` is later than `now`, or `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-01-01")
        ...     _ = memory.remember("Ada Lovelace met Mary Somerville.", time="2026-03-01")
        ...     [found] = memory.changes(since="2026-02-01", now="2026-03-01").displaced[:1]
        ...     found.entity, found.former, found.rival
        ('Ada Lovelace', 'Charles Babbage', 'Mary Somerville')
        """
        moment = self._now(now)
        start = moment - NEWS_DAYS * DAY if since is None else to_millis(since)
        if start > moment:
            raise InputError(
                f"since = {from_millis(start):%Y-%m-%d %H:%M} is later than now = "
                f"{from_millis(moment):%Y-%m-%d %H:%M}; pass an earlier `since`, or a later `now`"
            )
        check_count(k, "of each kind to list")
        with self._store.snapshot():
            return insight.news.news(self._store, since=start, now=moment, k=k)

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
        >>> from memini_kuzu import Memory
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
            events = insight.streams.stream_from_ledger(
                read_ledger(self._store.read).in_time(), self.parameters.impulse
            )
        return fit_events(
            events, current=self.parameters, until=until, tau_slow=tau_slow, seed=seed, progress=progress
        )

    @override
    def stats(self) -> Stats:
        store = self._store
        with store.snapshot():
            counts = {name: store.count(name) for name in COUNTED}
            first, last = store.first_seen(), store.last_seen()
        return Stats(
            path=str(store.path),
            bytes=store.path.stat().st_size,
            **counts,
            first_seen=None if first is None else from_millis(first),
            last_seen=None if last is None else from_millis(last),
            extractor=store.meta.get(EXTRACTOR),
            parameters=store.parameters,
            time_constants=time_constants(store.parameters),
        )

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
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.doctor().sound
        True
        """
        with self._store.snapshot():
            return insight.doctor.examine(self._store, deep=deep)


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
    if isinstance(events, insight.streams.Stream):
        stream = events
    elif isinstance(events, str | Path):
        stream = insight.streams.read_stream(Path(events))
    else:
        stream = insight.streams.stream_from_arrow(events)
    return fitting.report(
        stream,
        current=current or Parameters(),
        until=None if until is None else to_millis(until) / DAY,
        tau_slow=fitting.SLOW_LEAK if tau_slow is None else tau_slow,
        seed=seed,
        progress=progress,
    )
