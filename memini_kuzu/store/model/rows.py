"""Rows as columns of which every version stays readable while the next one is made.

A version is a value: its number, and how many rows there are in it. Later versions share its buffers: they
append behind its last row, and where a row ends they note the number of the version in which it does. So a
reader goes on with the version that it began with. Only the newest version may be built upon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Index", "Ranges", "Rows", "Strings", "filled", "rows_within", "spans"]

ENDLESS = np.iinfo(np.int64).max
"""The version in which a row ends that no change has ended."""

LEVEL = 32
"""A segment of an index is merged with the one before it unless that is so many times as large."""

FEW = 4_096
"""And always with one that has fewer rows than that: to look there as well takes longer in the end."""

ROOM = 1.5
"""A full buffer is replaced by one so many times as large."""

PIECE = 1 << 22
"""Bytes of texts that are gathered at once."""

SPARSE = 1_024
"""So many rows may have ended, and as many as there are others, before the rest is copied together."""


def filled(buffer: NDArray[Any], n: int, values: NDArray[Any]) -> NDArray[Any]:
    """A buffer with values behind its first n: the same one, or a larger copy.

    Parameters
    ----------
    buffer : ndarray (≥ n,)
        No reader looks behind n.
    n : int
        How many of its values are in use.
    values : ndarray (k,)
        What comes behind them.

    Examples
    --------
    >>> filled(np.array([1, 2]), 1, np.array([7, 8]))[:3]
    array([1, 7, 8])
    """
    end = n + len(values)
    if end > len(buffer):
        larger = np.empty(max(int(end * ROOM), 16), dtype=buffer.dtype)
        larger[:n] = buffer[:n]
        buffer = larger
    buffer[n:end] = values
    return buffer


def spans(begin: Ints, number: Ints) -> Ints:
    """begin, begin + 1, … of each span, one span after the other.

    Examples
    --------
    >>> spans(np.array([5, 0]), np.array([2, 1]))
    array([5, 6, 0])
    """
    total = int(number.sum())
    return np.arange(total) + np.repeat(begin - np.cumsum(number) + number, number)


class Strings(NamedTuple):
    """A column of texts: their bytes one after the other, and where each begins.

    Parameters
    ----------
    blob : uint8 (≥ n_bytes,)
        UTF-8.
    start : int64 (≥ n + 1,)
        Where each text begins; the last one ends where the next would begin.
    """

    blob: NDArray[np.uint8]
    start: Ints

    @classmethod
    def none(cls) -> Strings:
        """No texts."""
        return cls(np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))

    def filled(self, n: int, values: pa.Array) -> Strings:
        """With texts behind its first n; as `filled`."""
        texts = values.cast(pa.large_string())
        bounds = np.frombuffer(texts.buffers()[1], dtype=np.int64)[
            texts.offset : texts.offset + len(texts) + 1
        ]
        data = texts.buffers()[2]
        raw = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
        begin = int(self.start[n])
        blob = filled(self.blob, begin, raw[bounds[0] : bounds[-1]])
        return Strings(blob, filled(self.start, n + 1, bounds[1:] - bounds[0] + begin))

    def take(self, rows: Ints) -> list[str]:
        """The texts of these rows.

        Examples
        --------
        >>> Strings.none().filled(0, pa.array(["ä", "", "tea"])).take(np.array([2, 0]))
        ['tea', 'ä']
        """
        bounds = zip(self.start[rows].tolist(), self.start[rows + 1].tolist(), strict=True)
        return [self.blob[begin:end].tobytes().decode() for begin, end in bounds]

    def gather(self, rows: NDArray[Any]) -> pa.Array:
        """The texts of these rows as an Arrow column, byte for byte.

        Examples
        --------
        >>> Strings.none().filled(0, pa.array(["ä", "", "tea"])).gather(np.array([2, 0])).to_pylist()
        ['tea', 'ä']
        """
        begin, size = self.start[rows], self.start[rows + 1] - self.start[rows]
        bounds = np.append(0, np.cumsum(size))
        # in pieces: where each byte comes from takes eight
        cuts = np.searchsorted(bounds[1:], np.arange(PIECE, max(int(bounds[-1]), 1), PIECE))
        pieces = zip(np.split(begin, cuts), np.split(size, cuts), strict=True)
        raw = np.concatenate([self.blob[spans(*piece)] for piece in pieces])
        return pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(bounds), pa.py_buffer(raw))


Column: TypeAlias = "NDArray[Any] | Strings"
"""The values of all rows, and room behind them."""


Ranges: TypeAlias = "list[tuple[NDArray[np.int32], Ints, Ints]]"
"""Of each segment of an index its rows, and where those of each range of keys begin and end in them."""


class Segment(NamedTuple):
    """Rows in the order of their keys; `unique` where no two have the same."""

    keys: NDArray[Any]
    rows: NDArray[np.int32]
    unique: bool


@dataclass(frozen=True, slots=True)
class Index:
    """Where the rows of a key stand.

    Parameters
    ----------
    segments : tuple of Segment
        Each holds the rows of some changes; the later, the smaller, so that there are few of them.
    """

    segments: tuple[Segment, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(segment.keys.nbytes + segment.rows.nbytes for segment in self.segments)

    def added(self, keys: NDArray[Any], first: int) -> Index:
        """With the keys of so many rows from `first` on.

        Examples
        --------
        >>> index = Index().added(np.array([7, 5]), 0).added(np.array([5]), 2)
        >>> index.find(np.array([5, 6]))
        (array([0, 0]), array([1, 2], dtype=int32))
        """
        if not len(keys):
            return self
        rows = np.arange(first, first + len(keys), dtype=np.int32)
        order = np.argsort(keys, kind="stable")
        keys, rows, segments = keys[order], rows[order], self.segments
        while segments and len(segments[-1].keys) < max(LEVEL * len(keys), FEW):
            keys = np.concatenate([segments[-1].keys, keys])
            rows = np.concatenate([segments[-1].rows, rows])
            # stable: two runs that are in order are merged, not sorted anew
            order = np.argsort(keys, kind="stable")
            keys, rows, segments = keys[order], rows[order], segments[:-1]
        return Index((*segments, Segment(keys, rows, bool((keys[1:] != keys[:-1]).all()))))

    def within(self, first: NDArray[Any], end: NDArray[Any]) -> Ranges:
        """Where the rows of ranges of keys stand, also such as have ended.

        Parameters
        ----------
        first, end : ndarray (n,)
            The least key of each range, and the least one that is above it.

        Returns
        -------
        Ranges
            In the order of the segments.

        Examples
        --------
        >>> index = Index().added(np.array([7, 5, 6]), 0)
        >>> index.within(np.array([5]), np.array([7]))
        [(array([1, 2, 0], dtype=int32), array([0]), array([2]))]
        """
        return [
            (segment.rows, segment.keys.searchsorted(first), segment.keys.searchsorted(end))
            for segment in self.segments
        ]

    def find(self, keys: NDArray[Any]) -> tuple[Ints, NDArray[np.int32]]:
        """Which of these keys has which rows, also such as have ended."""
        which, rows = [NO_ROWS], [NO_ROWS.astype(np.int32)]
        for segment in self.segments:
            begin = segment.keys.searchsorted(keys)
            near = np.minimum(begin, len(segment.keys) - 1)
            found = (segment.keys[near] == keys).nonzero()[0]
            if not len(found):
                continue
            begin = begin[found]
            if not segment.unique:
                count = segment.keys.searchsorted(keys[found], side="right") - begin
                # begin, begin + 1, … of every key, one after the other
                begin = np.arange(int(count.sum())) + np.repeat(begin - np.cumsum(count) + count, count)
                found = np.repeat(found, count)
            which.append(found)
            rows.append(segment.rows[begin])
        return np.concatenate(which), np.concatenate(rows)


NO_ROWS = np.zeros(0, dtype=np.int64)


def rows_within(ranges: Ranges, some: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Which of some of the ranges has which rows, also such as have ended.

    Examples
    --------
    >>> index = Index().added(np.array([7, 5, 6]), 0)
    >>> rows_within(index.within(np.array([0, 5]), np.array([5, 7])), np.array([1]))
    (array([1, 1]), array([1, 2], dtype=int32))
    """
    owner, rows = [NO_ROWS], [NO_ROWS.astype(np.int32)]
    for stored, begin, end in ranges:
        number = (end - begin)[some]
        owner.append(np.repeat(some, number))
        rows.append(stored[spans(begin[some], number)])
    return np.concatenate(owner), np.concatenate(rows)


