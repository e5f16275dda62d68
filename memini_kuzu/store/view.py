"""What a question may see of a store: what was told until a time, and, if asked for, by some documents alone.

Passages have a date, and are left out by it. What is counted over them (how many there are, in how many a
word occurs, how many mention an entity) is counted again over those that are seen, and associations are
folded again from their events, for neither what came after nor what others told can be taken from a stored
state. Asking in the past takes longer than the present does, where the counts and the states stand ready.
What a filter selects is held in memory (`selection`).

What the store no longer holds, it cannot know: texts that a new version replaced, and how strong an
association was that has had evidence or maintenance since, of which the ledgers do not hold the events.
Aliases and the labels of entities are those of today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from memini_kuzu.dynamics import propagate
from memini_kuzu.dynamics.pairs import same_pairs
from memini_kuzu.errors import TimeError
from memini_kuzu.store.ledger import in_order, read_events_from, read_ledger
from memini_kuzu.store.sums import Sums
from memini_kuzu.tables import column, timestamps
from memini_kuzu.times import DAY, from_millis, to_millis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memini_kuzu.store.ledger import Ledger
    from memini_kuzu.store.selection import Selection
    from memini_kuzu.store.store import Store

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "UNKNOWN",
    "View",
    "all_associations",
    "count_mentions",
    "fold",
    "frequencies",
    "outgoing",
    "recount",
    "refuse",
    "sums",
    "there",
]


class View(NamedTuple):
    """What a question may see.

    Parameters
    ----------
    until : datetime
        When it is asked: nothing later is seen.
    selection : Selection or None
        What a filter selects of it; None where all documents are seen.
    """

    until: datetime
    selection: Selection | None = None


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


def sums(store: Store, view: View) -> Sums:
    """How many passages are seen, their average length, and their languages."""
    if view.selection is not None:
        return view.selection.sums
    table = store.read(
        """
        MATCH (p:Passage) WHERE p.time <= $until
        RETURN p.language AS language, count(*) AS passages, sum(p.words) AS words
        """,
        {"until": view.until},
    )
    rows = table.to_pylist()
    passages = sum(row["passages"] for row in rows)
    words = sum(int(row["words"]) for row in rows)
    return Sums(passages, words, frozenset(row["language"] for row in rows))


def frequencies(store: Store, words: Sequence[str], view: View) -> dict[str, int]:
    """In how many passages each analysed term occurs; those that occur nowhere may be left out."""
    if not words:
        return {}
    if view.selection is not None:
        return view.selection.frequencies(words)
    table = store.read(
        """
        LOAD FROM batch
        MATCH (t:Term {term: term})-[:OCCURS]->(p:Passage) WHERE p.time <= $until
        RETURN t.term AS term, count(*) AS df
        """,
        {"until": view.until},
        batch=pa.table({"term": pa.array(words, pa.string())}),
    )
    return (
        dict(zip(table["term"].to_pylist(), table["df"].to_pylist(), strict=True)) if table.num_rows else {}
    )


def count_mentions(store: Store, entities: Ints, view: View) -> tuple[Ints, Ints]:
    """How many passages mention each of these entities, and how many it heads."""
    if view.selection is not None:
        return view.selection.count(entities)
    known, row = np.unique(entities, return_inverse=True)
    counted = store.read(
        """
        LOAD FROM batch
        MATCH (e:Entity {id: id})<-[:MENTIONS]-(p:Passage) WHERE p.time <= $until
        RETURN e.id AS id, count(*) AS mentions, count(CASE WHEN p.heading = e.id THEN 1 END) AS headings
        """,
        {"until": view.until},
        batch=pa.table({"id": pa.array(known, pa.int64())}),
    )
    counts = np.zeros((2, len(known)), dtype=np.int64)
    if counted.num_rows:
        place = np.searchsorted(known, column(counted, "id").astype(np.int64))
        counts[:, place] = column(counted, "mentions"), column(counted, "headings")
    return counts[0, row], counts[1, row]


def there(table: pa.Table, view: View) -> pa.Table:
    """The entities of a table with id and first_seen that there are in a view."""
    if view.selection is not None:
        return table.filter(pa.array(view.selection.knows(column(table, "id").astype(np.int64))))
    return table.filter(pa.array(column(table, "first_seen") <= to_millis(view.until)))


def recount(store: Store, table: pa.Table, view: View) -> pa.Table:
    """A table of entities with the counts of a view in the place of those of the store.

    Parameters
    ----------
    store : Store
        Where.
    table : pyarrow.Table
        id, mentions, headings, and others.
    view : View
        What is seen.

    Returns
    -------
    pyarrow.Table
        The same rows.
    """
    if not table.num_rows:
        return table
    known, row = np.unique(column(table, "id").astype(np.int64), return_inverse=True)
    counted = count_mentions(store, known, view)
    for name, values in zip(("mentions", "headings"), counted, strict=True):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values[row]))
    return table


def outgoing(store: Store, entities: Sequence[int], view: View) -> tuple[pa.Table, pa.Table]:
    """The associations that lead from these entities, as strong as what is seen makes them.

    Parameters
    ----------
    store : Store
        Where.
    entities : sequence of int
        Ids.
    view : View
        What is seen.

    Returns
    -------
    known : pyarrow.Table
        source, id (the target's), strength (w_f), consolidated (w_s), events, began, latest.
    unknown : pyarrow.Table
        source, id and latest (evidence or maintenance) of those of which it cannot be known: they have had
        evidence that is not to be seen, or were brought to a later date, and the ledgers do not hold all
        their events.
    """
    wanted = np.unique(np.asarray(entities, dtype=np.int64))
    now, selection = to_millis(view.until), view.selection
    told = None if selection is None else selection.events_from(store.read, wanted)
    if told is not None and selection is not None and not selection.unkept:
        return fold(store, told, now), UNKNOWN
    stored, ledger = _stored(store, wanted), read_events_from(store.read, wanted)
    return _then(store, stored, ledger, now, selection=selection, told=told)


def all_associations(store: Store, until: datetime) -> tuple[pa.Table, pa.Table]:
    """All associations of a time; as `outgoing`."""
    stored = store.read_edges().rename_columns({"target": "id", "first_seen": "began", "last_seen": "latest"})
    return _then(store, stored, read_ledger(store.read), to_millis(until))


def refuse(unknown: pa.Table, view: View) -> None:
    """Raise TimeError if there are associations of which it cannot be known how strong they are."""
    if not unknown.num_rows:
        return
    latest = from_millis(int(column(unknown, "latest").max()))
    if view.selection is None:
        raise TimeError(
            f"how strong {unknown.num_rows:,} of these associations were at {view.until:%Y-%m-%d %H:%M} "
            "cannot be known: they have had evidence or maintenance since, and events that were loaded and "
            f"not kept; ask as of {latest:%Y-%m-%d %H:%M} or later"
        )
    raise TimeError(
        f"how strong {unknown.num_rows:,} of these associations are by what is selected cannot be known: "
        "they have events that were loaded and not kept; name other sources, or ask without"
    )


def _then(
    store: Store,
    stored: pa.Table,
    ledger: Ledger,
    now: int,
    *,
    selection: Selection | None = None,
    told: Ledger | None = None,
) -> tuple[pa.Table, pa.Table]:
    """From the states of associations and all events that the ledgers hold of them; `told` are those seen."""
    source, target = column(stored, "source").astype(np.int64), column(stored, "id").astype(np.int64)
    _, pair = same_pairs(ledger.source, ledger.target, source, target)
    whole = np.bincount(pair, minlength=len(source)) >= column(stored, "events")
    last, as_of, began = (column(stored, name) for name in ("latest", "as_of", "began"))
    lost = ~whole & (began <= now)
    certain = lost & (last <= now) & (as_of <= now)
    if selection is not None:
        # of what lies within the dates all is seen, where they alone select
        lost &= (began < selection.filter.until) & (last >= selection.filter.since)
        inside = (began >= selection.filter.since) & (last < selection.filter.until)
        certain &= lost & inside & selection.filter.dated
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
    doubtful = lost & ~certain
    unknown = pa.table(
        {
            "source": source[doubtful],
            "id": target[doubtful],
            "latest": timestamps(np.maximum(last, as_of)[doubtful]),
        }
    )
    seen = ledger if told is None else told
    event, pair = same_pairs(seen.source, seen.target, source, target)
    folds = seen.time <= now
    folds[event[~whole[pair]]] = False
    return pa.concat_tables([states, fold(store, seen.take(folds), now)]), unknown


UNKNOWN = pa.schema(
    [("source", pa.int64()), ("id", pa.int64()), ("latest", pa.timestamp("us"))]
).empty_table()


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


def fold(store: Store, ledger: Ledger, now: int) -> pa.Table:
    """The associations that these events make, none of them later than `now`; as `outgoing` gives them."""
    if not len(ledger):
        return COLUMNS.empty_table()
    edges = ledger.take(in_order(ledger.amount, ledger.time)).fold(store.parameters)
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
