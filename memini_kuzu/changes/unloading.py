"""What forgetting takes back of loads: their kept events, and the record that they were loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.changes.undo import inner_of
from memini_kuzu.store.aliases import merged_aliases
from memini_kuzu.store.ledger import parts_to_arrow
from memini_kuzu.store.loads import read_kept, read_loads
from memini_kuzu.store.writing import keys
from memini_kuzu.tables import column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memini_kuzu.changes.scope import Scope
    from memini_kuzu.store.change import Change
    from memini_kuzu.store.evidence import Run
    from memini_kuzu.store.ledger import Ledger

    Ints = NDArray[np.int64]

__all__ = ["Kept", "Unloading", "read_kept_loads", "unload"]


@dataclass(frozen=True, slots=True)
class Kept:
    """The loads that kept their events.

    Parameters
    ----------
    parts : pyarrow.Table
        id, load and source of every part.
    unkept : frozenset of str
        Sources of the loads that kept none.
    """

    parts: pa.Table
    unkept: frozenset[str]

    def chosen(self, scope: Scope) -> pa.Table:
        """The parts of the loads that a scope is about, whatever the dates of their events."""
        if not scope.of_documents or scope.documents is not None:
            return self.parts.slice(0, 0)
        if scope.source is None:
            return self.parts
        return self.parts.filter(pc.equal(self.parts["source"], scope.source))


@dataclass(frozen=True, slots=True)
class Unloading:
    """What is to be deleted and written.

    Parameters
    ----------
    loads : list of str
        Ids of loads of which nothing is left.
    parts : int64 (n,)
        Their parts.
    changed : pyarrow.Table
        Parts that lose some events; every column.
    kinds : int64 (k,)
        Kinds of which no event is left.
    dates : int64 (m,)
        When the events were that go.
    """

    loads: list[str]
    parts: Ints
    changed: pa.Table
    kinds: Ints
    dates: Ints

    def write(self, change: Change) -> None:
        """Put it into a change."""
        change.update("EventLog", self.changed)
        change.delete("EventLog", keys(self.parts))
        change.delete("Load", pa.table({"id": pa.array(self.loads, pa.string())}))
        change.delete("Kind", keys(self.kinds))


def read_kept_loads(run: Run) -> Kept:
    """The loads of a store."""
    loads, parts = read_loads(run), read_kept(run)
    place = pc.index_in(parts["load"], value_set=loads["id"])
    kept = pc.is_in(loads["id"], value_set=parts["load"])
    return Kept(
        parts.append_column("source", loads["source"].take(place)),
        frozenset(loads.filter(pc.invert(kept))["source"].to_pylist()),
    )


def unload(
    run: Run,
    scope: Scope,
    kept: Kept,
    *,
    removed: Ledger,
    remaining: Ledger,
    undone: pa.Table,
    aliases: pa.Table,
) -> Unloading:
    """What forgetting takes back of loads.

    Parameters
    ----------
    run : callable
        Executes a query.
    scope : Scope
        What is forgotten.
    kept : Kept
        The loads.
    removed, remaining : Ledger
        The events of all documents and loads that go, and those that stay.
    undone : pyarrow.Table
        The undo records that change (key, undo).
    aliases : pyarrow.Table
        The aliases that go (key).
    """
    ids = column(kept.parts, "id").astype(np.int64)
    undos = {row["key"]: row["undo"] for row in merged_aliases(run)}
    held, kinds = inner_of(undos.values(), "document"), inner_of(undos.values(), "kind")
    undos |= dict(zip(undone["key"].to_pylist(), undone["undo"].to_pylist(), strict=True))
    undos = {key: undo for key, undo in undos.items() if key not in aliases["key"].to_pylist()}
    chosen = kept.chosen(scope)
    going = _without(
        pc.unique(chosen["load"]), _loads_of(chosen, remaining.document, inner_of(undos.values(), "document"))
    )
    if scope.since is not None or scope.until is not None:
        # a load that held nothing before is not concerned
        going = going.filter(pc.is_in(going, value_set=_loads_of(chosen, removed.document, held)))
    deleted = np.asarray(pc.is_in(kept.parts["load"], value_set=going).to_numpy(), dtype=np.bool_)
    changed = kept.parts.filter(pa.array(np.isin(ids, removed.document) & ~deleted))
    changed_ids = column(changed, "id").astype(np.int64)
    left = remaining.take(np.isin(remaining.document, changed_ids))
    of_parts = removed.take(np.isin(removed.document, ids))
    return Unloading(
        loads=going.to_pylist(),
        parts=ids[deleted],
        changed=parts_to_arrow(left, changed_ids, changed["load"].to_pylist()),
        kinds=np.setdiff1d(
            np.concatenate([of_parts.kind, kinds]),
            np.concatenate([remaining.kind, inner_of(undos.values(), "kind"), [0]]),
        ),
        dates=np.unique(of_parts.time) if scope.of_documents else of_parts.time[:0],
    )


def _loads_of(parts: pa.Table, *documents: Ints) -> pa.ChunkedArray:
    """The loads of those parts that are among documents and parts."""
    return parts["load"].filter(pc.is_in(parts["id"], value_set=pa.array(np.concatenate(documents))))


def _without(loads: pa.Array, others: pa.ChunkedArray) -> pa.Array:
    return loads.filter(pc.invert(pc.is_in(loads, value_set=others)))
