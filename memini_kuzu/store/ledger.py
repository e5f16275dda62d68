"""The ledger: the dated events of documents. It is the record; associations are computed from it.

Forgetting, retuning, aliases, trajectories and recall at an earlier time all fold the ledger. The store keeps
it with the documents, as parallel lists; here it is columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.dynamics.edges import associate
from memini_kuzu.store.known import read_event_lists
from memini_kuzu.tables import column, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from memini_kuzu.config import Parameters
    from memini_kuzu.tables import Edges

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Ledger", "ledger_from_arrow", "ledger_to_arrow", "read_ledger"]

LISTS = ("event_source", "event_target", "event_amount", "event_time")


@dataclass(frozen=True, slots=True)
class Ledger:
    """Events, with the documents that they come from.

    Parameters
    ----------
    document : int64 (n_events,)
        Ids.
    source, target : int64 (n_events,)
        Entity ids.
    amount : float64 (n_events,)
        What each event added to the fast variable, the impulse b included.
    time : int64 (n_events,)
        Milliseconds since 1970.
    """

    document: Ints
    source: Ints
    target: Ints
    amount: NDArray[np.float64]
    time: Ints

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
        return cls(none, none, none, np.zeros(0), none)

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
        return Ledger(
            self.document,
            np.where(self.source == old, new, self.source),
            np.where(self.target == old, new, self.target),
            self.amount,
            self.time,
        )

    def scaled(self, factor: float) -> Ledger:
        """The same events with all amounts multiplied by a factor."""
        return Ledger(self.document, self.source, self.target, self.amount * factor, self.time)

    def in_time(self) -> Ledger:
        """The same events in the order of time."""
        return self.take(np.argsort(self.time, kind="stable"))

    def fold(self, parameters: Parameters) -> Edges:
        """The associations of these events alone."""
        return associate(self.source, self.target, self.amount, self.time, parameters)


def read_ledger(
    read: Callable[..., pa.Table],
    *,
    entity: int | None = None,
    documents: Sequence[int] | None = None,
) -> Ledger:
    """The events of documents.

    Parameters
    ----------
    read : callable
        Executes a query.
    entity : int, optional
        Only of documents with an event that has this entity as source or target; all events of those.
    documents : sequence of int, optional
        Only of these documents, in addition to those selected by `entity`.

    Returns
    -------
    Ledger
        Document by document, in the order stored.
    """
    if documents is not None and not len(documents) and entity is None:
        return Ledger.empty()
    return ledger_from_arrow(read_event_lists(read, entity=entity, documents=documents))


def ledger_from_arrow(table: pa.Table) -> Ledger:
    """Events from the lists of Document.

    Parameters
    ----------
    table : pyarrow.Table
        id and the four lists of Document.

    Examples
    --------
    >>> lists = ledger_to_arrow(Ledger.empty(), np.array([5]))
    >>> len(ledger_from_arrow(lists))
    0
    """
    if not table.num_rows:
        return Ledger.empty()
    lists = [table[name].combine_chunks() for name in LISTS]
    owner = table["id"].combine_chunks().take(pc.list_parent_indices(lists[0]))
    flat = pa.table({name: pc.list_flatten(values) for name, values in zip(LISTS, lists, strict=True)})
    source, target, amount, time = (column(flat, name) for name in LISTS)
    integers = [values.astype(np.int64) for values in (source, target, time)]
    return Ledger(
        np.array(owner.to_numpy(zero_copy_only=False), dtype=np.int64),
        integers[0],
        integers[1],
        amount.astype(np.float64),
        integers[2],
    )


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
        id and the four lists of Document, in the order of `documents`.
    """
    by_id = np.argsort(documents, kind="stable")
    row = by_id[np.searchsorted(documents, ledger.document, sorter=by_id)] if len(ledger) else ledger.document
    # the order in which ingestion writes them
    order = np.lexsort((ledger.target, ledger.source, ledger.time, row))
    bounds = pa.array(np.searchsorted(row[order], np.arange(len(documents) + 1)), pa.int32())
    values = (
        pa.array(ledger.source[order]),
        pa.array(ledger.target[order]),
        pa.array(ledger.amount[order]),
        timestamps(ledger.time[order]),
    )
    lists = {name: pa.ListArray.from_arrays(bounds, part) for name, part in zip(LISTS, values, strict=True)}
    return pa.table({"id": pa.array(documents, pa.int64())} | lists)
