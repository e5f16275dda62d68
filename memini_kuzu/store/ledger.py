"""The ledger: the dated events of documents and loads. It is the record; associations are computed from it.

Forgetting, retuning, aliases, trajectories and recall at an earlier time all fold the ledger. The store keeps
it with the documents and in the parts of loads (`loads`), as lists (`numbered`); here it is columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics.edges import associate, redirected
from memini_kuzu.store.known import documents_from, read_event_lists
from memini_kuzu.store.loads import loads_of_parts, parts_from, parts_with, read_parts
from memini_kuzu.store.numbered import Events, number, spell
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.tables import Edges

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "Ledger",
    "in_order",
    "ledger_from_arrow",
    "ledger_to_arrow",
    "parts_to_arrow",
    "read_events_from",
    "read_ledger",
    "scaled_bits",
]

KINDS = "event_kind"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Events, with the documents and loads that they come from.

    Parameters
    ----------
    document : int64 (n_events,)
        Ids of documents, or of parts of loads.
    source, target : int64 (n_events,)
        Entity ids.
    amount : float64 (n_events,)
        What each event added to the fast variable, the impulse b included.
    time : int64 (n_events,)
        Milliseconds since 1970.
    kind : int64 (n_events,)
        Ids of kinds; 0 for an event without one, as all of documents are.
    """

    document: Ints
    source: Ints
    target: Ints
    amount: NDArray[np.float64]
    time: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.source)

    @classmethod
    def empty(cls) -> Ledger:
        """No events.

        Examples
        --------
        >>> len(Ledger.empty())
        0
        """
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, none, np.zeros(0), none, none)

    def take(self, rows: Flags | Ints) -> Ledger:
        """The events at these positions, or under this mask.

        Examples
        --------
        >>> len(Ledger.empty().take(np.zeros(0, dtype=bool)))
        0
        """
        return Ledger(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self, *others: Ledger) -> Ledger:
        """These events, followed by those of other ledgers."""
        parts = (self, *others)
        return Ledger(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(self))
        )

    def ends(self) -> Ints:
        """The distinct entities, as source or target."""
        return np.unique(np.concatenate([self.source, self.target]))

    def of(self, entity: int) -> Flags:
        """Which events have an entity as source or target."""
        incident: Flags = (self.source == entity) | (self.target == entity)
        return incident

    def renamed(self, old: int, new: int) -> Ledger:
        """The same events with one entity replaced by another."""
        source, target = (np.where(ends == old, new, ends) for ends in (self.source, self.target))
        return replace(self, source=source, target=target)

    def redirected(self, moved: Mapping[int, int]) -> Ledger:
        """The same events with entities replaced, without those that then lead to their own source."""
        source, target = redirected(self.source, moved), redirected(self.target, moved)
        if source is self.source and target is self.target:
            return self
        loops = (source == target) & (self.source != self.target)
        return replace(self, source=source, target=target).take(~loops)

    def scaled(self, factor: float) -> Ledger:
        """The same events with all amounts multiplied by a factor."""
        return replace(self, amount=self.amount * factor)

    def in_time(self) -> Ledger:
        """The same events in the order of time."""
        return self.take(np.argsort(self.time, kind="stable"))

    def fold(self, parameters: Parameters) -> Edges:
        """The associations of these events alone."""
        return associate(self.source, self.target, self.amount, self.time, parameters)


def in_order(amount: NDArray[np.float64], time: Ints) -> Ints:
    """The order in which events are added up where others must get the same sums to the last bit.

    Parameters
    ----------
    amount : float64 (n_events,)
        What each event added.
    time : int64 (n_events,)
        Milliseconds since 1970.

    Returns
    -------
    int64 (n_events,)
        Their positions, the earliest first.
    """
    return np.lexsort((amount, time))


def read_ledger(
    read: Callable[..., pa.Table],
    *,
    entity: int | None = None,
    documents: Sequence[int] | None = None,
) -> Ledger:
    """The events of documents and loads.

    Parameters
    ----------
    read : callable
        Executes a query.
    entity : int, optional
        Only of documents and parts of loads with an event that has this entity as source or target; all
        events of those.
    documents : sequence of int, optional
        Only of the documents and parts with these ids, in addition to those selected by `entity`.

    Returns
    -------
    Ledger
        Document by document and part by part, in the order stored.
    """
    if documents is not None and not len(documents) and entity is None:
        return Ledger.empty()
    told = ledger_from_arrow(read_event_lists(read, entity=entity, documents=documents))
    if documents is None and entity is None:
        return told.join(ledger_from_arrow(read_parts(read)))
    parts = [] if entity is None else parts_with(read, entity)
    if documents is not None:
        parts = sorted({*parts, *loads_of_parts(read, documents)["id"].to_pylist()})
    return told.join(ledger_from_arrow(read_parts(read, parts))) if parts else told


