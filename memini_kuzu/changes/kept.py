"""Events of loads on their way into the store: put aside on disk, in the parts in which they will be stored.

A load may hold more events than fit in memory beside all that its fold takes. So each batch is sorted by
source, cut into parts and written to a temporary file, and the file is mapped into memory when the change is
written. Sorting makes the events from one entity lie in few parts.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.errors import InputError, StoreError
from memini_kuzu.store.catalog import tables
from memini_kuzu.store.ledger import Ledger, ledger_from_arrow, parts_to_arrow
from memini_kuzu.store.loads import PART, kind_id, most_kept, part_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["Aside", "check_kinds", "putting_aside"]


@contextmanager
def putting_aside(folder: str, error: type[Exception]) -> Iterator[None]:
    """An error that tells of a full disk, as one of ours."""
    try:
        yield
    except error as reason:
        raise StoreError(
            f"the events cannot be put aside in {folder} ({reason}); make room there, or name another folder "
            "in TMPDIR"
        ) from reason


class Aside:
    """The events of some loads, in parts; `close` removes the file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="memini-kept-")
        self._path = Path(self._folder.name) / "parts.arrow"
        self._schema = tables()["EventLog"].columns
        self._writer: pa.RecordBatchFileWriter | None = None
        self._count = 0
        self._numbers: dict[str, int] = {}
        self._kinds: dict[str, int] = {}

    def kinds(self, values: pa.ChunkedArray | None, count: int) -> Ints:
        """The ids of kinds by their names; 0 for every event where there are no names.

        Parameters
        ----------
        values : pyarrow.ChunkedArray or None
            Text.
        count : int
            How many events.
        """
        if values is None:
            return np.zeros(count, dtype=np.int64)
        names = pc.unique(values)
        for name in names.to_pylist():
            self._kinds.setdefault(name, kind_id(name))
        ids = np.array([self._kinds[name] for name in names.to_pylist()], dtype=np.int64)
        return ids[np.asarray(pc.index_in(values, value_set=names).to_numpy(), dtype=np.int64)]

    def add(self, load: str, events: Ledger) -> None:
        """Put a batch of events of a load aside; who owns them is decided here."""
        self._count += len(events)
        if self._count > (most := most_kept()):
            raise StoreError(
                f"more than {most:,} events cannot be kept at once in this machine's memory; load smaller "
                "files, a call each, or load them without keeping the events (--no-keep-events)"
            )
        order = np.argsort(events.source, kind="stable")
        first = self._numbers.get(load, 0)
        count = -(-len(order) // PART)
        self._numbers[load] = first + count
        ids = np.array([part_id(load, first + number) for number in range(count)], dtype=np.int64)
        owner = ids[np.arange(len(order)) // PART]
        self._write(parts_to_arrow(replace(events.take(order), document=owner), ids, [load] * count))

    @property
    def half_full(self) -> bool:
        """Whether it holds half of the events that can be written in one change."""
        return self._count * 2 > most_kept()

    def finish(self, load: str) -> None:
        """A load that gave no event has a part all the same: it tells that its events were kept."""
        if not self._numbers.get(load):
            none = np.array([part_id(load, 0)], dtype=np.int64)
            self._write(parts_to_arrow(Ledger.empty(), none, [load]))

    def _write(self, parts: pa.Table) -> None:
        with putting_aside(self._folder.name, OSError):
            if self._writer is None:
                self._writer = pa.ipc.new_file(self._path, self._schema)
            self._writer.write_table(parts.select(self._schema.names).cast(self._schema))

    def parts(self, moved: Mapping[int, int]) -> tuple[pa.Table, pa.Table]:
        """All that was put aside.

        Parameters
        ----------
        moved : mapping of int to int
            Aliases by id, and the entities that they stand for.

        Returns
        -------
        parts : pyarrow.Table
            Every column of EventLog.
        kinds : pyarrow.Table
            id and name of the kinds of these events.
        """
        kinds = pa.table(
            {
                "id": pa.array(self._kinds.values(), pa.int64()),
                "name": pa.array(self._kinds.keys(), pa.string()),
            }
        )
        if self._writer is None:
            return self._schema.empty_table(), kinds
        with putting_aside(self._folder.name, OSError):
            self._writer.close()
        stored = pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()
        if not moved:
            return stored, kinds
        events = ledger_from_arrow(stored)
        redirected = events.redirected(moved)
        if redirected is events:
            return stored, kinds
        # an event between two names of one entity is none, and may have been the only one of its kind
        kinds = kinds.filter(pc.is_in(kinds["id"], pa.array(np.unique(redirected.kind))))
        return parts_to_arrow(redirected, stored["id"].to_numpy(), stored["load"].to_pylist()), kinds

    def close(self) -> None:
        """Remove the file."""
        if self._writer is not None:
            self._writer.close()
        self._folder.cleanup()


def check_kinds(kind: str | None, *, keep: bool) -> None:
    """Refuse a column of kinds for events that are not kept."""
    if kind is not None and not keep:
        raise InputError(
            f"column {kind!r}: the kinds of events are kept with them; load them with their events"
        )
