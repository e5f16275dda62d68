"""What to forget, and what was forgotten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


__all__ = [
    "ForgetReport",
    "Scope",
]


@dataclass(frozen=True, slots=True)
class Scope:
    """What to forget: documents and loads by source and date, or one entity, or one pair.

    Parameters
    ----------
    source : str or None
        Documents of this source, and the load of this name.
    since, until : int or None
        Documents, or versions of them, and events of loads dated from `since` up to but not including
        `until` (milliseconds since 1970).
    entity : int or None
        The entity of this id.
    pair : tuple of two int, or None
        The associations between these two entities, in both directions.
    documents : tuple of int, or None
        The documents of these ids.

    Raises
    ------
    InputError
        If it names nothing, or more than one kind of thing, or an empty interval.

    Examples
    --------
    >>> Scope(source="diary").source
    'diary'
    """

    source: str | None = None
    since: int | None = None
    until: int | None = None
    entity: int | None = None
    pair: tuple[int, int] | None = None
    documents: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        by_source = not (self.source is None and self.since is None and self.until is None)
        others = (self.entity, self.pair, self.documents)
        if by_source + sum(other is not None for other in others) != 1:
            raise InputError(
                "forget takes one kind of thing at a time: a source or dates, an entity, an association, "
                "or an id"
            )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InputError("the interval is empty: since must lie before until")

    @property
    def of_documents(self) -> bool:
        """Whether it is documents and loads that are forgotten."""
        return self.entity is None and self.pair is None

    def holds(self, time: Ints) -> Flags:
        """Which of these dates lie in the interval.

        Parameters
        ----------
        time : int64 (n,)
            Milliseconds since 1970.

        Examples
        --------
        >>> Scope(since=5).holds(np.array([4, 5])).tolist()
        [False, True]
        """
        inside = np.ones(len(time), dtype=np.bool_)
        if self.since is not None:
            inside &= time >= self.since
        if self.until is not None:
            inside &= time < self.until
        return inside


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was forgotten, or would be.

    Parameters
    ----------
    documents, passages, events : int
        Documents and passages deleted, events taken back.
    associations : int
        Associations deleted: no event was left.
    weakened : int
        Associations that keep other events.
    entities, aliases, sources : int
        Deleted because nothing refers to them any more.
    loads : int
        Loads of which nothing is left, so that the same files can be loaded again.
    dry_run : bool
        Whether nothing was written.
    """

    documents: int
    passages: int
    events: int
    associations: int
    weakened: int
    entities: int
    aliases: int
    sources: int
    loads: int
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)