def read_events_from(read: Callable[..., pa.Table], sources: Ints) -> Ledger:
    """The events that lead from these entities.

    Parameters
    ----------
    read : callable
        Executes a query.
    sources : int64 (n,)
        Ids, each once, in ascending order.
    """
    told = read_ledger(read, documents=documents_from(read, sources.tolist()))
    if parts := parts_from(read, sources):
        told = told.join(ledger_from_arrow(read_parts(read, parts)))
    return told.take(np.isin(told.source, sources))


def ledger_from_arrow(table: pa.Table) -> Ledger:
    """Events from the lists of Document or EventLog.

    Parameters
    ----------
    table : pyarrow.Table
        id, and the lists of Document or EventLog.

    Examples
    --------
    >>> lists = ledger_to_arrow(Ledger.empty(), np.array([5]))
    >>> len(ledger_from_arrow(lists))
    0
    """
    if not table.num_rows:
        return Ledger.empty()
    events = spell(table)
    kind = np.zeros(len(events.row), dtype=np.int64)
    if KINDS in table.column_names:
        kinds = table[KINDS].combine_chunks()
        told = pc.fill_null(pc.list_value_length(kinds), 0).to_numpy(zero_copy_only=False) > 0
        kind[told[events.row]] = pc.list_flatten(kinds).to_numpy()
    owner = column(table, "id").astype(np.int64)[events.row]
    return Ledger(owner, events.source, events.target, events.amount, events.time, kind)


def scaled_bits(lists: pa.ListArray, factor: float) -> pa.ListArray:
    """Lists of bits with the amounts that they stand for multiplied.

    Examples
    --------
    >>> bits = pa.array([np.array([0.5]).view(np.int64), [], np.array([1.0]).view(np.int64)])
    >>> scaled_bits(bits, 2.0).to_pylist()
    [[4607182418800017408], [], [4611686018427387904]]
    """
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    amounts = pc.list_flatten(lists).to_numpy().view(np.float64) * factor
    offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(amounts.view(np.int64)))


def ledger_to_arrow(ledger: Ledger, documents: Ints) -> pa.Table:
    """Events as lists of Document.

    Parameters
    ----------
    ledger : Ledger
        Events of these documents only.
    documents : int64 (n,)
        Distinct ids; documents without events get empty lists.

    Returns
    -------
    pyarrow.Table
        id and the lists of Document, in the order of `documents`.
    """
    row = _rows(ledger, documents)
    # the order in which ingestion writes them
    order = np.lexsort((ledger.target, ledger.source, ledger.time, row))
    return _lists(ledger.take(order), row[order], documents)


def parts_to_arrow(ledger: Ledger, parts: Ints, loads: Sequence[str]) -> pa.Table:
    """Events as rows of EventLog.

    Parameters
    ----------
    ledger : Ledger
        Events of these parts only.
    parts : int64 (n,)
        Distinct ids; parts without events get empty lists.
    loads : sequence of str
        The load that each is a part of.

    Returns
    -------
    pyarrow.Table
        Every column of EventLog, in the order of `parts`.
    """
    row = _rows(ledger, parts)
    order = np.lexsort((ledger.time, ledger.source, row))
    ledger, row = ledger.take(order), row[order]
    table = _lists(ledger, row, parts)
    bounds = np.searchsorted(row, np.arange(len(parts) + 1))
    held = bounds[1:] > bounds[:-1]
    first, last = (np.zeros(len(parts), dtype=np.int64) for _ in range(2))
    first[held], last[held] = ledger.source[bounds[:-1][held]], ledger.source[bounds[1:][held] - 1]
    told = np.bincount(row, weights=ledger.kind != 0, minlength=len(parts)) > 0
    lengths = np.where(told, np.diff(bounds), 0)
    kinds = pa.ListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(lengths)), pa.int32()), pa.array(ledger.kind[told[row]])
    )
    return (
        table.append_column("load", pa.array(loads, pa.string()))
        .append_column("first_source", pa.array(first))
        .append_column("last_source", pa.array(last))
        .append_column(KINDS, kinds)
    )


def _rows(ledger: Ledger, documents: Ints) -> Ints:
    """The position of each event's document or part."""
    if not len(ledger):
        return ledger.document
    by_id = np.argsort(documents, kind="stable")
    return by_id[np.searchsorted(documents, ledger.document, sorter=by_id)]


def _lists(ledger: Ledger, row: Ints, rows: Ints) -> pa.Table:
    """The lists of documents or parts, of events in the order of their rows."""
    lists = number(Events(row, ledger.source, ledger.target, ledger.amount, ledger.time), len(rows))
    return pa.table({"id": pa.array(rows, pa.int64())} | lists)
