"""The door between Arrow and numpy: one pair of functions for what crosses it.

An Arrow table that comes in is checked for its columns, types and nulls, and copied, since Arrow buffers
are read-only. Times are ``timestamp[us]`` in Arrow, as Kùzu has them, and int64 milliseconds in numpy.

===============  ==================  =====================================
column           Arrow               numpy
===============  ==================  =====================================
source, target   int64               int64
fast, slow       double              float64
as_of            timestamp[us]       int64 milliseconds (finer is cut off)
events           int64               int64
first_seen       timestamp[us]       int64 milliseconds (finer is cut off)
last_seen        timestamp[us]       int64 milliseconds (finer is cut off)
===============  ==================  =====================================
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "EDGE_SCHEMA",
    "EDGE_TIMES",
    "SURELY",
    "Edges",
    "checked_edges",
    "column",
    "distinct",
    "edges_from_arrow",
    "edges_to_arrow",
    "kth_greatest",
    "millis",
    "positions",
    "timestamps",
]

SURELY = 1 - 1e-9
"""Sums of the same numbers in another order may differ by a rounding: what is below this part of a bound is
surely below the bound."""

TIMESTAMP = pa.timestamp("us")

EDGE_SCHEMA = pa.schema(
    [
        pa.field("source", pa.int64(), nullable=False),
        pa.field("target", pa.int64(), nullable=False),
        pa.field("fast", pa.float64(), nullable=False),
        pa.field("slow", pa.float64(), nullable=False),
        pa.field("as_of", TIMESTAMP, nullable=False),
        pa.field("events", pa.int64(), nullable=False),
        pa.field("first_seen", TIMESTAMP, nullable=False),
        pa.field("last_seen", TIMESTAMP, nullable=False),
    ]
)
"""The columns of ASSOCIATES, in the order in which COPY wants them."""

EDGE_TIMES = tuple(field.name for field in EDGE_SCHEMA if field.type == TIMESTAMP)
"""Its columns that are times."""


@dataclass(frozen=True, slots=True)
class Edges:
    """Associations as columns, one row a directed pair.

    Parameters
    ----------
    source, target : int64 (n_edges,)
        Entity ids.
    fast, slow : float64 (n_edges,)
        The two variables as they stood at `as_of`.
    as_of : int64 (n_edges,)
        Milliseconds since 1970.
    events : int64 (n_edges,)
        How many events were added.
    first_seen, last_seen : int64 (n_edges,)
        When the first and the last of them was, milliseconds since 1970.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    fast: NDArray[np.float64]
    slow: NDArray[np.float64]
    as_of: NDArray[np.int64]
    events: NDArray[np.int64]
    first_seen: NDArray[np.int64]
    last_seen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Edges:
        """The edges at these positions, or under this mask.

        Parameters
        ----------
        rows : int64 (k,) or bool (n_edges,)
            Positions or a mask.

        Examples
        --------
        >>> len(Edges.empty().take(np.array([], dtype=np.int64)))
        0
        """
        return Edges(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def empty(cls) -> Edges:
        """No edges, with every column in its type.

        Examples
        --------
        >>> len(Edges.empty())
        0
        """
        return edges_from_arrow(EDGE_SCHEMA.empty_table())


def timestamps(millis: NDArray[np.int64] | Sequence[int]) -> pa.Array:
    """Milliseconds as an Arrow column of ``timestamp[us]``.

    Examples
    --------
    >>> timestamps([86_400_000])[0].as_py().isoformat()
    '1970-01-02T00:00:00'
    """
    return pa.array(np.asarray(millis, dtype=np.int64) * 1000, type=pa.int64()).cast(TIMESTAMP)


def millis(values: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Milliseconds since 1970 of an Arrow column of times without nulls; finer digits are cut off.

    Examples
    --------
    >>> millis(timestamps([86_400_000]))
    array([86400000])
    """
    return np.asarray(values.cast(TIMESTAMP).cast(pa.int64()).to_numpy() // 1000)


def column(table: pa.Table, name: str) -> NDArray[Any]:
    """One column of an Arrow table as a numpy array of its own; timestamps as int64 milliseconds.

    Parameters
    ----------
    table : pyarrow.Table
        Where to look.
    name : str
        Which column.

    Returns
    -------
    ndarray (n_rows,)
        A writable copy.

    Raises
    ------
    InputError
        If the column is missing or holds nulls.

    Examples
    --------
    >>> column(pa.table({"a": [1, 2]}), "a")
    array([1, 2])
    """
    values = _without_nulls(table, name)
    if pa.types.is_timestamp(values.type):
        return millis(values)
    # copy: Arrow buffers are read-only
    return np.array(values.to_numpy())


def _without_nulls(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise InputError(f"column {name!r} is missing; there are {', '.join(table.column_names)}")
    values = table.column(name)
    if values.null_count:
        raise InputError(f"column {name!r} holds {values.null_count} nulls; drop these rows or fill them")
    return values


def checked_edges(table: pa.Table) -> pa.Table:
    """An Arrow table of edges in the columns and types of `EDGE_SCHEMA`; what has them is not copied.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of `EDGE_SCHEMA`; numeric types that fit are cast, lossy ones refused.

    Raises
    ------
    InputError
        If a column is missing, holds nulls or does not fit its type.

    Examples
    --------
    >>> checked_edges(EDGE_SCHEMA.empty_table()).num_rows
    0
    """
    columns = []
    for field in EDGE_SCHEMA:
        values = _without_nulls(table, field.name)
        try:
            columns.append(values.cast(field.type))
        except pa.ArrowInvalid as error:
            raise InputError(f"column {field.name!r} does not fit {field.type}: {error}") from error
    return pa.table(columns, schema=EDGE_SCHEMA)


def edges_from_arrow(table: pa.Table) -> Edges:
    """Check an Arrow table of edges and hand its columns on.

    Parameters
    ----------
    table : pyarrow.Table
        As for `checked_edges`.

    Returns
    -------
    Edges
        Columns of their own, writable.

    Raises
    ------
    InputError
        If a column is missing, holds nulls or does not fit its type.

    Examples
    --------
    >>> edges_from_arrow(EDGE_SCHEMA.empty_table()).fast.dtype
    dtype('float64')
    """
    checked = checked_edges(table)
    return Edges(*(column(checked, name) for name in EDGE_SCHEMA.names))


def edges_to_arrow(edges: Edges) -> pa.Table:
    """The same edges as an Arrow table of `EDGE_SCHEMA`.

    Examples
    --------
    >>> edges_to_arrow(Edges.empty()).num_rows
    0
    """
    return pa.table(
        [
            edges.source,
            edges.target,
            edges.fast,
            edges.slow,
            timestamps(edges.as_of),
            edges.events,
            timestamps(edges.first_seen),
            timestamps(edges.last_seen),
        ],
        schema=EDGE_SCHEMA,
    )


def distinct(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values of these columns together, each once, in ascending order.

    Examples
    --------
    >>> distinct(np.array([3, 1]), np.array([1, 2]))
    array([1, 2, 3])
    """
    # hashed first: sorting only what is distinct is ten times faster than np.unique
    return np.sort(pc.unique(pa.chunked_array([pa.array(values) for values in columns])).to_numpy())


def kth_greatest(values: NDArray[Any], k: int) -> float:
    """The k-th greatest of some values; 0 where there are fewer.

    Examples
    --------
    >>> kth_greatest(np.array([3.0, 9.0, 5.0]), 2), kth_greatest(np.array([3.0]), 2)
    (5.0, 0.0)
    """
    rank = len(values) - k
    return float(np.partition(values, rank)[rank]) if 0 <= rank < len(values) else 0.0


def positions(values: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each value stands among others.

    Parameters
    ----------
    values : int64 (n,)
        What to look for.
    among : int64 (k,)
        Where to look, each value once.

    Returns
    -------
    int64 (n,)
        Positions in `among`; -1 where the value is not there.

    Examples
    --------
    >>> positions(np.array([7, 5, 9]), np.array([5, 7]))
    array([ 1,  0, -1])
    """
    found = pc.index_in(pa.array(values), value_set=pa.array(among))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)
