"""What matters in the whole store now, and what comes next; nothing here changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu import insight
from memini_kuzu.memory.opening import OpenMemory, check_count, check_order
from memini_kuzu.results import Association, Order, associations_from_arrow
from memini_kuzu.store.survey import strongest_of_all

if TYPE_CHECKING:
    from memini_kuzu.insight.choice import Forecast
    from memini_kuzu.times import TimeLike

__all__ = ["Surveying"]


class Surveying(OpenMemory):
    """The calls that look over all associations, and ahead."""

    def top(self, k: int = 10, *, by: Order = "strength", now: TimeLike | None = None) -> list[Association]:
        """The first associations of the whole store.

        Parameters
        ----------
        k : int
            How many at most.
        by : {"strength", "telling"}
            What comes first: the strongest, by w_f, or those that tell most, by w_f · ln(lift). What is known
            from events alone has no lift, and w_f stands for it.
        now : datetime, date or str, optional
            As of when; the present by default. A time in the past gives those of then.

        Returns
        -------
        list of Association
            In that order. Each direction of a pair is an association of its own.

        Raises
        ------
        InputError
            If `k` is below 1, or `by` is something else.
        TimeError
            If `now` cannot be read, or it cannot be known how strong they were then.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     [found] = memory.top(1, now="2026-03-02")
        ...     found.source, found.target, round(found.strength, 3)
        ('Ada Lovelace', 'Charles Babbage', 0.452)
        """
        check_count(k, "to return")
        check_order(by)
        moment = self._now(now)
        with self._store.snapshot():
            return associations_from_arrow(strongest_of_all(self._store, moment, k, by))

    def forecast(self, entity: str, *, now: TimeLike | None = None, k: int = 10) -> Forecast:
        """What an entity is probably associated with next, among what it has met.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        now : datetime, date or str, optional
            As of when; the present by default. Later evidence does not count.
        k : int
            How many at most.

        Returns
        -------
        Forecast
            The share of each target in the strength of all (Luce's choice rule), with its evidence.

        Raises
        ------
        UnknownEntityError
            If there is none of that name; the message names similar ones.
        InputError
            If `k` is below 1.
        TimeError
            If `now` cannot be read, or it cannot be known how strong the associations were then.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01", id="1")
        ...     _ = memory.remember("Ada Lovelace met Mary Somerville.", time="2026-03-02", id="2")
        ...     for one in memory.forecast("Ada Lovelace", now="2026-03-02").expected:
        ...         print(f"{one.target} {one.share:.0%}")
        Mary Somerville 69%
        Charles Babbage 31%
        """
        check_count(k, "to return")
        moment = self._now(now)
        with self._store.snapshot():
            identity, name = self._resolve(entity)
            return insight.choice.forecast(self._store, identity, name, now=moment, k=k)
