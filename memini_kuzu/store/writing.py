"""Rows that change together: entities and their counts, passages and their terms and sums.

Each function reads the stored rows, computes the new ones, and adds them to a `Change`. None writes to the
store.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memini_kuzu.identity import stable_id
from memini_kuzu.store.evidence import mentioned_by
from memini_kuzu.store.labels import NO_VOTES, counted, label_rows, tally
from memini_kuzu.store.languages import count_languages
from memini_kuzu.store.stored import counters_stored, entities_stored, frequencies_stored
from memini_kuzu.store.terms import count_terms
from memini_kuzu.tables import column, positions, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from memini_kuzu.store.change import Change
    from memini_kuzu.store.store import Store

    Ints = NDArray[np.int64]

__all__ = [
    "NO_COUNTS",
    "alter_entities",
    "count_mentions",
    "count_sources",
    "keys",
    "rewrite_passages",
]

READ_WORDS = """
LOAD FROM batch MATCH (p:Passage {id: id})
RETURN p.id AS id, p.terms AS terms, p.words AS words, p.language AS language
"""

WORDS = pa.schema({"id": pa.int64(), "terms": pa.string(), "words": pa.int64(), "language": pa.string()})

NO_COUNTS = pa.schema(
    {"id": pa.int64(), "mentions": pa.int64(), "headings": pa.int64(), "votes": pa.string()}
).empty_table()
"""Counts of no entity."""


def keys(ids: Sequence[int] | Ints) -> pa.Table:
    """Ids as a table of one column.

    Examples
    --------
    >>> keys([3])["id"].to_pylist()
    [3]
    """
    return pa.table({"id": pa.array(ids, pa.int64())})


def count_mentions(read: Callable[..., pa.Table], passages: Sequence[int] | Ints) -> pa.Table:
    """What entities would lose with these passages.

    Parameters
    ----------
    read : callable
        Executes a query.
    passages : sequence of int
        Ids.

    Returns
    -------
    pyarrow.Table
        id, mentions, headings (how many of the passages it heads) and votes (`labels.tally`).
    """
    mentioned = mentioned_by(read, passages) if len(passages) else NO_COUNTS
    if not mentioned.num_rows:
        return NO_COUNTS
    table = mentioned.group_by("entity").aggregate([("headed", "count"), ("headed", "sum")])
    votes = tally(mentioned["entity"], mentioned["label"])
    return pa.table(
        {
            "id": table["entity"],
            "mentions": table["headed_count"],
            "headings": table["headed_sum"],
            "votes": votes["votes"].take(pc.index_in(table["entity"], votes["id"])),
        }
    ).cast(NO_COUNTS.schema)


def alter_entities(change: Change, store: Store, added: pa.Table, removed: pa.Table = NO_COUNTS) -> int:
    """Create new entities, and update the dates, counts, votes and labels of existing ones.

    Parameters
    ----------
    change : Change
        The rows are added to it.
    store : Store
        An open store.
    added : pyarrow.Table
        Every column of Entity but the label, which is what the votes agree on; each entity once. An existing
        entity keeps its name, if it has one; its dates are widened, its mentions, headings and votes added.
    removed : pyarrow.Table
        What to subtract, as `count_mentions` gives it.

    Returns
    -------
    int
        The number of new entities.
    """
    ids = np.union1d(column(added, "id"), column(removed, "id")).astype(np.int64)
    if not len(ids):
        return 0
    known = entities_stored(store, ids)
    if not known.num_rows:
        known = pa.table({"id": pa.array([], pa.int64())})
    is_known = positions(column(added, "id"), column(known, "id")) >= 0
    change.create("Entity", label_rows(added.filter(pa.array(~is_known))))
    if known.num_rows:
        known = known.filter(pc.is_in(known["id"], pa.array(ids)))
        for rows in _altered(known, added, removed):
            change.update("Entity", rows)
    return int(added.num_rows - is_known.sum())


def _altered(known: pa.Table, added: pa.Table, removed: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The new rows of entities that change: without their names, and of others, that get a name, with it.

    Names are left out because the engine keeps every text that a column ever had, and they seldom change.
    """
    ids = column(known, "id")
    in_added, in_removed = positions(ids, column(added, "id")), positions(ids, column(removed, "id"))
    is_added = in_added >= 0

    def of(table: pa.Table, name: str, rows: Ints, default: Any) -> NDArray[Any]:
        return np.append(column(table, name), default)[rows].astype(np.int64)

    first, last = column(known, "first_seen"), column(known, "last_seen")
    new_first = np.minimum(first, of(added, "first_seen", in_added, np.iinfo(np.int64).max))
    new_last = np.maximum(last, of(added, "last_seen", in_added, 0))
    counts = {
        name: column(known, name) + of(added, name, in_added, 0) - of(removed, name, in_removed, 0)
        for name in ("mentions", "headings")
    }
    key, old_votes = (np.array(known[name].to_pylist(), dtype=object) for name in ("key", "votes"))
    # an entity loaded by its id alone has the number for a name, until a load or document names it
    nameless = is_added & (key == np.array([str(identity) for identity in ids.tolist()], dtype=object))
    added_keys = added["key"].to_pylist()
    for row in np.flatnonzero(nameless).tolist():
        # an alias that resolves to this entity is not its own name
        nameless[row] = stable_id(added_keys[in_added[row]]) == ids[row]
    names = added.select(["key", "name"]).take(pa.array(in_added[nameless]))
    votes = [
        np.array([*table["votes"].to_pylist(), NO_VOTES], dtype=object)[rows].tolist()
        for table, rows in ((added, in_added), (removed, in_removed))
    ]
    new_votes = np.array(list(map(counted, old_votes, *votes)), dtype=object)
    changed = (new_first != first) | (new_last != last) | (new_votes != old_votes)
    for name, values in counts.items():
        changed |= values != column(known, name)
    rows = pa.table(
        {
            "id": ids,
            "votes": pa.array(new_votes.tolist(), pa.string()),
            "first_seen": timestamps(new_first),
            "last_seen": timestamps(new_last),
            **counts,
        }
    )
    named = rows.filter(pa.array(nameless))
    for name in names.column_names:
        named = named.append_column(name, names[name])
    return label_rows(rows.filter(pa.array(changed & ~nameless))), label_rows(named)


