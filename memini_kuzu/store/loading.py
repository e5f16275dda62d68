"""The statements of bulk loads: entities by the million, and the record of what was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.tables import TIMESTAMP, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memini_kuzu.store.engine import Transaction

__all__ = ["add_entities", "known_loads", "record_loads"]

FEW = 5_000
"""Up to so many entities are looked for by their ids; beyond, all are read, which costs less."""

READ_DATES = "MATCH (e:Entity) RETURN e.id AS id, e.first_seen AS first_seen, e.last_seen AS last_seen"

READ_SOME_DATES = """
MATCH (e:Entity) WHERE e.id IN $ids
RETURN e.id AS id, e.first_seen AS first_seen, e.last_seen AS last_seen
"""

CREATE_ENTITIES = """
LOAD FROM batch
CREATE (:Entity {id: id, key: key, name: name, label: label, first_seen: first_seen, last_seen: last_seen,
    mentions: mentions, headings: headings})
"""

WIDEN_DATES = """
LOAD FROM batch
MATCH (e:Entity {id: id})
SET e.first_seen = least(e.first_seen, first_seen), e.last_seen = greatest(e.last_seen, last_seen)
"""

KNOWN_LOADS = "MATCH (l:Load) WHERE l.id IN $ids RETURN l.id AS id"

CREATE_LOADS = "LOAD FROM batch CREATE (:Load {id: id, source: source, events: events})"


def add_entities(transaction: Transaction, batch: pa.Table) -> int:
    """Create the entities that are not there, and widen the dates of those that are.

    Parameters
    ----------
    transaction : Transaction
        The open one.
    batch : pyarrow.Table
        Each once: id, key, name, label, first_seen, last_seen, mentions, headings.

    Returns
    -------
    int
        How many are new.
    """
    if not batch.num_rows:
        return 0
    known = (
        transaction.run(READ_SOME_DATES, {"ids": batch["id"].to_pylist()})
        if batch.num_rows <= FEW
        else transaction.run(READ_DATES)
    )
    place = positions(
        batch["id"].to_numpy(), known["id"].to_numpy() if known.num_rows else np.array([], dtype=np.int64)
    )
    new = batch.filter(pa.array(place < 0))
    if new.num_rows:
        transaction.run(CREATE_ENTITIES, batch=new)
    if new.num_rows < batch.num_rows:
        there = batch.filter(pa.array(place >= 0))
        stored = known.take(pa.array(place[place >= 0]))
        first, last = (stored[name].cast(TIMESTAMP) for name in ("first_seen", "last_seen"))
        wider = pc.or_(pc.less(there["first_seen"], first), pc.greater(there["last_seen"], last))
        changed = there.filter(wider).select(["id", "first_seen", "last_seen"])
        if changed.num_rows:
            transaction.run(WIDEN_DATES, batch=changed)
    return int(new.num_rows)


def known_loads(run: Callable[..., pa.Table], ids: Sequence[str]) -> set[str]:
    """Which of these have been loaded."""
    table = run(KNOWN_LOADS, {"ids": list(ids)}) if ids else pa.table({"id": []})
    return set(table["id"].to_pylist()) if table.num_rows else set()


def record_loads(transaction: Transaction, loads: pa.Table) -> None:
    """Remember that these are loaded: id, source, events."""
    if loads.num_rows:
        transaction.run(CREATE_LOADS, batch=loads)