@dataclass(frozen=True, slots=True)
class Rows:
    """One version of the rows of a table.

    Parameters
    ----------
    version : int
        Its number.
    n : int
        How many rows were ever added.
    ended : int
        How many of them have ended.
    died : int64 (≥ n,)
        The version in which each ended.
    columns : mapping of str to ndarray (≥ n,) or Strings
        Their values.
    indexes : mapping of str to Index
        Of the columns that rows are looked up by.
    """

    version: int
    n: int
    ended: int
    died: Ints
    columns: Mapping[str, Column]
    indexes: Mapping[str, Index]

    @classmethod
    def none(cls, columns: Mapping[str, Any], keys: tuple[str, ...]) -> Rows:
        """A table without rows.

        Parameters
        ----------
        columns : mapping of str to dtype
            Its columns; `str` for texts.
        keys : tuple of str
            Those that rows are looked up by.
        """
        made: dict[str, Column] = {
            name: Strings.none() if kind is str else np.zeros(0, dtype=kind) for name, kind in columns.items()
        }
        return cls(0, 0, 0, np.zeros(0, dtype=np.int64), made, {name: Index() for name in keys})

    def column(self, name: str) -> NDArray[Any]:
        """The values of all rows, also such as have ended, of a column of numbers."""
        values: NDArray[Any] = self.columns[name][: self.n]  # type: ignore[assignment]
        return values

    def take(self, name: str, rows: NDArray[Any]) -> NDArray[Any]:
        """The values of these rows, of a column of numbers."""
        values: NDArray[Any] = self.columns[name][rows]
        return values

    def texts(self, name: str, rows: NDArray[Any]) -> list[str]:
        """The values of these rows, of a column of texts."""
        values = self.columns[name]
        assert isinstance(values, Strings)  # noqa: S101  the caller knows the columns
        return values.take(rows)

    def there(self, rows: NDArray[Any]) -> Flags:
        """Which of these rows have not ended."""
        if not self.ended:
            return np.ones(len(rows), dtype=np.bool_)
        flags: Flags = self.died[rows] > self.version
        return flags

    def all(self) -> Ints:
        """The rows that have not ended."""
        return np.flatnonzero(self.died[: self.n] > self.version)

    def find(self, name: str, keys: NDArray[Any]) -> tuple[Ints, NDArray[np.int32]]:
        """Which of these keys has which rows that have not ended."""
        which, rows = self.indexes[name].find(keys)
        there = self.there(rows)
        return (which, rows) if there.all() else (which[there], rows[there])

    def row_of(self, name: str, keys: NDArray[Any]) -> Ints:
        """The row of each of these keys, of which no two rows have the same; -1 where there is none."""
        found = np.full(len(keys), -1, dtype=np.int64)
        which, rows = self.find(name, keys)
        found[which] = rows
        return found

    def without(self, version: int, rows: NDArray[Any]) -> Rows:
        """The version of this number, in which these rows have ended."""
        self.died[rows] = version
        return replace(self, version=version, ended=self.ended + len(rows))

    def plus(self, version: int, values: Mapping[str, Any]) -> Rows:
        """The version of this number, with rows more.

        Parameters
        ----------
        version : int
            Its number.
        values : mapping of str to ndarray or pyarrow array (k,)
            Of every column.
        """
        k = len(next(iter(values.values())))
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            added = values[name]
            columns[name] = (
                column.filled(self.n, added) if isinstance(column, Strings) else filled(column, self.n, added)
            )
        indexes = {
            name: index.added(np.asarray(values[name]), self.n) for name, index in self.indexes.items()
        }
        died = filled(self.died, self.n, np.full(k, ENDLESS))
        return Rows(version, self.n + k, self.ended, died, columns, indexes)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes; the room behind the last row takes none before it is written to."""
        columns = sum(
            int(column.start[self.n]) + (self.n + 1) * column.start.itemsize
            if isinstance(column, Strings)
            else self.n * column.itemsize
            for column in self.columns.values()
        )
        indexes = sum(index.nbytes for index in self.indexes.values())
        return self.n * self.died.itemsize + columns + indexes

    @property
    def sparse(self) -> bool:
        """Whether so many rows have ended that the others are better copied together."""
        return self.ended > max(SPARSE, self.n - self.ended)

    def values(self, rows: NDArray[Any]) -> dict[str, Any]:
        """The values of these rows, of every column, as `plus` takes them."""
        return {
            name: pa.array(column.take(rows), pa.large_string())
            if isinstance(column, Strings)
            else column[rows]
            for name, column in self.columns.items()
        }

    def compact(self) -> Rows:
        """The same version in buffers of its own, without the rows that have ended."""
        kinds = {
            name: str if isinstance(column, Strings) else column.dtype
            for name, column in self.columns.items()
        }
        return Rows.none(kinds, tuple(self.indexes)).plus(self.version, self.values(self.all()))