def rewrite_passages(change: Change, store: Store, deleted: Sequence[int], created: pa.Table) -> None:
    """Delete passages with their relationships, create others, and update terms and sums.

    Parameters
    ----------
    change : Change
        The rows are added to it.
    store : Store
        An open store.
    deleted : sequence of int
        Ids of the passages to delete; unknown ids are ignored.
    created : pyarrow.Table
        Every column of Passage. A passage whose id is in `deleted` replaces the stored one.
    """
    old = WORDS.empty_table()
    if len(deleted):
        found = store.read(READ_WORDS, batch=keys(deleted))
        old = found.cast(WORDS) if found.num_rows else old
    if not old.num_rows and not created.num_rows:
        return
    change.delete("Passage", old.select(["id"]))
    change.create("Passage", created)
    count_terms(change, partial(frequencies_stored, store), old, created)
    meta = store.stored_meta()
    sums = {
        "passages": int(meta.get("passages", 0)) + created.num_rows - old.num_rows,
        "words": int(meta.get("words", 0)) + _sum(created) - _sum(old),
    }
    counted = {name: str(value) for name, value in sums.items()} | count_languages(meta, old, created)
    change.set_meta(counted, meta)


def _sum(passages: pa.Table) -> int:
    return int(pc.sum(passages["words"]).as_py() or 0)


def count_sources(change: Change, store: Store, counters: Mapping[str, int]) -> None:
    """Set how many positions each of these sources has assigned."""
    names = list(counters)
    rows = pa.table(
        {"name": pa.array(names, pa.string()), "passages": pa.array(list(counters.values()), pa.int64())}
    )
    is_known = pc.is_in(rows["name"], pa.array(list(counters_stored(store, names)), pa.string()))
    change.update("Source", rows.filter(is_known))
    change.create("Source", rows.filter(pc.invert(is_known)))
