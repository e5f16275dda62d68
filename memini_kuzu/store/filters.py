"""Which documents and events somebody asks for: by source, date and metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.records import check_metadata
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from memini_kuzu.times import TimeLike

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["END", "Filter", "wanted"]

BEGIN, END = 0, to_millis("2261-12-31")
"""Where no date is asked for."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents and events are asked for.

    Parameters
    ----------
    sources : tuple of str, or None
        Of these sources; a name that ends in ``*`` stands for all that begin so. None is all.
    since, until : int
        Dated from `since` up to but not including `until`, in milliseconds since 1970.
    where : tuple of pairs of str
        With these names and values in their metadata. What was loaded as events has none.

    Examples
    --------
    >>> Filter(sources=("chat/*", "diary")).takes("chat/1"), Filter(sources=("diary",)).takes("diary/2")
    (True, False)
    """

    sources: tuple[str, ...] | None = None
    since: int = BEGIN
    until: int = END
    where: tuple[tuple[str, str], ...] = ()

    def takes(self, source: str) -> bool:
        """Whether a source is one of those asked for."""
        return self.sources is None or any(
            source.startswith(name[:-1]) if name.endswith("*") else source == name for name in self.sources
        )

    @property
    def dated(self) -> bool:
        """Whether it goes by dates alone."""
        return self.sources is None and not self.where

    def holds(self, time: Ints) -> Flags:
        """Which of these dates lie in it: bool (n,)."""
        inside: Flags = (time >= self.since) & (time < self.until)
        return inside

    @property
    def names(self) -> dict[str, Any]:
        """What a query compares sources with: names, and whether any of the prefixes counts.

        Examples
        --------
        >>> Filter(sources=("a", "b*")).names
        {'names': ['a', 'b'], 'prefixed': True, 'prefixes': ['b']}
        """
        told = ("*",) if self.sources is None else self.sources
        prefixes = [name[:-1] for name in told if name.endswith("*")]
        # Kùzu takes no empty list; a prefix is a name that begins with it, too
        names = [name.removesuffix("*") for name in told]
        return {"names": names, "prefixed": bool(prefixes), "prefixes": prefixes or names}


def wanted(
    sources: Sequence[str] | str | None = None,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    where: Mapping[str, str] | None = None,
) -> Filter | None:
    """The filter that somebody asks for; None where nothing is to be left out.

    Raises
    ------
    InputError
        If a value is none that can be asked for.

    Examples
    --------
    >>> wanted(sources="diary").sources, wanted() is None
    (('diary',), True)
    """
    if sources is None and since is None and until is None and where is None:
        return None
    if where is not None and not check_metadata(where, "where"):
        raise InputError("where = {} asks for nothing; pass names and values, such as {'project': 'orion'}")
    asked = Filter(
        None if sources is None else _names(sources),
        BEGIN if since is None else to_millis(since),
        END if until is None else to_millis(until),
        tuple(sorted((where or {}).items())),
    )
    if asked.since >= asked.until:
        raise InputError(
            f"since = {since}, until = {until}: nothing lies between; pass a `since` before `until`"
        )
    return asked


def _names(sources: object) -> tuple[str, ...]:
    names = [sources] if isinstance(sources, str) else sources
    if (
        not isinstance(names, list | tuple | set | frozenset)
        or not names
        or not all(isinstance(name, str) for name in names)
    ):
        raise InputError(f"sources = {sources!r}; pass names of sources, or prefixes such as 'chat/*'")
    return tuple(sorted(set(names)))
