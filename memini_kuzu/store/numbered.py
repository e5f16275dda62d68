"""The form in which the store keeps events: what several share stands once, and they name it by its number.

A note of a thousand events tells of sixty entities, on one date, with a few amounts. Each of these stands
once in a list. The events are lists of positions in these, which Kùzu stores in as many bits as the largest
position takes: some three bytes an event, where ids, dates and amounts of their own take twenty-eight.
Positions begin at 1, as Cypher counts.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.errors import StoreError
from memini_kuzu.tables import column, timestamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = [
    "AMOUNTS",
    "LISTS",
    "PLAIN",
    "Events",
    "dates",
    "gathered",
    "number",
    "returned",
    "spell",
    "spread",
]

AMOUNTS = "event_amounts"
"""The list of amounts, as bits of doubles: Kùzu loses values of lists of doubles (see `engine.faults`)."""

PLACES = ("source_at", "target_at", "time_at", "amount_at")

LISTS = ("event_entities", "event_times", AMOUNTS, *PLACES)
"""The columns of Document and EventLog that hold events."""

BLOCK = 1 << 14
"""About so many values are numbered at once: hashing more waits for memory, and takes three times as long."""

NONE = np.zeros(0, dtype=np.int64)

PLAIN = ("event_source", "event_target", "event_amount", "event_time")
"""The columns of an export: one element an event, amounts as doubles."""


class Events(NamedTuple):
    """Events of the rows of a table.

    Parameters
    ----------
    row : int64 (n_events,)
        Positions of the rows, in ascending order.
    source, target : int64 (n_events,)
        Entity ids.
    amount : float64 (n_events,)
        What each event added to the fast variable.
    time : int64 (n_events,)
        Milliseconds since 1970.
    """

    row: Ints
    source: Ints
    target: Ints
    amount: NDArray[np.float64]
    time: Ints


def returned(variable: str) -> str:
    """The columns as a query returns them.

    Examples
    --------
    >>> returned("d").split(", ")[0]
    'd.event_entities AS event_entities'
    """
    return ", ".join(f"{variable}.{name} AS {name}" for name in LISTS)


def number(events: Events, rows: int) -> dict[str, pa.ListArray]:
    """Events as the lists of the store, by name.

    Parameters
    ----------
    events : Events
        In the order in which they are to be stored.
    rows : int
        How many rows the table has.

    Examples
    --------
    >>> none, one = np.zeros(2, dtype=np.int64), np.ones(2)
    >>> lists = number(Events(none, np.array([7, 8]), np.array([8, 7]), one, none), 1)
    >>> lists["event_entities"].to_pylist(), lists["source_at"].to_pylist(), lists["time_at"].to_pylist()
    ([[7, 8]], [[1, 2]], [[1, 1]])
    """
    ends = np.stack([events.source, events.target], axis=1).ravel()
    entities, end_at = _numbered(ends, np.repeat(events.row, 2), rows)
    times, time_at = _numbered(events.time, events.row, rows)
    amounts, amount_at = _numbered(events.amount.view(np.int64), events.row, rows)
    bounds = np.searchsorted(events.row, np.arange(rows + 1))
    places = (end_at[::2], end_at[1::2], time_at, amount_at)
    return {
        "event_entities": _lists(*entities),
        "event_times": _lists(*times, dates=True),
        AMOUNTS: _lists(*amounts),
        **{name: _lists(values, bounds) for name, values in zip(PLACES, places, strict=True)},
    }


def spell(table: pa.Table) -> Events:
    """Events from the lists of the store; the other way from `number`.

    Parameters
    ----------
    table : pyarrow.Table
        `LISTS`, and any other columns.

    Raises
    ------
    StoreError
        If an event names what is not in its row.
    """
    places = [table[name].combine_chunks() for name in PLACES]
    lengths = _lengths(places[0])
    row = np.repeat(np.arange(table.num_rows), lengths)
    source, target, time, amount = (
        _named(table, shared, flat, row)
        for shared, flat in zip(
            ("event_entities", "event_entities", "event_times", AMOUNTS), map(_flat, places), strict=True
        )
    )
    return Events(row, source, target, amount.view(np.float64), time)


def dates(table: pa.Table) -> Ints:
    """The dates of all events, in milliseconds since 1970.

    Parameters
    ----------
    table : pyarrow.Table
        event_times and time_at.
    """
    places = table["time_at"].combine_chunks()
    return _named(table, "event_times", _flat(places), np.repeat(np.arange(table.num_rows), _lengths(places)))


def spread(table: pa.Table) -> pa.Table:
    """Documents or parts with their events in `PLAIN` columns, as others read them.

    Parameters
    ----------
    table : pyarrow.Table
        `LISTS`, and any others.

    Examples
    --------
    >>> plain = {"event_source": [[7]], "event_target": [[8]], "event_amount": [[0.5]]}
    >>> time = pa.array([[86_400_000_000]], pa.list_(pa.timestamp("us")))
    >>> told = pa.table({"id": [5], **plain, "event_time": time})
    >>> spread(gathered(told)).equals(told)
    True
    """
    events = spell(table)
    bounds = np.searchsorted(events.row, np.arange(table.num_rows + 1))
    values = (events.source, events.target, events.amount, events.time)
    lists = [
        _lists(each, bounds, dates=name == "event_time") for name, each in zip(PLAIN, values, strict=True)
    ]
    table = table.drop_columns(list(LISTS))
    for name, each in zip(PLAIN, lists, strict=True):
        table = table.append_column(name, each)
    return table


def gathered(table: pa.Table) -> pa.Table:
    """Documents or parts with their events as the store keeps them; the other way from `spread`.

    Parameters
    ----------
    table : pyarrow.Table
        `PLAIN`, and any others; amounts may be the bits of doubles.
    """
    lists = [table[name].combine_chunks() for name in PLAIN]
    row = np.repeat(np.arange(table.num_rows), _lengths(lists[0]))
    source, target, amount, time = map(_flat, lists)
    numbered = number(Events(row, source, target, amount.view(np.float64), time), table.num_rows)
    table = table.drop_columns(list(PLAIN))
    for name, each in numbered.items():
        table = table.append_column(name, each)
    return table


def _numbered(values: Ints, row: Ints, rows: int) -> tuple[tuple[Ints, Ints], Ints]:
    """The distinct values of each row and their bounds; the position of each value among those, from 1."""
    bounds = np.searchsorted(row, np.arange(rows + 1))
    begins = np.flatnonzero(np.diff(bounds[:-1] // BLOCK, prepend=-1) > 0)
    parts = [
        _distinct(values[bounds[first] : bounds[last]], row[bounds[first] : bounds[last]])
        for first, last in itertools.pairwise([*begins, rows])
    ]
    distinct, owner, place = (
        np.concatenate([NONE, *(part[column] for part in parts)]) for column in range(3)
    )
    return (distinct, np.searchsorted(owner, np.arange(rows + 1))), place


def _distinct(values: Ints, row: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct values, row by row, and their rows; the position of each value in its row's, from 1."""
    codes = pa.array(values).dictionary_encode()
    count = max(len(codes.dictionary), 1)
    if len(row) and row[0] == row[-1]:
        return codes.dictionary.to_numpy(), np.full(count, row[0]), codes.indices.to_numpy() + 1
    keys = pa.array(row * count + codes.indices.to_numpy()).dictionary_encode()
    owner, which = np.divmod(keys.dictionary.to_numpy(), count)
    place = keys.indices.to_numpy() - np.searchsorted(owner, row) + 1
    return codes.dictionary.to_numpy()[which], owner, place


def _lists(values: NDArray[Any], bounds: Ints, *, dates: bool = False) -> pa.ListArray:
    flat = timestamps(values) if dates else pa.array(values)
    return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), flat)


def _lengths(lists: pa.ListArray) -> Ints:
    """How long each list is; a missing one is empty."""
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False))


def _flat(lists: pa.ListArray) -> NDArray[Any]:
    return column(pa.table({"values": pc.list_flatten(lists)}), "values")


def _named(table: pa.Table, name: str, places: Ints, row: Ints) -> Ints:
    """The elements of the list of each row that these positions name."""
    lists = table[name].combine_chunks()
    lengths = _lengths(lists)
    if len(places) != len(row) or ((places < 1) | (places > lengths[row])).any():
        raise StoreError(f"events name what {name} of their document or load does not hold; restore a backup")
    named: Ints = _flat(lists)[(np.cumsum(lengths) - lengths)[row] + places - 1]
    return named
