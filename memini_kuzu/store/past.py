"""Asking in the past: what a store that had seen only what was told until then would hold.

Passages have a date, and are left out by it. What is counted over them (how many there are, in how many a
word occurs, how many mention an entity) is counted again over those of that time, and associations are folded
again from the events until then, for what came after cannot be taken from a stored state. All of it takes
longer than the present does, where the counts and the states stand ready.

What the store no longer holds, it cannot know: texts that a new version replaced, and how strong an
association was that has had evidence since, of which the ledgers do not hold the events. Aliases and the
labels of entities are those of today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics import propagate
from memini_kuzu.dynamics.edges import same_pairs
from memini_kuzu.errors import TimeError
from memini_kuzu.store.ledger import read_events_from, read_ledger
from memini_kuzu.tables import column, timestamps
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.ledger import Ledger
    from memini_kuzu.store.store import Store

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "all_associations",
    "count_mentions",
    "frequencies",
    "outgoing",
    "recount",
    "refuse",
    "sum_passages",
]

COLUMNS = pa.schema(
    [
        ("source", pa.int64()),
        ("id", pa.int64()),
        ("strength", pa.float64()),
        ("consolidated", pa.float64()),
        ("events", pa.int64()),
        ("began", pa.timestamp("us")),
        ("latest", pa.timestamp("us")),
    ]
)


def sum_passages(store: Store, until: datetime) -> tuple[int, int, frozenset[str]]:
    """How many passages there were, how many words they had, and their languages."""
    table = store.read(
        """
        MATCH (p:Passage) WHERE p.time <= $until
        RETURN p.language AS language, count(*) AS passages, sum(p.words) AS words
        """,
        {"until": until},
    )
    rows = table.to_pylist()
    return (
        sum(row["passages"] for row in rows),
        sum(int(row["words"]) for row in rows),
        frozenset(row["language"] for row in rows),
    )


def frequencies(store: Store, words: Sequence[str], until: datetime) -> dict[str, int]:
    """In how many passages each analysed term occurred; those that occurred nowhere are left out."""
    if not words:
        return {}
    table = store.read(
        """
        LOAD FROM batch
        MATCH (t:Term {term: term})-[:OCCURS]->(p:Passage) WHERE p.time <= $until
        RETURN t.term AS term, count(*) AS df
        """,
        {"until": until},
        batch=pa.table({"term": pa.array(words, pa.string())}),
    )
    return (
        dict(zip(table["term"].to_pylist(), table["df"].to_pylist(), strict=True)) if table.num_rows else {}
    )


def count_mentions(store: Store, entities: Ints, until: datetime) -> pa.Table:
    """How many passages mentioned these entities, and how many they headed: id, mentions, headings."""
    counted = store.read(
        """
        LOAD FROM batch
        MATCH (e:Entity {id: id})<-[:MENTIONS]-(p:Passage) WHERE p.time <= $until
        RETURN e.id AS id, count(*) AS mentions, count(CASE WHEN p.heading = e.id THEN 1 END) AS headings
        """,
        {"until": until},
        batch=pa.table({"id": pa.array(entities, pa.int64())}),
    )
    return counted if counted.num_rows else pa.table({name: pa.array([], pa.int64()) for name in COUNTED})


COUNTED = ("id", "mentions", "headings")


def recount(store: Store, table: pa.Table, until: datetime) -> pa.Table:
    """A table of entities with their counts of that time in the place of today's.

    Parameters
    ----------
    store : Store
        Where.
    table : pyarrow.Table
        id, mentions, headings, and others.
    until : datetime
        The time.

    Returns
    -------
    pyarrow.Table
        The same rows.
    """
    if not table.num_rows:
        return table
    ids = column(table, "id").astype(np.int64)
    known, row = np.unique(ids, return_inverse=True)
    counted = count_mentions(store, known, until)
    place = np.searchsorted(known, column(counted, "id").astype(np.int64))
    for name in COUNTED[1:]:
        values = np.zeros(len(known), dtype=np.int64)
        values[place] = column(counted, name)
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values[row]))
    return table


def outgoing(store: Store, entities: Sequence[int], until: datetime) -> tuple[pa.Table, pa.Table]:
    """The associations that led from these entities, as strong as they were then.

    Parameters
    ----------
    store : Store
        Where.
    entities : sequence of int
        Ids.
    until : datetime
        The time.

    Returns
    -------
    known : pyarrow.Table
        source, id (the target's), strength (w_f), consolidated (w_s), events, began, latest.
    unknown : pyarrow.Table
        source, id and latest of those of which it cannot be known: they have had evidence since, and the
        ledgers do not hold all their events.
    """
    wanted = np.unique(np.asarray(entities, dtype=np.int64))
    return _then(store, _stored(store, wanted), read_events_from(store.read, wanted), to_millis(until))


def all_associations(store: Store, until: datetime) -> tuple[pa.Table, pa.Table]:
    """All associations of that time; as `outgoing`."""
    stored = store.read_edges().rename_columns({"target": "id", "first_seen": "began", "last_seen": "latest"})
    return _then(store, stored, read_ledger(store.read), to_millis(until))


def refuse(unknown: pa.Table, until: datetime) -> None:
    """Raise TimeError if there are associations of which it cannot be known how strong they were."""
    if unknown.num_rows:
        latest = from_millis(int(column(unknown, "latest").max()))
        raise TimeError(
            f"how strong {unknown.num_rows:,} of these associations were at {until:%Y-%m-%d %H:%M} cannot be "
            "known: they have had evidence since, from events that were loaded and not kept; ask as of "
            f"{latest:%Y-%m-%d %H:%M} or later"
        )


def _then(store: Store, stored: pa.Table, ledger: Ledger, now: int) -> tuple[pa.Table, pa.Table]:
    """From the states of associations, and all events of theirs that the ledgers hold."""
    source, target = column(stored, "source").astype(np.int64), column(stored, "id").astype(np.int64)
    event, pair = same_pairs(ledger.source, ledger.target, source, target)
    whole = np.bincount(pair, minlength=len(source)) >= column(stored, "events")
    last, as_of, began = (column(stored, name) for name in ("latest", "as_of", "began"))
    there = ~whole & (began <= now)
    certain = there & (last <= now) & (as_of <= now)
    fast, slow = propagate(
        column(stored, "fast")[certain],
        column(stored, "slow")[certain],
        (now - as_of[certain]) / DAY,
        store.parameters,
    )
    states = pa.table(
        {
            "source": source[certain],
            "id": target[certain],
            "strength": fast,
            "consolidated": slow,
            "events": column(stored, "events")[certain],
            "began": timestamps(began[certain]),
            "latest": timestamps(last[certain]),
        }
    ).cast(COLUMNS)
    doubtful = there & ~certain
    unknown = pa.table(
        {"source": source[doubtful], "id": target[doubtful], "latest": timestamps(last[doubtful])}
    )
    folds = ledger.time <= now
    folds[event[~whole[pair]]] = False
    return pa.concat_tables([states, _fold(store, ledger.take(folds), now)]), unknown


def _stored(store: Store, entities: Ints) -> pa.Table:
    table = store.read(
        """
        LOAD FROM batch
        MATCH (s:Entity {id: id})-[a:ASSOCIATES]->(e:Entity)
        RETURN s.id AS source, e.id AS id, a.fast AS fast, a.slow AS slow, a.as_of AS as_of,
            a.events AS events, a.first_seen AS began, a.last_seen AS latest
        """,
        batch=pa.table({"id": pa.array(entities, pa.int64())}),
    )
    return table if table.num_rows else NOTHING


NOTHING = pa.table(
    {name: pa.array([], pa.int64()) for name in ("source", "id", "events")}
    | {name: pa.array([], pa.float64()) for name in ("fast", "slow")}
    | {name: pa.array([], pa.timestamp("us")) for name in ("as_of", "began", "latest")}
)


def _fold(store: Store, ledger: Ledger, now: int) -> pa.Table:
    """Associations of these events, all of them until then."""
    if not len(ledger):
        return COLUMNS.empty_table()
    edges = ledger.fold(store.parameters)
    fast, slow = propagate(edges.fast, edges.slow, (now - edges.as_of) / DAY, store.parameters)
    return pa.table(
        {
            "source": edges.source,
            "id": edges.target,
            "strength": fast,
            "consolidated": slow,
            "events": edges.events,
            "began": timestamps(edges.first_seen),
            "latest": timestamps(edges.last_seen),
        }
    ).cast(COLUMNS)
