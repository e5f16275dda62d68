"""The events that documents gave, as columns: what a trajectory, a fit and a retuning are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.store import reading
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.store import Store

__all__ = ["Ledger", "read_ledger"]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Events, in order of time.

    Parameters
    ----------
    source, target : int64 (n_events,)
        Entity ids.
    amount : float64 (n_events,)
        What each added to the fast variable, the impulse b included.
    time : int64 (n_events,)
        Milliseconds since 1970.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    amount: NDArray[np.float64]
    time: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.bool_]) -> Ledger:
        """The events under this mask.

        Examples
        --------
        >>> none = np.array([], dtype=np.int64)
        >>> len(Ledger(none, none, np.array([]), none).take(none > 0))
        0
        """
        return Ledger(self.source[rows], self.target[rows], self.amount[rows], self.time[rows])


def read_ledger(store: Store, entity: int | None = None) -> Ledger:
    """All events of the documents' ledgers, or those that lead from one entity.

    Parameters
    ----------
    store : Store
        Where.
    entity : int, optional
        The id of their source.

    Returns
    -------
    Ledger
        Empty where no document has any.
    """
    table = reading.ledgers(store, entity)
    if table.num_rows:
        table = pa.table({name: table[name].combine_chunks().flatten() for name in table.column_names})
    if not table.num_rows:
        none = np.array([], dtype=np.int64)
        return Ledger(none, none, np.array([], dtype=np.float64), none)
    times = column(table, "event_time").astype(np.int64)
    order = np.argsort(times, kind="stable")
    found = Ledger(
        column(table, "event_source").astype(np.int64)[order],
        column(table, "event_target").astype(np.int64)[order],
        column(table, "event_amount").astype(np.float64)[order],
        times[order],
    )
    return found if entity is None else found.take(found.source == entity)
