"""How associations came to be what they are: the numbers of the pictures; nothing here changes a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from memini_kuzu import insight
from memini_kuzu.errors import InputError
from memini_kuzu.memory.opening import OpenMemory
from memini_kuzu.recall.foremost import foremost, names_none_of
from memini_kuzu.store import view
from memini_kuzu.store.ledger import read_ledger
from memini_kuzu.store.loads import unkept_loads
from memini_kuzu.tables import column
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from memini_kuzu.insight.trajectory import Overview, Rivals, Trajectory
    from memini_kuzu.times import TimeLike

__all__ = ["Tracing"]

POINTS = 400
"""Moments of a trajectory between its first event and its last moment."""

MOMENTS = 100
"""At so many moments a cue is asked."""

SELECTED = 100
"""Associations among which those are looked for that the cue does not name itself."""


class Tracing(OpenMemory):
    """The calls that look back over a time."""

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
            From the first of its events on, whatever maintenance forgot since.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If no event of it until then is kept, or not all of them are.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
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
            events = events.take((events.source == source) & (events.time <= moment))
            if target is not None:
                events = events.take(events.target == target)
            is_whole = self._is_whole(source, target, moment, len(events))
        what = name if other_name is None else f"{name} → {other_name}"
        if len(events) and not is_whole:
            raise InputError(
                f"how {what} came to be cannot be known: not all of its events were kept; ask how strong it "
                "is with memini associations"
            )
        if not len(events):
            raise InputError(
                f"nothing tells of {what} until {from_millis(moment):%Y-%m-%d %H:%M}; the dates of events "
                "that were loaded and not kept are not known"
            )
        time, fast, slow = insight.trajectory.trace(
            events.amount, events.time, moment, self.parameters, points=points
        )
        return insight.trajectory.Trajectory(name, other_name, time, fast, slow, events.time, events.amount)

    def _is_whole(self, source: int, target: int | None, moment: int, told: int) -> bool:
        """Whether what leads from an entity holds so many events until a moment, those that are kept."""
        if not unkept_loads(self._store.read):
            return True
        known, unknown = view.outgoing(self._store, [source], view.View(from_millis(moment)))
        if target is not None:
            known, unknown = (each.filter(pc.equal(each["id"], target)) for each in (known, unknown))
        return not unknown.num_rows and int(column(known, "events").sum()) <= told

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
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     memory.overview(now="2026-03-02").consolidated[0].source
        'Ada Lovelace'
        """
        if not days > 0 or k < 1:
            raise InputError(f"days = {days}, k = {k}; pass a number of days above 0, and k of at least 1")
        moment = self._now(now)
        with self._store.snapshot():
            return insight.trajectory.overview(self._store, now=moment, since=moment - round(days * DAY), k=k)

    def rivals(
        self,
        entity: str,
        cue: str,
        *,
        now: TimeLike | None = None,
        k: int = 3,
        moments: int = MOMENTS,
    ) -> Rivals:
        """What answers a cue over time: the strengths of the answers, and which of them recall put first.

        Parameters
        ----------
        entity : str
            What the cue asks about: a name or an alias.
        cue : str
            The question. The answers are what `associations` gives for `entity` about these words, without
            what the cue names itself.
        now : datetime, date or str, optional
            The last moment; the present by default.
        k : int
            How many answers.
        moments : int
            How often the cue is asked, evenly from the first event on; each time as it was then.

        Returns
        -------
        Rivals
            What `plots.plot_rivals` draws.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If nothing answers the cue, or a number is too small.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("The baker of Ribe is Ada Holm.", time="2025-03-01")
        ...     _ = memory.remember("The baker of Ribe is Bruno Lind.", time="2026-03-01")
        ...     found = memory.rivals("Ribe", "Who is the baker of Ribe?", now="2026-03-02", moments=3)
        ...     [found.answers[number].target for number in found.first]
        ['Ada Holm', 'Ada Holm', 'Bruno Lind']
        """
        if k < 1 or moments < 2:  # noqa: PLR2004 - the first moment and the last
            raise InputError(f"k = {k}, moments = {moments}; pass k of at least 1, moments of at least 2")
        moment = self._now(now)
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            table = insight.about.selected_associations(self._store, identity, cue, now=moment, top=SELECTED)
            table = table.filter(names_none_of(self._store, cue, table["target"]))[:k]
            if not table.num_rows:
                raise InputError(
                    f"no association of {name} answers {cue!r}; `memini associations` lists them"
                )
            answers = tuple(self.trajectory(name, target, now=now) for target in table["target"].to_pylist())
            began = min(int(each.time[0]) for each in answers)
            time = np.unique(np.linspace(began, moment, moments).astype(np.int64))
            first = foremost(self._store, cue, time, table["id"].to_pylist(), embedder=self._embedder)
        return insight.trajectory.Rivals(cue, answers, time, first)
